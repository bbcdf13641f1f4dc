import Foundation
import GRDB
import JSON
import SearchEngine

extension TrendStore {
    /// Brings points back in line with rows where they have parted: rows are what counts. Payloads get the fields of their rows.
    /// No row is removed: those that have lost their vector are marked as in need of one, and reported. A collection that isn't
    /// the store's is left alone.
    ///
    /// - Parameter deletingPoints: whether points without a row are deleted; a client may have put some there for itself.
    ///
    /// Runs beside writes, in many short transactions, each of which looks again at what it mends; but a text index that differs from its
    /// rows is made anew in one. Complexity: as
    /// `check`, and O(what is wrong).
    public func repair(deletingPoints: Bool = true) throws -> RepairReport {
        let report = try check()
        return RepairReport(
            trends: try repair(Trend.self, report.trends, deletingPoints),
            ideas: try repair(Idea.self, report.ideas, deletingPoints))
    }

    private func repair<R: TextIndexedRow>(
        _: R.Type, _ report: TableReport, _ deletingPoints: Bool
    ) throws -> TableRepair {
        var repair = TableRepair()
        for batch in batches(deletingPoints ? report.pointsWithoutRow : []) {
            repair.removedPoints += try engine.write { transaction in
                let orphans = try Self.pointsWithoutRow(batch, R.self, transaction)
                if !orphans.isEmpty { try transaction.update(R.table, [.delete(.ids(orphans))]) }
                return orphans
            }
        }
        for batch in batches(report.payloadMismatches.map(\.id)) {
            repair.mendedPayloads += try engine.write { transaction in
                try batch.filter { try Self.mendPayload($0, R.self, transaction) }
            }
        }
        let isKept = keeps(R.table)
        for batch in batches(report.rowsWithoutPoint + report.pointsWithoutVector + report.uncountedVectors) {
            repair.rowsNeedingEmbedding += try engine.write { [self] transaction in
                noteChange(transaction)
                return try batch.filter { try Self.mendStatus($0, R.self, isKept, transaction) == .missing }
            }
        }
        repair.rowsNeedingEmbedding.sort { $0.pointID < $1.pointID }
        if !report.text.isConsistent {
            try engine.write { try Schema.rebuildTextIndex(of: R.self, $0.database) }
            repair.isTextIndexRebuilt = true
        }
        return repair
    }

    /// Has a row say whether it has a vector. Returns what it says now; `nil` for a row that is gone.
    private static func mendStatus<R: StoredRow>(
        _ id: UUID, _: R.Type, _ isKept: Bool, _ transaction: WriteTransaction
    ) throws -> EmbeddingStatus? {
        guard var row = try R.fetch(id, transaction.database) else { return nil }
        guard isKept, try payload(id.pointID, R.table, transaction) != nil,
            try transaction.hasVector(id.pointID, in: R.table)
        else {
            row.embeddingStatus = .missing
            try row.update(transaction.database)
            return .missing
        }
        if row.embeddingStatus == .missing {
            row.embeddingStatus = .current
            try row.update(transaction.database)
        }
        return row.embeddingStatus
    }

    /// Whether there was something to mend.
    private static func mendPayload<R: StoredRow>(_ id: UUID, _: R.Type, _ transaction: WriteTransaction) throws
        -> Bool
    {
        guard let row = try R.fetch(id, transaction.database),
            let stored = try payload(id.pointID, R.table, transaction), !row.differingKeys(stored).isEmpty
        else { return false }
        let operation = UpdateOperation.overwritePayload(
            .ids([id.pointID]), payload: .object(row.payloadFields(over: stored.value.objectValue ?? [:])), key: nil)
        try transaction.update(R.table, [operation])
        return true
    }
}
