import Foundation
import GRDB
import JSON
import SearchEngine

/// A snapshot of `trends` or `ideas` carries the rows, and its restore brings rows and points together.
///
/// The rows of a restore are read into tables of their own first, some hundreds in a transaction, and checked there; the
/// transaction that exchanges the points puts them in place of those that there are. Rows that aren't in the archive go with
/// what belongs to them: ideas of a trend with their points.
extension TrendStore {
    private static let rowsPerTransaction = 500
    private static let bytesPerTransaction = 8 << 20

    public func takesRows(of collection: String) -> Bool {
        guard [Trend.table, Idea.table].contains(collection) else { return false }
        // Somebody else's of the name is left alone.
        return keeps(collection) || !engine.collectionNames().contains(collection)
    }

    public func archive(_ collection: String, _ db: GRDB.Database, _ write: ([UInt8]) throws -> Void) throws {
        try ArchivedRows.write(collection, db, write)
    }

    public func stage(
        _ collection: String, _ configuration: CollectionConfiguration, _ next: () throws -> [UInt8]?
    ) throws {
        guard Self.fits(configuration) else {
            throw ArchivedRows.invalid("the collection's vectors aren't those of the trend store")
        }
        let isFirst = staged.withLock { staged in
            guard staged[collection] == nil else { return false }
            staged[collection] = .some(nil)
            return true
        }
        guard isFirst else {
            throw EngineError.busy("The collection `\(collection)` is being restored already")
        }
        do { try read(collection, next) } catch {
            unstage(collection)
            throw error
        }
    }

    public func adoptStaged(
        _ collection: String, as id: Int64, hasVector: (PointID) -> Bool, _ transaction: WriteTransaction
    ) throws {
        guard let rows = staged.withLock({ $0[collection] ?? nil }) else {
            throw EngineError.storage("No rows of \(collection) are staged")
        }
        noteChange(transaction)
        let db = transaction.database
        switch collection {
        case Trend.table:
            try deleteIdeaPoints(transaction)
            // All have theirs in the archive.
            try db.execute(sql: "DELETE FROM observations")
        default:
            let orphan = try Row.fetchOne(
                db,
                sql: """
                    SELECT id, trend_id FROM restoring_ideas WHERE trend_id NOT IN (SELECT id FROM trends) LIMIT 1
                    """)
            if let orphan {
                throw EngineError.conflict(
                    """
                    The snapshot's idea \(orphan[0] as String) belongs to the trend \(orphan[1] as String), which isn't there: \
                    restore a snapshot of `trends` first
                    """)
            }
        }
        for table in ArchivedRows.tables(of: collection) { try Self.exchange(table, db) }
        if collection == Trend.table { try noteFingerprints(at: .now, db) }
        try Self.setStatuses(collection, hasVector, db)
        try db.execute(
            sql: "INSERT OR REPLACE INTO trend_store_collections (name, collection, model) VALUES (?, ?, ?)",
            arguments: [collection, id, rows.model])
        transaction.afterCommit { [self] in kept.withLock { _ = $0.insert(collection) } }
    }

    public func unstage(_ collection: String) {
        try? engine.write(mayUseReserve: true) { transaction in
            for table in ArchivedRows.tables(of: collection) {
                try transaction.database.execute(sql: "DROP TABLE IF EXISTS \(table.staging)")
            }
        }
        staged.withLock { _ = $0.removeValue(forKey: collection) }
    }

    // MARK: Reading

