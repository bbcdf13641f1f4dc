import Foundation
import GRDB
import SearchEngine

/// What a count is of.
struct CountKey: Hashable {
    var condition: String
    var arguments: [DatabaseValue]
    var table: String
}

extension TrendStore {
    /// The most rows that a page or a search returns.
    public static let maximumLimit = 1_000

    /// Values of a filter whose count is kept.
    private static let mostCountedValues = 16

    /// A page ends, before its limit, with the row that takes its rows beyond so many bytes: some have megabytes each.
    static let mostPageBytes = 8 << 20

    /// The trend; `nil` when there is none.
    public func trend(_ id: UUID) throws -> Trend? { try engine.read { try Trend.fetch(id, $0) } }

    /// The idea; `nil` when there is none.
    public func idea(_ id: UUID) throws -> Idea? { try engine.read { try Idea.fetch(id, $0) } }

    /// The trend's stored embedding: 768 numbers, normalised to length 1; `nil` when there is no such point.
    public func trendEmbedding(_ id: UUID) throws -> [Float]? { try embedding(id, in: Trend.table) }

    /// The idea's stored embedding: 768 numbers, normalised to length 1; `nil` when there is no such point.
    public func ideaEmbedding(_ id: UUID) throws -> [Float]? { try embedding(id, in: Idea.table) }

    /// A page of the trends that match. `limit` is 1…1,000, and a page of large rows ends earlier; it begins behind `after`, the `next` of a page of the same
    /// order, and behind `offset` rows (0…10,000) more.
    ///
    /// Throws `.invalid` naming the parameter. Complexity: O(page) when the order's index serves the filter (none, one
    /// source, one category); other filters read the rows on the way, or sort those with the tags.
    public func listTrends(
        _ filter: TrendFilter = TrendFilter(), by order: TrendOrder = .discoveredAt,
        _ direction: SortDirection = .descending, limit: Int = 50, offset: Int = 0, after: PageCursor? = nil
    ) throws -> Page<Trend> {
        try list(filter, by: order.rawValue, direction, limit, offset, after) { trend in
            switch order {
            case .discoveredAt: .integer(trend.discoveredAt.microseconds)
            case .engagementScore: .double(trend.engagementScore)
            case .velocity: .double(trend.velocity)
            }
        }
    }

    /// A page of the ideas that match; otherwise as `listTrends`.
    ///
    /// Throws `.invalid` naming the parameter. Complexity: O(page) when the order's index serves the filter (none, one
    /// status, or one trend by total score); other filters read the rows on the way.
    public func listIdeas(
        _ filter: IdeaFilter = IdeaFilter(), by order: IdeaOrder = .totalScore,
        _ direction: SortDirection = .descending, limit: Int = 50, offset: Int = 0, after: PageCursor? = nil
    ) throws -> Page<Idea> {
        try list(filter, by: order.rawValue, direction, limit, offset, after) { idea in
            switch order {
            case .totalScore: .integer(Int64(idea.totalScore))
            case .analyzedAt: .integer(idea.analyzedAt.microseconds)
            }
        }
    }

    /// The number of trends that match. Complexity: O(matching), or O(rows) where no index serves the filter.
    public func countTrends(_ filter: TrendFilter = TrendFilter()) throws -> Int { try count(filter) }

    /// The number of ideas that match. Complexity: O(matching), or O(rows) where no index serves the filter.
    public func countIdeas(_ filter: IdeaFilter = IdeaFilter()) throws -> Int { try count(filter) }

