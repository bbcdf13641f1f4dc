import Foundation
import GRDB
import JSON
import SearchEngine

/// The rows that a snapshot of a collection carries: lines of JSON. The first line is an object: `format` (1), `collection`, `model`
/// (of the vectors, or null), and `tables`, the names of tables with their columns. Each other line is an array: a table's name, and
/// a value for each of its columns. docs/FORMAT-trends.md draws it.
enum ArchivedRows {
    static let format: Int64 = 1
    /// Longer than that of any row that may be stored, whose metadata have 1 MiB and whose description 400 KB: escapes double both.
    static let longestLine = 4 << 20

    struct Table {
        var name: String
        var columns: [String]
        /// By which its rows are in one order each time.
        var order: String

        /// Holds rows that were read and not taken yet.
        var staging: String { "restoring_\(name)" }
        var selection: String { columns.joined(separator: ", ") }
    }

    /// The tables of a collection, those that others refer to first.
    static func tables(of collection: String) -> [Table] {
        switch collection {
        case Trend.table:
            [
                Table(name: Trend.table, columns: Trend.columns, order: "id"),
                Table(
                    name: "observations",
                    columns: ["trend_id", "observed_at", "engagement_score", "url", "source"], order: "id"),
            ]
        default: [Table(name: Idea.table, columns: Idea.columns, order: "id")]
        }
    }

    static func write(_ collection: String, _ db: GRDB.Database, _ write: ([UInt8]) throws -> Void) throws {
        let model = try String.fetchOne(
            db, sql: "SELECT model FROM trend_store_collections WHERE name = ?", arguments: [collection])
        let tables = tables(of: collection)
        var head: JSONObject = ["format": .integer(format), "collection": .string(collection)]
        head["model"] = model.map { .string($0) } ?? .null
        head["tables"] = .object(
            JSONObject(
                uniqueKeysWithValues: tables.map {
                    (ByteString($0.name), JSONValue.array($0.columns.map { .string($0) }))
                }))
        try write(JSONValue.object(head).serialized() + [UInt8(ascii: "\n")])
        for table in tables {
            let rows = try Row.fetchCursor(
                db, sql: "SELECT \(table.selection) FROM \(table.name) ORDER BY \(table.order)")
            while let row = try rows.next() {
                var line = JSONWriter()
                try line.array { line in
                    line.write(table.name)
                    for value in row.databaseValues { try line.write(value, of: table.name) }
                }
                try write(line.bytes + [UInt8(ascii: "\n")])
            }
        }
    }

    static func invalid(_ why: String) -> EngineError {
        .invalid("The file is not a valid snapshot: its rows: \(why)")
    }
}

extension JSONWriter {
    fileprivate mutating func write(_ value: DatabaseValue, of table: String) throws {
        switch value.storage {
        case .null: writeNull()
        case .int64(let number): write(number)
        case .double(let number): write(number)
        case .string(let text): write(text)
        case .blob: throw EngineError.storage("A row of \(table) has bytes where none can be")
        }
    }
}

/// Reads lines of archived rows.
struct ArchivedLines {
    private var rest: [UInt8] = []
    private var position = 0

    /// Calls `body` with each whole line of what came so far and this part.
    mutating func read(_ part: [UInt8], _ body: (JSONValue) throws -> Void) throws {
        rest.removeSubrange(0..<position)
        position = 0
        rest += part
        while let end = rest[position...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(rest[position..<end])
            position = end + 1
            let value: JSONValue
            do { value = try JSONValue(parsing: line) } catch { throw ArchivedRows.invalid("\(error)") }
            try body(value)
        }
        guard rest.count - position <= ArchivedRows.longestLine else {
            throw ArchivedRows.invalid("a line is too long")
        }
    }

    /// Throws where the last line has no end.
    func finish() throws {
        guard position == rest.count else { throw ArchivedRows.invalid("they end inside a line") }
    }
}