    private func read(_ collection: String, _ next: () throws -> [UInt8]?) throws {
        let tables = ArchivedRows.tables(of: collection)
        try engine.write { transaction in
            for table in tables {
                try transaction.database.execute(
                    sql: """
                        DROP TABLE IF EXISTS \(table.staging);
                        CREATE TABLE \(table.staging) AS SELECT \(table.selection) FROM \(table.name) WHERE 0
                        """)
            }
        }
        var lines = ArchivedLines()
        var hasHead = false
        var rows: [(table: ArchivedRows.Table, values: [DatabaseValue])] = []
        var bytes = 0
        func flush() throws {
            let batch = rows
            (rows, bytes) = ([], 0)
            try engine.write { transaction in
                for (table, values) in batch {
                    let places = values.map { _ in "?" }.joined(separator: ", ")
                    try transaction.database.cachedStatement(
                        sql: "INSERT INTO \(table.staging) (\(table.selection)) VALUES (\(places))"
                    ).execute(arguments: StatementArguments(values))
                }
            }
        }
        while let part = try next() {
            try lines.read(part) { line in
                guard hasHead else {
                    let model = try Self.readHead(line, collection, tables)
                    staged.withLock { $0[collection] = StagedRows(model: model) }
                    hasHead = true
                    return
                }
                let row = try Self.readRow(line, tables)
                rows.append(row)
                bytes += row.1.reduce(0) { sum, value in
                    if case .string(let text) = value.storage { sum + text.utf8.count } else { sum + 8 }
                }
                if rows.count == Self.rowsPerTransaction || bytes >= Self.bytesPerTransaction { try flush() }
            }
        }
        try lines.finish()
        guard hasHead else { throw ArchivedRows.invalid("there are none") }
        try flush()
        try check(collection)
    }

    /// Returns the model of the vectors.
    private static func readHead(
        _ line: JSONValue, _ collection: String, _ tables: [ArchivedRows.Table]
    ) throws -> String? {
        guard line["format"] == .integer(ArchivedRows.format), line["collection"]?.stringValue == collection else {
            throw ArchivedRows.invalid("they aren't rows of `\(collection)` in format \(ArchivedRows.format)")
        }
        for table in tables {
            let columns = line["tables"]?[table.name]?.arrayValue?.map(\.stringValue)
            guard columns == table.columns else {
                throw ArchivedRows.invalid("\(table.name) has other columns than this program's")
            }
        }
        return line["model"]?.stringValue
    }

    private static func readRow(
        _ line: JSONValue, _ tables: [ArchivedRows.Table]
    ) throws -> (ArchivedRows.Table, [DatabaseValue]) {
        guard let values = line.arrayValue, let name = values.first?.stringValue,
            let table = tables.first(where: { $0.name == name }), values.count == table.columns.count + 1
        else { throw ArchivedRows.invalid("a line is no row") }
        return (
            table,
            try values.dropFirst().map { value in
                switch value {
                case .null: return .null
                case .string(let text): return text.databaseValue
                default:
                    if let number = value.integerValue { return number.databaseValue }
                    if let number = value.doubleValue { return number.databaseValue }
                    throw ArchivedRows.invalid("a value of \(name) is neither text nor number")
                }
            }
        )
    }

    /// Looks at each staged row as if a client had sent it.
    private func check(_ collection: String) throws {
        try engine.read { db in
            switch collection {
            case Trend.table:
                try Self.check(Trend.self, db)
                let observations = try Row.fetchCursor(
                    db, sql: "SELECT trend_id, \(Observation.selection) FROM restoring_observations")
                while let row = try observations.next() {
                    try Self.checked(row, "observations") { _ = try Observation($0).validated() }
                }
                let orphan = try String.fetchOne(
                    db,
                    sql: """
                        SELECT trend_id FROM restoring_observations
                        WHERE trend_id NOT IN (SELECT id FROM restoring_trends) LIMIT 1
                        """)
                if let orphan {
                    throw ArchivedRows.invalid("an observation is of the trend \(orphan), which isn't there")
                }
            default: try Self.check(Idea.self, db)
            }
        }
    }

    private static func check<R: StoredRow>(_: R.Type, _ db: GRDB.Database) throws {
        let twice = try String.fetchOne(
            db, sql: "SELECT id FROM restoring_\(R.table) GROUP BY id HAVING count(*) > 1 LIMIT 1")
        if let twice { throw ArchivedRows.invalid("\(twice) is in it twice") }
        let rows = try Row.fetchCursor(db, sql: "SELECT \(R.selection) FROM restoring_\(R.table)")
        while let row = try rows.next() {
            try checked(row, R.table) { stored in
                let row = try R(stored)
                let isNormal = zip(R.columns, row.values).allSatisfy { column, value in
                    !column.hasSuffix("id") || value?.databaseValue == stored[column]
                }
                guard isNormal, try row.validated() == row else { throw invalid("id", "isn't in its normal form") }
            }
        }
    }

