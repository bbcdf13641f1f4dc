import GRDB
import SearchEngine

/// What there is in the table of trends.
public struct TrendStatistics: Sendable {
    /// A value and how many trends have it; the most frequent first.
    public struct Count: Sendable, Hashable {
        /// `nil` for trends without the value.
        public var value: String?
        public var trends: Int
    }

    public var total = 0
    /// Trends whose embedding is missing or stale.
    public var needingEmbedding = 0
    public var byCategory: [Count] = []
    public var bySource: [Count] = []
    public var byStage: [Count] = []
    /// Those whose engagement grows fastest, ten at most.
    public var topTrending: [Trend] = []
}

/// A category and how its trends move.
public struct CategoryMovement: Sendable, Hashable {
    public var category: String
    public var trends: Int
    /// The sum of its trends' velocities, points a day.
    public var velocity: Double
    /// The sum of its trends' engagement scores.
    public var engagementScore: Double
}

struct StatisticsKey: Hashable {}

struct MovementKey: Hashable {
    var since: Timestamp
    var limit: Int
}

extension TrendStore {
    package static let topTrends = 10

    /// Counts of all trends. Complexity: O(trends) after a change, O(1) until the next.
    public func trendStatistics() throws -> TrendStatistics {
        try statistics.value(of: StatisticsKey(), version: { version(of: .others) }, compute: computeStatistics)
    }

    private func computeStatistics() throws -> TrendStatistics {
        try engine.read { db in
            var statistics = TrendStatistics()
            statistics.total = try Int.fetchOne(db, sql: "SELECT count(*) FROM trends") ?? 0
            statistics.needingEmbedding =
                try Int.fetchOne(db, sql: "SELECT count(*) FROM trends WHERE embedding_status <> 'current'") ?? 0
            statistics.byCategory = try Self.counts("category", db)
            statistics.bySource = try Self.counts("source", db)
            statistics.byStage = try Self.counts("stage", db)
            statistics.topTrending = try Row.fetchAll(
                db, sql: "SELECT \(Trend.selection) FROM trends ORDER BY velocity DESC, id DESC LIMIT ?",
                arguments: [Self.topTrends]
            ).map { try Trend($0) }
            return statistics
        }
    }

    private static func counts(_ column: String, _ db: GRDB.Database) throws -> [TrendStatistics.Count] {
        try Row.fetchAll(
            db, sql: "SELECT \(column), count(*) FROM trends GROUP BY \(column) ORDER BY count(*) DESC, \(column)"
        ).map { TrendStatistics.Count(value: $0[0], trends: $0[1]) }
    }

    /// The categories whose trends of a time grow fastest, best first; `limit` is 1…1,000.
    ///
    /// Throws `.invalid` naming the parameter. Complexity: O(trends of that time) after a change, O(1) until the next.
    public func trendingCategories(since: Timestamp, limit: Int = 10) throws -> [CategoryMovement] {
        guard (1...Self.maximumLimit).contains(limit) else {
            throw invalid("limit", "must be 1…\(Self.maximumLimit), not \(limit)")
        }
        return try movements.value(of: MovementKey(since: since, limit: limit), version: { version(of: .others) }) {
            try computeMovements(since, limit)
        }
    }

    private func computeMovements(_ since: Timestamp, _ limit: Int) throws -> [CategoryMovement] {
        try engine.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT category, count(*), sum(velocity), sum(engagement_score) FROM trends
                    WHERE category IS NOT NULL AND discovered_at >= ?
                    GROUP BY category ORDER BY sum(velocity) DESC, category LIMIT ?
                    """, arguments: [since.microseconds, limit]
            ).map { row in
                // Sums of the greatest numbers leave their range.
                let largest = Double.greatestFiniteMagnitude
                return CategoryMovement(
                    category: row[0], trends: row[1], velocity: min(max(row[2] ?? 0, -largest), largest),
                    engagementScore: min(row[3] ?? 0, largest))
            }
        }
    }
}
