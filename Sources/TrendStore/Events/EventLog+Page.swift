import Foundation
import GRDB
import SearchEngine

extension EventLog {
    /// A page of the events that a filter admits.
    public struct Page: Sendable {
        public var events: [Event] = []
        /// Those that match behind the place that was asked for; counted up to ``EventLog/mostCounted``.
        public var total = 0
        /// The place to read on behind: that of the last event, or the end of the log.
        public var next: Int64
        /// Whether more of them follow.
        public var hasMore = false
    }

    /// Matching events that a page counts at most.
    public static let mostCounted = 10_000

    /// The first events behind a place that the filter admits, and how many there are. Blocks.
    ///
    /// Throws `.gone` as ``read(after:_:limit:)`` does. Complexity: O(events behind the place), since the log has no index but that
    /// by sequence; without a filter O(limit).
    ///
    /// - Parameter limit: events of the page, at least 1.
    public func page(after sequence: Int64, _ filter: EventFilter = EventFilter(), limit: Int) throws -> Page {
        let last = try requirePlace(sequence)
        var condition = "sequence > ? AND sequence <= ?"
        var arguments: [any DatabaseValueConvertible] = [sequence, last]
        func require(_ column: String, _ values: [String]) {
            guard !values.isEmpty else { return }
            condition += " AND \(column) IN (\(values.map { _ in "?" }.joined(separator: ", ")))"
            arguments += values
        }
        // Those of a newer program are in no page, and aren't counted.
        require("type", (filter.types.isEmpty ? Set(EventType.allCases) : filter.types).map(\.rawValue).sorted())
        require("subject", filter.subjects.map(\.text).sorted())
        let (events, total) = try engine.read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT sequence, type, subject, at, data FROM events WHERE \(condition) ORDER BY sequence LIMIT ?
                    """, arguments: StatementArguments(arguments + [limit]))
            let total = try Int.fetchOne(
                db, sql: "SELECT count(*) FROM (SELECT 1 FROM events WHERE \(condition) LIMIT ?)",
                arguments: StatementArguments(arguments + [max(Self.mostCounted, limit + 1)]))
            return (try rows.compactMap { try Event($0) }, total ?? 0)
        }
        // Meanwhile they may have gone.
        try requirePlace(sequence)
        let hasMore = total > events.count
        return Page(
            events: events, total: total, next: hasMore ? events.last?.sequence ?? last : last, hasMore: hasMore)
    }
}
