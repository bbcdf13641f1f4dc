import Foundation
import GRDB
import JSON
import SearchEngine

/// A type of row of the trend store, named by a UUID.
protocol TableRow: Sendable, Identifiable, Hashable where ID == UUID {
    static var table: String { get }
    /// Those that are written, in the order of `values`; the first is `id`.
    static var columns: [String] { get }

    /// Throws `EngineError.storage` for what no validated row can hold.
    init(_ row: Row) throws
    var values: [(any DatabaseValueConvertible)?] { get }
    /// The row as it is stored. Throws `.invalid` naming every field that breaks its rule.
    func validated() throws -> Self
}

/// A type of row whose embedding and filterable fields are the point of the same id in the collection of the table's name.
protocol StoredRow: TableRow {
    /// The filterable fields; absent ones have no key.
    var payloadFields: JSONObject { get }
    /// All keys that `payloadFields` can have.
    static var payloadKeys: Set<ByteString> { get }
    var embeddingStatus: EmbeddingStatus { get set }
    /// What an embedding is made of.
    var embeddedText: [String?] { get }
}

extension StoredRow {
    var payload: Payload { Payload(.object(payloadFields)) }

    /// A point's payload with the row's fields in it, in place of what stood under their keys; others stay.
    func payloadFields(over stored: JSONObject) -> JSONObject {
        var fields = payloadFields
        for (key, value) in stored where !Self.payloadKeys.contains(key) { fields[key] = value }
        return fields
    }
}

extension TableRow {
    static var selection: String { columns.joined(separator: ", ") }

    static func fetch(_ id: UUID, _ db: GRDB.Database) throws -> Self? {
        let statement = try db.cachedStatement(sql: "SELECT \(selection) FROM \(table) WHERE id = ?")
        return try Row.fetchOne(statement, arguments: [id.text]).map { try Self($0) }
    }

    static func exists(_ id: UUID, _ db: GRDB.Database) throws -> Bool {
        let statement = try db.cachedStatement(sql: "SELECT 1 FROM \(table) WHERE id = ?")
        return try Row.fetchOne(statement, arguments: [id.text]) != nil
    }

    func insert(_ db: GRDB.Database) throws {
        let places = Self.columns.map { _ in "?" }.joined(separator: ", ")
        try db.cachedStatement(sql: "INSERT INTO \(Self.table) (\(Self.selection)) VALUES (\(places))")
            .execute(arguments: StatementArguments(values))
    }

    func update(_ db: GRDB.Database) throws {
        let assignments = Self.columns.dropFirst().map { "\($0) = ?" }.joined(separator: ", ")
        try db.cachedStatement(sql: "UPDATE \(Self.table) SET \(assignments) WHERE id = ?")
            .execute(arguments: StatementArguments(Array(values.dropFirst()) + [id.text]))
    }
}

extension UUID {
    /// In lowercase with hyphens, as rows store it.
    var text: String { uuidString.lowercased() }

    /// The id of the row's point.
    var pointID: PointID {
        withUnsafeBytes(of: uuid) { bytes in
            .uuid(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    /// The id of a point's row; `nil` for a number, which no row has.
    init?(_ id: PointID) {
        guard case .uuid(let high, let low) = id else { return nil }
        var bytes: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        withUnsafeMutableBytes(of: &bytes) {
            $0.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
            $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        self.init(uuid: bytes)
    }
}

/// Reads columns whose values the table's constraints promise.
struct ColumnReader {
    let row: Row
    let table: String

    init(_ row: Row, of table: String) {
        self.row = row
        self.table = table
    }

    func value<Value: DatabaseValueConvertible>(_ column: String) throws -> Value {
        guard let value = Value.fromDatabaseValue(row[column]) else { throw damaged(column) }
        return value
    }

    func optional<Value: DatabaseValueConvertible>(_ column: String) throws -> Value? {
        let stored: DatabaseValue = row[column]
        return stored.isNull ? nil : try value(column)
    }

    func id(_ column: String) throws -> UUID {
        guard let id = UUID(uuidString: try value(column)) else { throw damaged(column) }
        return id
    }

    func optionalID(_ column: String) throws -> UUID? {
        let stored: DatabaseValue = row[column]
        return stored.isNull ? nil : try id(column)
    }

    func optionalTime(_ column: String) throws -> Timestamp? {
        try (optional(column) as Int64?).map { Timestamp(microseconds: $0) }
    }

    func optionalJSON(_ column: String) throws -> JSONValue? {
        let stored: DatabaseValue = row[column]
        // Not `nil` beside a `JSONValue`, of which it would make the value null.
        if stored.isNull { return Optional.none }
        return try json(column)
    }

    func member<Value: RawRepresentable>(_ column: String) throws -> Value where Value.RawValue == String {
        guard let value = Value(rawValue: try value(column)) else { throw damaged(column) }
        return value
    }

    func time(_ column: String) throws -> Timestamp { Timestamp(microseconds: try value(column)) }

    func json(_ column: String) throws -> JSONValue {
        do {
            return try JSONValue(parsing: Array((try value(column) as String).utf8))
        } catch is JSONError {
            throw damaged(column)
        }
    }

    func damaged(_ column: String) -> EngineError {
        .storage("The column \(column) of \(table) holds a value that it can't hold: \(row[column] as DatabaseValue)")
    }
}

extension Row {
    /// Of all texts in it.
    var byteCount: Int {
        (0..<count).reduce(0) { sum, column in
            sum + ((try? withUnsafeData(atIndex: column) { $0?.count ?? 0 }) ?? 0)
        }
    }
}

extension JSONValue {
    var text: String { String(decoding: serialized(), as: UTF8.self) }
}
