import Foundation
import GRDB
import JSON
import SearchEngine

extension TrendStore {
    /// Compares every row with its point and with the index of its words, and reports what doesn't agree; changes nothing.
    ///
    /// Runs beside writes: what looks wrong is looked at once more in a transaction, so that changes under way are not
    /// reported. Complexity: O(rows + points); writes wait only for that second look.
    public func check() throws -> CheckReport {
        CheckReport(trends: try check(Trend.self), ideas: try check(Idea.self))
    }

    private static let batchSize = 500

    private func check<R: TextIndexedRow>(_: R.Type) throws -> TableReport {
        var report = TableReport()
        var rowSuspects: [UUID] = []
        try forEachBatch(of: R.self) { rows in
            report.rowCount += rows.count
            let payloads = keeps(R.table) ? try payloads(of: rows) : [:]
            rowSuspects += rows.filter { row in
                guard let payload = payloads[row.id] else { return row.embeddingStatus != .missing }
                return row.embeddingStatus == .missing || !row.differingKeys(payload).isEmpty
            }.map(\.id)
        }
        var pointSuspects: [PointID] = []
        // Whoever else has a collection of the name: it isn't looked at.
        if keeps(R.table) {
            try forEachBatch(ofPointsIn: R.table) { ids in
                report.pointCount += ids.count
                pointSuspects += try pointsWithoutRow(ids, R.self)
            }
        }
        try confirm(rowSuspects, pointSuspects, R.self, &report)
        report.pointsWithoutVector = try pointsWithoutVector(R.self)
        report.text = try engine.read { try TextIndexReport(comparing: R.self, $0) }
        return report
    }

    // MARK: The first look

    private func forEachBatch<R: StoredRow>(of _: R.Type, _ body: ([R]) throws -> Void) throws {
        var last = ""
        while true {
            let rows = try engine.read { db in
                try Row.fetchAll(
                    db, sql: "SELECT \(R.selection) FROM \(R.table) WHERE id > ? ORDER BY id LIMIT \(Self.batchSize)",
                    arguments: [last]
                ).map { try R($0) }
            }
            guard let end = rows.last else { return }
            try body(rows)
            last = end.id.text
        }
    }

    private func payloads<R: StoredRow>(of rows: [R]) throws -> [UUID: Payload] {
        let points = try engine.retrieve(R.table, ids: rows.map(\.id.pointID), payload: .all, vectors: .none)
        var payloads: [UUID: Payload] = [:]
        for point in points {
            if let id = UUID(point.id) { payloads[id] = point.payload }
        }
        return payloads
    }

    private func forEachBatch(
        ofPointsIn collection: String, filter: Filter? = nil, _ body: ([PointID]) throws -> Void
    ) throws {
        var next: PointID?
        repeat {
            let query = Query(.byID(from: next), filter: filter, limit: Self.batchSize)
            let page = try engine.query(collection, QueryRequest(query))
            try body(page.points.map(\.id))
            next = page.nextID
        } while next != nil
    }

    private func pointsWithoutRow<R: StoredRow>(_ ids: [PointID], _: R.Type) throws -> [PointID] {
        try engine.read { db in
            try ids.filter { id in try UUID(id).map { try !R.exists($0, db) } ?? true }
        }
    }

    // MARK: The second look

    /// Reports the suspects that a transaction finds wrong, too.
    private func confirm<R: StoredRow>(
        _ rows: [UUID], _ points: [PointID], _: R.Type, _ original: inout TableReport
    ) throws {
        nonisolated(unsafe) var report = original
        defer { original = report }
        let isKept = keeps(R.table)
        for batch in batches(rows) {
            try engine.write { transaction in
                for id in batch {
                    guard let row = try R.fetch(id, transaction.database) else { continue }
                    guard isKept, let payload = try Self.payload(id.pointID, R.table, transaction) else {
                        if row.embeddingStatus != .missing { report.rowsWithoutPoint.append(id) }
                        continue
                    }
                    let keys = row.differingKeys(payload)
                    if !keys.isEmpty { report.payloadMismatches.append(.init(id: id, keys: keys)) }
                    if row.embeddingStatus == .missing, try transaction.hasVector(id.pointID, in: R.table) {
                        report.uncountedVectors.append(id)
                    }
                }
            }
        }
        for batch in batches(points) {
            report.pointsWithoutRow += try engine.write { transaction in
                try Self.pointsWithoutRow(batch, R.self, transaction)
            }
        }
    }

    /// Those of the points that are there while their rows are not.
    static func pointsWithoutRow<R: StoredRow>(
        _ ids: some Sequence<PointID>, _: R.Type, _ transaction: WriteTransaction
    ) throws -> [PointID] {
        try ids.filter { id in
            guard try payload(id, R.table, transaction) != nil else { return false }
            return try UUID(id).map { try !R.exists($0, transaction.database) } ?? true
        }
    }

    func batches<Element>(_ elements: [Element]) -> [ArraySlice<Element>] {
        stride(from: 0, to: elements.count, by: Self.batchSize).map { elements[$0...].prefix(Self.batchSize) }
    }

    /// `nil` when there is no such point, or not even its collection.
    static func payload(_ id: PointID, _ collection: String, _ transaction: WriteTransaction) throws -> Payload? {
        do {
            return try transaction.payload(id, in: collection)
        } catch EngineError.notFound {
            return nil
        }
    }

    /// Rows whose point has no vector, though they count as embedded. Both are read once more in one transaction, as a vector
    /// may come in between.
    private func pointsWithoutVector<R: StoredRow>(_: R.Type) throws -> [UUID] {
        guard keeps(R.table) else { return [] }
        var found: [UUID] = []
        try forEachBatch(ofPointsIn: R.table, filter: Filter(mustNot: [.hasVector("")])) { ids in
            found += try engine.write { transaction in
                try ids.compactMap { UUID($0) }.filter { id in
                    guard let row = try R.fetch(id, transaction.database), row.embeddingStatus != .missing,
                        try Self.payload(id.pointID, R.table, transaction) != nil
                    else { return false }
                    return try !transaction.hasVector(id.pointID, in: R.table)
                }
            }
        }
        return found
    }
}

extension StoredRow {
    /// The row's keys by which a point's payload differs from it, whatever their order; sorted. Other keys are whoever's put
    /// them there.
    func differingKeys(_ stored: Payload) -> [String] {
        if stored == payload { return [] }
        let own = payloadFields
        let other = stored.value.objectValue ?? [:]
        return Self.payloadKeys.filter { own[$0] != other[$0] }.sorted().map(\.string)
    }
}
