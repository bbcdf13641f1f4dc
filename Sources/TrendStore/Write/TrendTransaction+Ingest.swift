import Foundation
import GRDB
import JSON

/// A trend as somebody has found it, checked and ready to be stored: the writer does no more than it must.
public struct FoundTrend: Sendable {
    /// As it will be stored (`Trend` tells what is normalised).
    public let trend: Trend
    /// 768 finite numbers, not all 0.
    public let embedding: [Float]?
    /// Trends whose embeddings are nearly the same, the nearest first, by ``TrendStore/nearIdentical(_:deadline:)``.
    public var likely: [UUID] = []
    /// Whether whoever found it told its engagement; a known trend keeps its own otherwise.
    public var tellsEngagement = true
    let fingerprints: [TrendFingerprint]

    /// Throws `.invalid` naming every field that breaks its rule, the embedding among them.
    public init(_ trend: Trend, embedding: [Float]? = nil) throws {
        self.trend = try TrendTransaction.validated(trend.validated, embedding)
        self.embedding = embedding
        fingerprints = TrendFingerprint.all(of: self.trend)
    }
}

extension TrendTransaction {
    /// For how long a trend that was seen counts as known: a day since it was seen last.
    public static let knownForSeconds: Double = 86_400

    /// Stores a trend, or, if it was seen within a day, an observation of the one that is known. Returns the trend as stored, and
    /// whether it is new.
    ///
    /// It is known by its title or URL (``TrendFingerprint``), or by an embedding that is nearly the same. An observation keeps
    /// the found trend's engagement, URL and source; its other fields are passed over. A known trend without an embedding takes
    /// the one that was found if it belongs to the same text.
    ///
    /// Throws `.conflict` when the id of a new one is taken.
    @discardableResult
    public func ingest(_ found: FoundTrend, at now: Timestamp = .now) throws -> (trend: Trend, isNew: Bool) {
        guard let known = try known(found, at: now) else { return (try create(found, at: now), true) }
        let trend = found.trend
        let engagement = found.tellsEngagement ? trend.engagementScore : try self.trend(known)?.engagementScore
        let seen = Observation(
            observedAt: trend.discoveredAt, engagementScore: engagement ?? trend.engagementScore, url: trend.url,
            source: trend.source)
        var stored = try observe(seen, of: known)
        if let embedding = found.embedding, stored.embeddingStatus != .current,
            stored.embeddedText == trend.embeddedText
        {
            stored = try update(known, embedding) { (_: inout Trend) in }
        }
        try remember(found.fingerprints, of: known, at: now)
        return (stored, false)
    }

    /// Stores a trend as a new one, whatever is known. Throws `.conflict` when the id is taken.
    @discardableResult
    public func create(_ found: FoundTrend, at now: Timestamp = .now) throws -> Trend {
        var trend = found.trend
        trend.stage = .new
        trend = try insert(trend, found.embedding)
        let first = Observation(
            observedAt: trend.discoveredAt, engagementScore: trend.engagementScore, url: trend.url, source: trend.source
        )
        try change {
            try first.insert(of: trend.id, database())
            try note(.trendCreated, trend.id, trend.writeEvent)
        }
        try remember(found.fingerprints, of: trend.id, at: now)
        return trend
    }

    /// The trend that one of the fingerprints was noted for lately, or the first of the likely ones that was seen lately.
    private func known(_ found: FoundTrend, at now: Timestamp) throws -> UUID? {
        let db = try database()
        let since = now.adding(seconds: -Self.knownForSeconds).microseconds
        for fingerprint in found.fingerprints where mayHaveSeen(fingerprint) {
            let statement = try db.cachedStatement(
                sql: "SELECT trend_id FROM trend_fingerprints WHERE fingerprint = ? AND seen_at > ?")
            if let id = try String.fetchOne(statement, arguments: [fingerprint.bytes, since]) {
                return UUID(uuidString: id)
            }
        }
        return try found.likely.first { id in
            let statement = try db.cachedStatement(
                sql: "SELECT EXISTS (SELECT 1 FROM trend_fingerprints WHERE trend_id = ? AND seen_at > ?)")
            return try Bool.fetchOne(statement, arguments: [id.text, since]) == true
        }
    }

    /// Notes that a trend was seen. A fingerprint stays with the trend that it has told within the last day.
    func remember(_ fingerprints: [TrendFingerprint], of trend: UUID, at now: Timestamp) throws {
        let statement = try database().cachedStatement(
            sql: """
                INSERT INTO trend_fingerprints (fingerprint, trend_id, seen_at) VALUES (?1, ?2, ?3)
                ON CONFLICT (fingerprint) DO UPDATE SET
                    trend_id = CASE WHEN seen_at > ?4 THEN trend_id ELSE ?2 END, seen_at = max(seen_at, ?3)
                """)
        let since = now.adding(seconds: -Self.knownForSeconds).microseconds
        try change {
            for fingerprint in fingerprints {
                try statement.execute(arguments: [fingerprint.bytes, trend.text, now.microseconds, since])
                try noteSeen(fingerprint)
            }
        }
    }
}
