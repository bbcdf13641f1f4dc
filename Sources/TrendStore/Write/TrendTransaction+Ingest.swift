import Foundation
import GRDB
import JSON

/// A trend as somebody has found it, with what it may be a repetition of.
public struct FoundTrend: Sendable {
    public var trend: Trend
    /// 768 numbers.
    public var embedding: [Float]?
    /// A trend whose embedding is nearly the same, by ``TrendStore/nearIdentical(_:)``.
    public var likely: UUID?

    public init(_ trend: Trend, embedding: [Float]? = nil, likely: UUID? = nil) {
        self.trend = trend
        self.embedding = embedding
        self.likely = likely
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
    /// Throws as `createTrend`.
    @discardableResult
    public func ingest(_ found: FoundTrend, at now: Timestamp = .now) throws -> (trend: Trend, isNew: Bool) {
        let trend = try Self.validated(found.trend.validated, found.embedding)
        let fingerprints = TrendFingerprint.all(of: trend)
        if let known = try known(fingerprints, found.likely, at: now) {
            let seen = Observation(
                observedAt: trend.discoveredAt, engagementScore: trend.engagementScore, url: trend.url,
                source: trend.source)
            var stored = try observe(seen, of: known)
            if let embedding = found.embedding, stored.embeddingStatus != .current,
                stored.embeddedText == trend.embeddedText
            {
                stored = try update(known, embedding) { (_: inout Trend) in }
            }
            try remember(fingerprints, of: known, at: now)
            return (stored, false)
        }
        let stored = try createTrend(trend, embedding: found.embedding)
        try remember(fingerprints, of: stored.id, at: now)
        return (stored, true)
    }

    /// The trend that one of the fingerprints was noted for lately, or the likely one if it was seen lately.
    private func known(_ fingerprints: [TrendFingerprint], _ likely: UUID?, at now: Timestamp) throws -> UUID? {
        let db = try database()
        let since = now.adding(seconds: -Self.knownForSeconds).microseconds
        for fingerprint in fingerprints where mayHaveSeen(fingerprint) {
            let statement = try db.cachedStatement(
                sql: "SELECT trend_id FROM trend_fingerprints WHERE fingerprint = ? AND seen_at > ?")
            if let id = try String.fetchOne(statement, arguments: [fingerprint.bytes, since]) {
                return UUID(uuidString: id)
            }
        }
        guard let likely else { return nil }
        let statement = try db.cachedStatement(
            sql: "SELECT EXISTS (SELECT 1 FROM trend_fingerprints WHERE trend_id = ? AND seen_at > ?)")
        return try Bool.fetchOne(statement, arguments: [likely.text, since]) == true ? likely : nil
    }

    private func remember(_ fingerprints: [TrendFingerprint], of trend: UUID, at now: Timestamp) throws {
        let statement = try database().cachedStatement(
            sql: "INSERT OR REPLACE INTO trend_fingerprints (fingerprint, trend_id, seen_at) VALUES (?, ?, ?)")
        try change {
            for fingerprint in fingerprints {
                try statement.execute(arguments: [fingerprint.bytes, trend.text, now.microseconds])
                try noteSeen(fingerprint)
            }
        }
    }
}