    /// What was seen of a trend, newest first: `limit` of it (1…1,000) behind `offset`. Empty for a trend that isn't there.
    ///
    /// Throws `.invalid` naming the parameter. Complexity: O(offset + limit).
    public func observations(of trend: UUID, limit: Int = 100, offset: Int = 0) throws -> [Observation] {
        guard (1...Self.maximumLimit).contains(limit) else {
            throw invalid("limit", "must be 1…\(Self.maximumLimit), not \(limit)")
        }
        guard offset >= 0 else { throw invalid("offset", "must not be negative") }
        return try engine.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT \(Observation.selection) FROM observations WHERE trend_id = ?
                    ORDER BY observed_at DESC, id DESC LIMIT ? OFFSET ?
                    """, arguments: [trend.text, limit, offset]
            ).map { try Observation($0) }
        }
    }

    /// How a trend moves, by its observations; `nil` for one that isn't there or has none.
    public func dynamics(of trend: UUID) throws -> TrendDynamics? {
        try engine.read { try TrendDynamics(of: trend, $0) }
    }

    private func embedding(_ id: UUID, in collection: String) throws -> [Float]? {
        guard keeps(collection) else { return nil }
        return try engine.retrieve(collection, ids: [id.pointID], payload: .none, vectors: .all).first?.vectors?[""]?
            .dense
    }

    func list<F: RowFilter>(
        _ filter: F, by column: String, _ direction: SortDirection, _ limit: Int, _ offset: Int, _ after: PageCursor?,
        value: (F.Stored) -> PageCursor.Value
    ) throws -> Page<F.Stored> {
        guard (1...Self.maximumLimit).contains(limit) else {
            throw invalid("limit", "must be 1…\(Self.maximumLimit), not \(limit)")
        }
        guard (0...Self.maximumOffset).contains(offset) else {
            throw invalid("offset", "must be 0…\(Self.maximumOffset), not \(offset): go on behind a page instead")
        }
        try filter.validate()
        var (condition, arguments) = filter.sql
        if let after {
            guard after.column == column, after.direction == direction else {
                throw invalid("after", "is a place in a listing of another order")
            }
            condition += " AND (\(column), id) \(direction == .ascending ? ">" : "<") (?, ?)"
            switch after.value {
            case .integer(let value): arguments.append(value)
            case .double(let value): arguments.append(value)
            }
            arguments.append(after.id.text)
        }
        let sql = """
            SELECT \(F.Stored.selection) FROM \(F.Stored.table) WHERE \(condition)
            ORDER BY \(column) \(direction.rawValue), id \(direction.rawValue) LIMIT \(limit + 1) OFFSET \(offset)
            """
        // One row more than the page tells whether there is a next one.
        var rows: [F.Stored] = []
        var bytes = 0
        let hasMore = try engine.read { [arguments] db in
            let found = try Row.fetchCursor(db, sql: sql, arguments: StatementArguments(arguments))
            while let row = try found.next() {
                if rows.count == limit || bytes >= Self.mostPageBytes { return true }
                bytes += row.byteCount
                rows.append(try F.Stored(row))
            }
            return false
        }
        guard hasMore, let last = rows.last else { return Page(rows: rows) }
        return Page(
            rows: rows, next: PageCursor(column: column, direction: direction, value: value(last), id: last.id))
    }

    func count(_ filter: some RowFilter) throws -> Int {
        try filter.validate()
        let (condition, arguments) = filter.sql
        // Nobody asks for many values again and again.
        guard arguments.count <= Self.mostCountedValues else { return try engine.read { try Self.count(filter, $0) } }
        let key = CountKey(condition: condition, arguments: arguments.map(\.databaseValue), table: table(of: filter))
        return try counts.value(of: key, version: { version(of: RowKind(key.table)) }) {
            try engine.read { db in try Self.count(filter, db) }
        }
    }

    private func table<F: RowFilter>(of _: F) -> String { F.Stored.table }

    private static func count<F: RowFilter>(_ filter: F, _ db: GRDB.Database) throws -> Int {
        let (condition, arguments) = filter.sql
        return try Int.fetchOne(
            db, sql: "SELECT count(*) FROM \(F.Stored.table) WHERE \(condition)",
            arguments: StatementArguments(arguments)) ?? 0
    }
}
