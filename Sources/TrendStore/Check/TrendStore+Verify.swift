import Foundation
import GRDB
import SearchEngine

extension TrendStore {
    /// Compares the rows and the points of a storage at rest, as ``check()`` does of an open one, and changes nothing. Returns
    /// whether all agree, and a line for each table and each kind of difference.
    ///
    /// Tables of an earlier format are left alone: the next start takes them over, and brings their points in line. Throws
    /// `EngineError.storage` for tables of a newer program and for damaged rows. Complexity: O(rows + points), and 16
    /// bytes a point.
    public static func verify(_ storage: StorageAtRest) throws -> (isSound: Bool, lines: [String]) {
        guard let format = try Schema.format(storage.database) else { return (true, []) }
        guard format == Schema.formatVersion else {
            return (true, ["The trend tables have format \(format); the next start takes them over"])
        }
        let tables = [
            (Trend.table, try differences(Trend.self, storage)), (Idea.table, try differences(Idea.self, storage)),
        ]
        return (tables.allSatisfy { $1.isConsistent }, tables.flatMap { $1.describe($0) })
    }

    private static func differences<R: TextIndexedRow>(_: R.Type, _ storage: StorageAtRest) throws -> TableReport {
        let db = storage.database
        var report = TableReport()
        var seen: Set<UUID> = []
        if let collection = try Schema.keptCollection(R.table, db) {
            _ = try storage.forEachPoint(inCollection: collection, vector: "") { id, payload, hasVector in
                report.pointCount += 1
                guard let rowID = UUID(id), let row = try R.fetch(rowID, db) else {
                    report.pointsWithoutRow.append(id)
                    return
                }
                seen.insert(rowID)
                let keys = row.differingKeys(payload)
                if !keys.isEmpty { report.payloadMismatches.append(.init(id: rowID, keys: keys)) }
                switch (row.embeddingStatus, hasVector) {
                case (.missing, true): report.uncountedVectors.append(rowID)
                case (.stale, false), (.current, false): report.pointsWithoutVector.append(rowID)
                default: break
                }
            }
        }
        let rows = try Row.fetchCursor(db, sql: "SELECT id, embedding_status FROM \(R.table) ORDER BY id")
        while let row = try rows.next() {
            report.rowCount += 1
            let columns = ColumnReader(row, of: R.table)
            let id = try columns.id("id")
            let status: EmbeddingStatus = try columns.member("embedding_status")
            if status != .missing, !seen.contains(id) { report.rowsWithoutPoint.append(id) }
        }
        report.text = try TextIndexReport(comparing: R.self, db)
        return report
    }
}

extension TableReport {
    /// What was looked at, then each kind of difference with its number and its first ids.
    func describe(_ table: String) -> [String] {
        var lines = ["\(table): \(rowCount) rows and \(pointCount) points, \(differenceCount) differences"]
        func add(_ what: String, _ ids: [String]) {
            guard !ids.isEmpty else { return }
            let shown = ids.prefix(Self.mostShown).joined(separator: ", ")
            lines.append("\(table): \(ids.count) \(what): \(shown)\(ids.count > Self.mostShown ? ", …" : "")")
        }
        add("rows count as embedded and have no point", rowsWithoutPoint.map(\.text))
        add("rows count as embedded and their points have no vector", pointsWithoutVector.map(\.text))
        add("rows count as not embedded and have a vector", uncountedVectors.map(\.text))
        add(
            "payloads differ from their rows",
            payloadMismatches.map { "\($0.id.text) (\($0.keys.joined(separator: ", ")))" })
        add("points have no row", pointsWithoutRow.map { "\($0)" })
        add("rows differ from the index of their words", text.rows.map(\.text))
        if text.rowsThatAreGone > 0 {
            lines.append("\(table): the index of words has \(text.rowsThatAreGone) rows that are gone")
        }
        if text.isUnreadable { lines.append("\(table): the index of words is damaged, or of another program") }
        return lines
    }

    private static let mostShown = 5

    private var differenceCount: Int {
        rowsWithoutPoint.count + pointsWithoutVector.count + uncountedVectors.count + payloadMismatches.count
            + pointsWithoutRow.count + text.rows.count + text.rowsThatAreGone + (text.isUnreadable ? 1 : 0)
    }
}
