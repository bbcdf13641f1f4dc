import GRDB
import SearchEngine

/// One demand on rows, which listings turn into SQL and searches into a condition on payloads.
enum FilterTerm {
    case oneOf(column: String, [String])
    /// The trend has every one of the tags.
    case allTags([String])
    /// The trend has one of the tags.
    case anyTag([String])
    case number(column: String, Bounds<Double>)
    case integer(column: String, Bounds<Int>)
    case time(column: String, Bounds<Timestamp>)
    /// Whether the embedding is missing or stale. No payload tells it.
    case needsEmbedding(Bool)

    static let maximumValues = 1_000

    /// Throws `.invalid` for bounds that are no numbers and for lists that are too long.
    func validate() throws {
        switch self {
        case .oneOf(let field, let values): try validate(values, field)
        case .allTags(let values), .anyTag(let values): try validate(values, "tags")
        case .number(let field, let bounds):
            for (_, value) in bounds.comparisons where value.isNaN {
                throw invalid(field, "has a bound that is no number")
            }
        case .integer, .time, .needsEmbedding: break
        }
    }

    private func validate(_ values: [String], _ field: String) throws {
        guard values.count <= Self.maximumValues else {
            throw invalid(field, "can be filtered by at most \(Self.maximumValues) values, not \(values.count)")
        }
        // SQLite would compare such a text as if it ended there.
        guard !values.contains(where: { $0.utf8.contains(0) }) else {
            throw invalid(field, "must not contain the character U+0000")
        }
    }

    /// An SQL expression and its arguments.
    var sql: (expression: String, arguments: [any DatabaseValueConvertible]) {
        switch self {
        case .oneOf(let column, let values): return ("\(column)\(Self.isOneOf(values))", values)
        case .allTags(let tags):
            let each = tags.map { _ in "id IN (SELECT trend_id FROM trend_tags WHERE tag = ?)" }
            return (each.joined(separator: " AND "), tags)
        case .anyTag(let tags):
            return ("id IN (SELECT trend_id FROM trend_tags WHERE tag\(Self.isOneOf(tags)))", tags)
        case .number(let column, let bounds): return Self.compare(column, bounds.comparisons) { $0 }
        case .integer(let column, let bounds): return Self.compare(column, bounds.comparisons) { $0 }
        case .time(let column, let bounds): return Self.compare(column, bounds.comparisons) { $0.microseconds }
        case .needsEmbedding(let needs): return ("embedding_status \(needs ? "<>" : "=") 'current'", [])
        }
    }

    private static func isOneOf(_ values: [String]) -> String {
        values.count == 1 ? " = ?" : " IN (\(values.map { _ in "?" }.joined(separator: ", ")))"
    }

    private static func compare<Value>(
        _ column: String, _ comparisons: [(sql: String, value: Value)],
        _ argument: (Value) -> any DatabaseValueConvertible
    ) -> (String, [any DatabaseValueConvertible]) {
        guard !comparisons.isEmpty else { return ("1", []) }
        return (
            comparisons.map { "\(column) \($0.sql) ?" }.joined(separator: " AND "),
            comparisons.map { argument($0.value) }
        )
    }

    /// Conditions that must all hold.
    func conditions() throws -> [Condition] {
        switch self {
        case .oneOf(let column, let values):
            return [.field(try PayloadPath(column), .matchAny(.keywords(Set(values.map { Keyword($0) }))))]
        case .allTags(let tags):
            let path = try PayloadPath("tags")
            return tags.map { .field(path, .match(.keyword(Keyword($0)))) }
        case .anyTag(let tags):
            return [.field(try PayloadPath("tags"), .matchAny(.keywords(Set(tags.map { Keyword($0) }))))]
        case .number(let column, let bounds):
            return [.field(try PayloadPath(column), .range(Self.range(bounds) { $0 }))]
        case .integer(let column, let bounds):
            return [.field(try PayloadPath(column), .range(Self.range(bounds) { Double($0) }))]
        case .time(let column, let bounds):
            let range = DatetimeBounds(
                lt: bounds.lt?.microseconds, lte: bounds.lte?.microseconds, gt: bounds.gt?.microseconds,
                gte: bounds.gte?.microseconds)
            return [.field(try PayloadPath(column), .datetimeRange(range))]
        // The rows that were found are asked.
        case .needsEmbedding: return []
        }
    }

    private static func range<Value>(_ bounds: Bounds<Value>, _ convert: (Value) -> Double) -> RangeBounds {
        RangeBounds(
            lt: bounds.lt.map(convert), lte: bounds.lte.map(convert), gt: bounds.gt.map(convert),
            gte: bounds.gte.map(convert))
    }
}

/// A conjunction of terms over one table's rows.
protocol RowFilter: Sendable {
    associatedtype Stored: TableRow
    var terms: [FilterTerm] { get }
}

extension RowFilter {
    func validate() throws { for term in terms { try term.validate() } }

    /// An SQL expression that is always true for an empty filter, and its arguments.
    var sql: (expression: String, arguments: [any DatabaseValueConvertible]) {
        let parts = terms.map(\.sql)
        return (
            parts.isEmpty ? "1" : parts.map { "(\($0.expression))" }.joined(separator: " AND "),
            parts.flatMap(\.arguments)
        )
    }

    /// The same demand on payloads; `nil` for an empty filter.
    func conditions() throws -> Filter? {
        let conditions = try terms.flatMap { try $0.conditions() }
        return conditions.isEmpty ? nil : Filter(must: conditions)
    }
}