    private static func checked(_ row: Row, _ table: String, _ body: (Row) throws -> Void) throws {
        do { try body(row) } catch let error as TrendStoreError {
            throw ArchivedRows.invalid("\(row[0] as DatabaseValue) of \(table): \(error)")
        } catch EngineError.storage(let message) {
            throw ArchivedRows.invalid(message)
        }
    }

    // MARK: The exchange

    /// Those of ideas that go with their trends.
    private func deleteIdeaPoints(_ transaction: WriteTransaction) throws {
        guard keeps(Idea.table) else { return }
        let ids = try String.fetchAll(
            transaction.database,
            sql: """
                SELECT ideas.id FROM ideas JOIN trends ON trends.id = ideas.trend_id
                WHERE trends.id NOT IN (SELECT id FROM restoring_trends)
                """)
        let points = ids.compactMap { UUID(uuidString: $0)?.pointID }
        if !points.isEmpty { _ = try transaction.update(Idea.table, [.delete(.ids(points))]) }
    }

    private static func exchange(_ table: ArchivedRows.Table, _ db: GRDB.Database) throws {
        guard table.columns.contains("id") else {
            try db.execute(
                sql: """
                    INSERT INTO \(table.name) (\(table.selection)) SELECT \(table.selection) FROM \(table.staging)
                    ORDER BY rowid
                    """)
            return
        }
        try db.execute(sql: "DELETE FROM \(table.name) WHERE id NOT IN (SELECT id FROM \(table.staging))")
        let assignments = table.columns.dropFirst().map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
        try db.execute(
            sql: """
                INSERT INTO \(table.name) (\(table.selection)) SELECT \(table.selection) FROM \(table.staging) WHERE 1
                ON CONFLICT (id) DO UPDATE SET \(assignments)
                """)
    }

    /// Fingerprints of the rows that were seen within a day, in place of those of the state before.
    private func noteFingerprints(at now: Timestamp, _ db: GRDB.Database) throws {
        try db.execute(sql: "DELETE FROM trend_fingerprints")
        let since = now.adding(seconds: -TrendTransaction.knownForSeconds).microseconds
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT \(Trend.selection), (SELECT max(observed_at) FROM observations WHERE trend_id = trends.id) AS seen_at
                FROM trends WHERE id IN (SELECT trend_id FROM observations WHERE observed_at > ?)
                """, arguments: [since])
        let statement = try db.cachedStatement(
            sql: "INSERT OR IGNORE INTO trend_fingerprints (fingerprint, trend_id, seen_at) VALUES (?, ?, ?)")
        while let row = try rows.next() {
            let trend = try Trend(row)
            let seenAt = min(row["seen_at"] as Int64, now.microseconds)
            for fingerprint in TrendFingerprint.all(of: trend) {
                try statement.execute(arguments: [fingerprint.bytes, trend.id.text, seenAt])
                seen.withLock { $0.insert(fingerprint) }
            }
        }
    }

    /// Has rows say whether their points have vectors, whatever the archive says.
    private static func setStatuses(
        _ table: String, _ hasVector: (PointID) -> Bool, _ db: GRDB.Database
    ) throws {
        var wrong: [(id: String, status: EmbeddingStatus)] = []
        let rows = try Row.fetchCursor(db, sql: "SELECT id, embedding_status FROM \(table)")
        while let row = try rows.next() {
            let id: String = row[0]
            let isMissing = row[1] as String == EmbeddingStatus.missing.rawValue
            let hasOne = UUID(uuidString: id).map { hasVector($0.pointID) } ?? false
            if isMissing == hasOne { wrong.append((id, hasOne ? .current : .missing)) }
        }
        for (id, status) in wrong {
            try db.execute(
                sql: "UPDATE \(table) SET embedding_status = ? WHERE id = ?", arguments: [status.rawValue, id])
        }
    }
}

/// Rows of a restore that are read and not taken yet.
struct StagedRows: Sendable {
    var model: String?
}
