import Foundation
import GRDB
import SearchEngine

/// What a semantic search looks for.
public enum SemanticQuery: Sendable, Hashable {
    /// 768 finite numbers, not all 0; only the direction counts.
    case embedding([Float])
    /// What is like a row of the searched table, which itself is left out.
    case like(UUID)
}

extension TrendStore {
    /// The most rows that a search skips.
    public static let maximumOffset = 10_000

    /// The trends nearest to the query, best first: `limit` of them behind `offset`, or all that match if they are
    /// fewer; fewer as well where most of the nearest points have no row.
    ///
    /// `limit` is 1…1,000, `offset` 0…10,000; rows below `scoreThreshold` are left out. Throws `.invalid` naming the
    /// parameter, `.notFound` for the row of `.like`, `EngineError.timeout` once `deadline` has passed.
    public func searchTrends(
        _ query: SemanticQuery, filter: TrendFilter = TrendFilter(), limit: Int = 10, offset: Int = 0,
        scoreThreshold: Float? = nil, parameters: SearchParameters = SearchParameters(),
        deadline: ContinuousClock.Instant? = nil
    ) throws -> [ScoredRow<Trend>] {
        try search(query, filter, limit, offset, scoreThreshold, parameters, deadline)
    }

    /// The ideas nearest to the query; otherwise as `searchTrends`.
    public func searchIdeas(
        _ query: SemanticQuery, filter: IdeaFilter = IdeaFilter(), limit: Int = 10, offset: Int = 0,
        scoreThreshold: Float? = nil, parameters: SearchParameters = SearchParameters(),
        deadline: ContinuousClock.Instant? = nil
    ) throws -> [ScoredRow<Idea>] {
        try search(query, filter, limit, offset, scoreThreshold, parameters, deadline)
    }

    private func search<F: RowFilter>(
        _ query: SemanticQuery, _ filter: F, _ limit: Int, _ offset: Int, _ scoreThreshold: Float?,
        _ parameters: SearchParameters, _ deadline: ContinuousClock.Instant?
    ) throws -> [ScoredRow<F.Stored>] where F.Stored: StoredRow {
        try Self.validate(filter, limit, offset, scoreThreshold)
        let vector = try queryVector(query, F.Stored.self)
        let collection = F.Stored.table
        // Nobody else's collection of the name is searched.
        guard keeps(collection) else { return [] }

        let wanted = offset + limit
        // Points without a row are passed over, but not without end.
        let mostHits = 16 * wanted + 1_000
        var query = Query(.nearest(vector), filter: try filter.conditions(), limit: wanted)
        query.parameters = parameters
        query.scoreThreshold = scoreThreshold
        while true {
            let hits = try engine.query(collection, QueryRequest(query), deadline: deadline).points
            let rows = try rows(of: hits, filter)
            if rows.count >= wanted || hits.count < query.limit || query.limit >= mostHits {
                return rows.enumerated().dropFirst(offset).prefix(limit).map { place, found in
                    var found = found
                    found.semantic = SemanticMatch(rank: place + 1, score: found.score)
                    return found
                }
            }
            // Some points have no row, or their row changed since the search: look further.
            query.limit *= 2
        }
    }

    static func validate(_ filter: some RowFilter, _ limit: Int, _ offset: Int, _ scoreThreshold: Float?) throws {
        guard (1...maximumLimit).contains(limit) else {
            throw invalid("limit", "must be 1…\(maximumLimit), not \(limit)")
        }
        guard (0...maximumOffset).contains(offset) else {
            throw invalid("offset", "must be 0…\(maximumOffset), not \(offset)")
        }
        if let scoreThreshold, scoreThreshold.isNaN { throw invalid("score_threshold", "must be a number") }
        try filter.validate()
    }

    func queryVector<R: StoredRow>(_ query: SemanticQuery, _: R.Type) throws -> QueryVector {
        switch query {
        case .embedding(let vector):
            try FieldRules.embedding(vector)
            return .vector(.dense(vector))
        case .like(let id):
            guard try engine.read({ try R.exists(id, $0) }) else {
                throw TrendStoreError.notFound(table: R.table, id: id)
            }
            return .id(id.pointID)
        }
    }

    /// The rows of the hits that match, in the hits' order, read in one snapshot. The filter is asked once more,
    /// because rows may have changed since their points were found.
    private func rows<F: RowFilter>(of hits: [SearchEngine.Record], _ filter: F) throws -> [ScoredRow<F.Stored>] {
        let scores = hits.compactMap { hit in UUID(hit.id).map { ($0, hit.score ?? 0) } }
        return try engine.read { db in
            let found = try Self.fetch(scores.map(\.0.text), filter, db)
            return scores.compactMap { id, score in found[id].map { ScoredRow(row: $0, score: score) } }
        }
    }

    /// The rows of some ids that match.
    static func fetch<F: RowFilter>(_ ids: [String], _ filter: F, _ db: GRDB.Database) throws -> [UUID: F.Stored] {
        let (condition, arguments) = filter.sql
        var found: [UUID: F.Stored] = [:]
        for chunk in stride(from: 0, to: ids.count, by: idsPerStatement) {
            let ids: [any DatabaseValueConvertible] = Array(ids[chunk..<min(chunk + idsPerStatement, ids.count)])
            let sql = """
                SELECT \(F.Stored.selection) FROM \(F.Stored.table)
                WHERE id IN (\(ids.map { _ in "?" }.joined(separator: ", "))) AND \(condition)
                """
            for row in try Row.fetchAll(db, sql: sql, arguments: StatementArguments(ids + arguments)) {
                let row = try F.Stored(row)
                found[row.id] = row
            }
        }
        return found
    }

    static let idsPerStatement = 500
}
