import GRDB
import GRDBSQLite

/// The names and statements of one collection's points table.
package struct PointsTable: Sendable {
    package let name: String

    package init(collection: Int64, generation: Int) { name = "points_\(collection)_\(generation)" }

    /// `id` has no affinity: numbers below 2⁶³ are integers, larger ones 20-digit texts, UUIDs 16-byte blobs,
    /// so that SQLite sorts ids as `PointID` does.
    package var createStatement: String {
        """
        CREATE TABLE \(name) (
            slot INTEGER PRIMARY KEY,
            id NOT NULL UNIQUE,
            version INTEGER NOT NULL,
            vectors INTEGER NOT NULL,
            checksum INTEGER NOT NULL,
            payload TEXT NOT NULL,
            payload_checksum INTEGER
        )
        """
    }

    /// The names of the tables of all collections and generations.
    static func allNames(_ db: GRDB.Database) throws -> [String] {
        try String.fetchAll(
            db, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'points_[0-9]*_[0-9]*'")
    }
}

/// A point's row without its payload.
package struct PointRow: Sendable {
    package var slot: UInt32
    package var id: PointID
    package var version: UInt64
    /// Bit i: the point has the vector number i of the configuration.
    package var vectors: UInt64
}

extension PointsTable {
    package func insert(_ row: PointRow, checksum: UInt64, payload: Payload, _ db: GRDB.Database) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO \(name) (slot, id, version, vectors, checksum, payload, payload_checksum)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """)
        let raw = statement.sqliteStatement
        sqlite3_reset(raw)
        sqlite3_bind_int64(raw, 1, Int64(row.slot))
        bindID(row.id, raw, 2)
        sqlite3_bind_int64(raw, 3, Int64(bitPattern: row.version))
        sqlite3_bind_int64(raw, 4, Int64(bitPattern: row.vectors))
        sqlite3_bind_int64(raw, 5, Int64(bitPattern: checksum))
        bind(payload, raw, 6)
        sqlite3_bind_int64(raw, 7, Int64(bitPattern: payload.checksum))
        try step(raw, db)
    }

    package func delete(slot: UInt32, _ db: GRDB.Database) throws {
        let raw = try db.cachedStatement(sql: "DELETE FROM \(name) WHERE slot = ?").sqliteStatement
        sqlite3_reset(raw)
        sqlite3_bind_int64(raw, 1, Int64(slot))
        try step(raw, db)
    }

    package func setPayload(slot: UInt32, version: UInt64, payload: Payload, _ db: GRDB.Database) throws {
        let raw = try db.cachedStatement(
            sql: "UPDATE \(name) SET payload = ?, payload_checksum = ?, version = ? WHERE slot = ?"
        ).sqliteStatement
        sqlite3_reset(raw)
        bind(payload, raw, 1)
        sqlite3_bind_int64(raw, 2, Int64(bitPattern: payload.checksum))
        sqlite3_bind_int64(raw, 3, Int64(bitPattern: version))
        sqlite3_bind_int64(raw, 4, Int64(slot))
        try step(raw, db)
    }

    /// Copies a row of another table to a new slot; nothing happens if it is not there.
    package func copy(from other: PointsTable, slot: UInt32, to newSlot: UInt32, _ db: GRDB.Database) throws {
        let raw = try db.cachedStatement(
            sql: """
                INSERT INTO \(name) (slot, id, version, vectors, checksum, payload, payload_checksum)
                SELECT ?, id, version, vectors, checksum, payload, payload_checksum FROM \(other.name) WHERE slot = ?
                """
        ).sqliteStatement
        sqlite3_reset(raw)
        sqlite3_bind_int64(raw, 1, Int64(newSlot))
        sqlite3_bind_int64(raw, 2, Int64(slot))
        try step(raw, db)
    }

    /// The payload at a slot, or `nil` if the row is gone.
    package func payload(slot: UInt32, _ db: GRDB.Database) throws -> Payload? {
        let statement = try db.cachedStatement(sql: payloadQuery)
        return try withExtendedLifetime(statement) {
            var found: Payload?
            try forEachPayload(at: CollectionOfOne(slot), from: statement.sqliteStatement, db.sqliteConnection) {
                found = $0
            }
            return found
        }
    }

    /// The payload at a slot, for `forEachPayload`.
    var payloadQuery: String { "SELECT payload FROM \(name) WHERE slot = ?" }

    /// Calls `body` with the payloads at some slots in their order, `nil` where the row is gone. About 1 µs each.
    /// `query` is the statement of `payloadQuery`.
    func forEachPayload(
        at slots: some Collection<UInt32>, from query: OpaquePointer, _ connection: OpaquePointer?,
        _ body: (Payload?) throws -> Void
    ) throws {
        for slot in slots {
            sqlite3_reset(query)
            sqlite3_bind_int64(query, 1, Int64(slot))
            // Reset in any case, so that no statement is left open in its transaction.
            defer { sqlite3_reset(query) }
            switch sqlite3_step(query) {
            case SQLITE_ROW: try body(column(query, 0))
            case SQLITE_DONE: try body(nil)
            case let code:
                throw DatabaseError(
                    resultCode: ResultCode(rawValue: code), message: String(cString: sqlite3_errmsg(connection)))
            }
        }
    }

    /// Visits the rows from a slot on in slot order, without payloads.
    package func forEachRow(
        from slot: Int = 0, _ db: GRDB.Database, _ body: (_ row: PointRow, _ checksum: UInt64) throws -> Void
    ) throws {
        let raw = try db.makeStatement(
            sql: "SELECT slot, id, version, vectors, checksum FROM \(name) WHERE slot >= \(slot) ORDER BY slot")
        try withExtendedLifetime(raw) { try visit($0.sqliteStatement, db) { try body(row($0), checksum($0)) } }
    }

    /// Visits every row in slot order with its checksum and payload.
    package func forEachRecord(
        _ db: GRDB.Database, _ body: (_ row: PointRow, _ checksum: UInt64, _ payload: Payload) throws -> Void
    ) throws {
        let raw = try db.makeStatement(
            sql: "SELECT slot, id, version, vectors, checksum, payload FROM \(name) ORDER BY slot")
        try withExtendedLifetime(raw) {
            try visit($0.sqliteStatement, db) { try body(row($0), checksum($0), column($0, 5)) }
        }
    }

    /// Visits every row in slot order with its checksum, and whether its payload is the one that was written. Rows of
    /// older formats have no checksum of the payload, which then counts as sound.
    func forEachChecked(
        _ db: GRDB.Database, _ body: (_ row: PointRow, _ checksum: UInt64, _ isPayloadSound: Bool) throws -> Void
    ) throws {
        let hasSums = try db.columns(in: name).contains { $0.name == "payload_checksum" }
        let raw = try db.makeStatement(
            sql: """
                SELECT slot, id, version, vectors, checksum, payload, \(hasSums ? "payload_checksum" : "NULL")
                FROM \(name) ORDER BY slot
                """)
        try withExtendedLifetime(raw) {
            try visit($0.sqliteStatement, db) { raw in
                let isSound =
                    sqlite3_column_type(raw, 6) == SQLITE_NULL
                    || UInt64(bitPattern: sqlite3_column_int64(raw, 6)) == column(raw, 5).checksum
                try body(row(raw), checksum(raw), isSound)
            }
        }
    }

    private func visit(_ raw: OpaquePointer, _ db: GRDB.Database, _ body: (OpaquePointer) throws -> Void) throws {
        defer { sqlite3_reset(raw) }
        while true {
            switch sqlite3_step(raw) {
            case SQLITE_ROW: try body(raw)
            case SQLITE_DONE: return
            case let code: throw failure(code, db)
            }
        }
    }

    private func row(_ raw: OpaquePointer) throws -> PointRow {
        guard let slot = UInt32(exactly: sqlite3_column_int64(raw, 0)) else {
            throw EngineError.storage("A point's slot in the database is out of range")
        }
        return PointRow(
            slot: slot, id: try pointID(raw, 1),
            version: UInt64(bitPattern: sqlite3_column_int64(raw, 2)),
            vectors: UInt64(bitPattern: sqlite3_column_int64(raw, 3)))
    }

    private func checksum(_ raw: OpaquePointer) -> UInt64 { UInt64(bitPattern: sqlite3_column_int64(raw, 4)) }

    private func column(_ raw: OpaquePointer, _ index: Int32) -> Payload {
        guard let text = sqlite3_column_text(raw, index) else { return .empty }
        let count = Int(sqlite3_column_bytes(raw, index))
        return Payload(validated: Array(UnsafeBufferPointer(start: text, count: count)))
    }

    private func bind(_ payload: Payload, _ raw: OpaquePointer, _ index: Int32) {
        // SQLITE_STATIC would do until the step, but the array may move; the copy is small.
        payload.json.withUnsafeBytes {
            _ = sqlite3_bind_text(
                raw, index, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count), transient)
        }
    }

    private func step(_ raw: OpaquePointer, _ db: GRDB.Database) throws {
        let code = sqlite3_step(raw)
        sqlite3_reset(raw)
        guard code == SQLITE_DONE else { throw failure(code, db) }
    }

    private func failure(_ code: Int32, _ db: GRDB.Database) -> DatabaseError {
        DatabaseError(resultCode: ResultCode(rawValue: code), message: db.lastErrorMessage)
    }
}

extension Payload {
    fileprivate var checksum: UInt64 {
        var sum = Checksum()
        json.withUnsafeBytes { sum.add($0) }
        return sum.value
    }
}

private let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

private func bindID(_ id: PointID, _ raw: OpaquePointer, _ index: Int32) {
    switch id {
    case .number(let value) where value <= UInt64(Int64.max):
        sqlite3_bind_int64(raw, index, Int64(value))
    case .number(let value):
        let digits = String(value)
        let text = String(repeating: "0", count: 20 - digits.count) + digits
        sqlite3_bind_text(raw, index, text, 20, transient)
    case .uuid(let high, let low):
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) {
            _ = sqlite3_bind_blob(raw, index, $0.baseAddress, 16, transient)
        }
    }
}

private func pointID(_ raw: OpaquePointer, _ index: Int32) throws -> PointID {
    switch sqlite3_column_type(raw, index) {
    case SQLITE_INTEGER:
        return .number(UInt64(bitPattern: sqlite3_column_int64(raw, index)))
    case SQLITE_TEXT:
        if let text = sqlite3_column_text(raw, index), let value = UInt64(String(cString: text)) {
            return .number(value)
        }
    case SQLITE_BLOB where sqlite3_column_bytes(raw, index) == 16:
        if let bytes = sqlite3_column_blob(raw, index) {
            return .uuid(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    default: break
    }
    throw EngineError.storage("A point's id in the database is neither number nor UUID")
}
