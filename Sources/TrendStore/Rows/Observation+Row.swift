import Foundation
import GRDB
import SearchEngine

extension Observation {
    static var selection: String { "observed_at, engagement_score, url, source" }

    init(_ row: Row) throws {
        let reader = ColumnReader(row, of: "observations")
        self.init(
            observedAt: try reader.time("observed_at"), engagementScore: try reader.value("engagement_score"),
            url: try reader.optional("url"), source: try reader.member("source"))
    }

    func insert(of trend: UUID, _ db: GRDB.Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO observations (trend_id, observed_at, engagement_score, url, source) VALUES (?, ?, ?, ?, ?)
                """
        ).execute(arguments: [trend.text, observedAt.microseconds, engagementScore, url, source.rawValue])
    }
}

extension TrendDynamics {
    /// `nil` for a trend without observations. Complexity: O(observations) entries of an index.
    init?(of trend: UUID, _ db: GRDB.Database) throws {
        let all = try db.cachedStatement(
            sql: """
                SELECT count(*), min(observed_at), max(observed_at), max(engagement_score)
                FROM observations WHERE trend_id = ?
                """)
        guard let row = try Row.fetchOne(all, arguments: [trend.text]), let first = row[1] as Int64?,
            let last = row[2] as Int64?, let peak = row[3] as Double?
        else { return nil }
        let newest = try db.cachedStatement(
            sql: """
                SELECT engagement_score FROM observations WHERE trend_id = ? ORDER BY observed_at DESC, id DESC LIMIT 1
                """)
        let sums = try db.cachedStatement(
            sql: """
                SELECT count(*), sum(x), sum(y), sum(x * x), sum(x * y), min(x)
                FROM (
                    SELECT (observed_at - ?2) / 86400000000.0 AS x, engagement_score / ?3 AS y
                    FROM observations WHERE trend_id = ?1 AND observed_at >= ?4
                )
                """)
        guard
            let window = try Row.fetchOne(
                sums, arguments: [trend.text, last, max(peak, .leastNormalMagnitude), last - Self.window])
        else { return nil }
        self.init(
            Window(count: window[0], x: window[1], y: window[2], xx: window[3], xy: window[4], least: window[5]),
            count: row[0], first: Timestamp(microseconds: first), last: Timestamp(microseconds: last),
            newest: try Double.fetchOne(newest, arguments: [trend.text]) ?? 0, peak: peak)
    }
}
