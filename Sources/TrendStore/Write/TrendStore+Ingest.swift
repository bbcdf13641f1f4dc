import Foundation
import GRDB
import SearchEngine

extension TrendStore {
    /// Embeddings whose cosine similarity is at least this are taken for those of one trend: sentence models give more to texts
    /// that differ in punctuation or a word alone.
    public static let nearIdentity: Float = 0.98

    /// The nearest trend to each embedding that is nearly identical (``nearIdentity``); `nil` where there is none. Trends that are
    /// being written at the same time are not found.
    ///
    /// Embeddings have been validated. Complexity: a search each.
    public func nearIdentical(_ embeddings: [[Float]?], deadline: Deadline? = nil) throws -> [UUID?] {
        guard keeps(Trend.table), embeddings.contains(where: { $0 != nil }) else { return embeddings.map { _ in nil } }
        return try embeddings.map { (embedding: [Float]?) -> UUID? in
            guard let embedding else { return nil }
            var query = Query(.nearest(.vector(.dense(embedding))), filter: nil, limit: 1)
            query.scoreThreshold = Self.nearIdentity
            return try engine.query(Trend.table, QueryRequest(query), deadline: deadline).points.first.flatMap {
                UUID($0.id)
            }
        }
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
