import Foundation
import GRDB
import SearchEngine

extension TrendStore {
    /// Embeddings whose cosine similarity is at least this are taken for those of one trend: sentence models give more to texts
    /// that differ in punctuation or a word alone.
    public static let nearIdentity: Float = 0.98

    /// Nearly identical trends that are looked at: of old ones and of points without a row there may be some.
    private static let mostLikely = 8

    /// The trends whose embeddings are nearly identical to one (``nearIdentity``), at most 8, the nearest first. Trends that are
    /// being written at the same time are not found.
    ///
    /// The embedding has been validated. Complexity: a search.
    public func nearIdentical(_ embedding: [Float], deadline: Deadline? = nil) throws -> [UUID] {
        guard keeps(Trend.table) else { return [] }
        var query = Query(.nearest(.vector(.dense(embedding))), filter: nil, limit: Self.mostLikely)
        query.scoreThreshold = Self.nearIdentity
        return try engine.query(Trend.table, QueryRequest(query), deadline: deadline).points.compactMap { UUID($0.id) }
    }

    /// Lets go of fingerprints that tell nothing any more, at most `limit` of them. Returns how many.
    public func trimFingerprints(at now: Timestamp = .now, limit: Int = 10_000) throws -> Int {
        try engine.write(mayUseReserve: true) { transaction in
            try transaction.database.execute(
                sql: """
                    DELETE FROM trend_fingerprints WHERE fingerprint IN (
                        SELECT fingerprint FROM trend_fingerprints WHERE seen_at <= ? ORDER BY seen_at LIMIT ?)
                    """, arguments: [now.adding(seconds: -TrendTransaction.knownForSeconds).microseconds, limit])
            return transaction.database.changesCount
        }
    }

    /// A filter of all fingerprints that are noted, with room for as many more.
    static func seenFingerprints(_ db: GRDB.Database) throws -> SeenFingerprints {
        let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM trend_fingerprints") ?? 0
        var seen = SeenFingerprints(capacity: 2 * count)
        let all = try Data.fetchCursor(db, sql: "SELECT fingerprint FROM trend_fingerprints")
        while let bytes = try all.next() { seen.insert(stored: bytes) }
        return seen
    }
}
