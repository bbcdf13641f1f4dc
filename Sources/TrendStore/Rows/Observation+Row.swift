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
    /// `nil` for a trend without observations. Complexity: O(window), at most ``mostObservations`` rows; the peak reads all.
    init?(of trend: UUID, _ db: GRDB.Database) throws {
        let all = try db.cachedStatement(
            sql: """
                SELECT count(*), min(observed_at), max(observed_at), max(engagement_score)
                FROM observations WHERE trend_id = ?
                """)
        guard let row = try Row.fetchOne(all, arguments: [trend.text]), let first = row[1] as Int64?,
            let last = row[2] as Int64?, let peak = row[3] as Double?
        else { return nil }
        let window = try db.cachedStatement(
            sql: """
                SELECT observed_at, engagement_score FROM observations WHERE trend_id = ? AND observed_at >= ?
                ORDER BY observed_at DESC, id DESC LIMIT ?
                """)
        let recent = try Row.fetchAll(
            window, arguments: [trend.text, last - Self.window, Self.mostObservations]
        ).map { (time: Timestamp(microseconds: $0[0]), engagement: $0[1] as Double) }
        self.init(recent: recent, count: row[0], first: Timestamp(microseconds: first), peak: peak)
    }
}
