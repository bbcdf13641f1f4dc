import Foundation
import GRDB
import SearchEngine
import WordIndex

extension TrendStore {
    /// How far each half of a hybrid search goes: what is behind it in both isn't found.
    public static let hybridDepth = 500
    /// The most words that a query has, those that it excludes among them.
    public static let mostQueryWords = 32

    /// The trends that have a word of the query, best first by BM25 over title, tags and description: `limit` of them behind `offset`.
    ///
    /// Rows that have many or rare words of the query come first. What isn't ranked where a word is in very many rows, `TextRanking`
    /// tells. Limits and errors are those of `searchTrends`; a query without words finds nothing.
    public func searchTrends(
        words query: TextQuery, filter: TrendFilter = TrendFilter(), limit: Int = 10, offset: Int = 0,
        scoreThreshold: Float? = nil, deadline: ContinuousClock.Instant? = nil
    ) throws -> TextSearchResult<Trend> {
        try search(words: query, filter, limit, offset, scoreThreshold, deadline)
    }

    /// The same of ideas, over title and description.
    public func searchIdeas(
        words query: TextQuery, filter: IdeaFilter = IdeaFilter(), limit: Int = 10, offset: Int = 0,
        scoreThreshold: Float? = nil, deadline: ContinuousClock.Instant? = nil
    ) throws -> TextSearchResult<Idea> {
        try search(words: query, filter, limit, offset, scoreThreshold, deadline)
    }

    /// The trends that are near the query or have its words: the first 500 of each, joined by `RankFusion`. `offset` and `limit` are 500
    /// at most together.
    ///
    /// Excluded words are excluded from both. Throws as `searchTrends`.
    public func searchTrends(
        _ query: SemanticQuery, words: TextQuery, filter: TrendFilter = TrendFilter(), limit: Int = 10,
        offset: Int = 0, scoreThreshold: Float? = nil, deadline: ContinuousClock.Instant? = nil
    ) throws -> TextSearchResult<Trend> {
        try search(query, words, filter, limit, offset, scoreThreshold, deadline)
    }

    /// The same of ideas.
    public func searchIdeas(
        _ query: SemanticQuery, words: TextQuery, filter: IdeaFilter = IdeaFilter(), limit: Int = 10,
        offset: Int = 0, scoreThreshold: Float? = nil, deadline: ContinuousClock.Instant? = nil
    ) throws -> TextSearchResult<Idea> {
        try search(query, words, filter, limit, offset, scoreThreshold, deadline)
    }

    // MARK: By words

    private func search<F: RowFilter>(
        words query: TextQuery, _ filter: F, _ limit: Int, _ offset: Int, _ scoreThreshold: Float?,
        _ deadline: ContinuousClock.Instant?
    ) throws -> TextSearchResult<F.Stored> where F.Stored: TextIndexedRow {
        try Self.validate(filter, limit, offset, scoreThreshold)
        try Self.validate(query)
        let matcher = TextMatcher(query)
        var result: TextSearchResult<F.Stored> = try engine.read { db in
            let (ranked, isComplete) = try TextRanking(query, filter, db, deadline: deadline).ranked()
            let least = scoreThreshold.map { Double($0) } ?? -.infinity
            let page = ranked.prefix { $0.score >= least }.enumerated().dropFirst(offset).prefix(limit)
            let ids = try Self.ids(page.map(\.element.rowID), F.Stored.self, db)
            let rows = try Self.fetch(Array(ids.values), filter, db)
            return TextSearchResult(
                rows: page.compactMap { place, found in
                    guard let id = ids[found.rowID].flatMap({ UUID(uuidString: $0) }), let row = rows[id] else {
                        return nil
                    }
                    let score = Float(found.score)
                    return ScoredRow(row: row, score: score, text: TextMatch(rank: place + 1, score: score))
                }, isComplete: isComplete)
        }
        try Self.explain(&result.rows, matcher, deadline)
        return result
    }

    /// Says why rows were found. Throws `.timeout` once `deadline` has passed.
    private static func explain<R: TextIndexedRow>(
        _ rows: inout [ScoredRow<R>], _ matcher: TextMatcher, _ deadline: ContinuousClock.Instant?
    ) throws {
        for place in rows.indices {
            guard var match = rows[place].text else { continue }
            if let deadline, ContinuousClock.now >= deadline { throw EngineError.timeout("The search took too long") }
            matcher.explain(rows[place].row, &match)
            rows[place].text = match
        }
    }

    private static func validate(_ query: TextQuery) throws {
        guard query.wordCount <= mostQueryWords else {
            throw invalid("q", "must have at most \(mostQueryWords) different words, not \(query.wordCount)")
        }
    }

    /// The ids of rows, by their rowids.
    private static func ids<R: StoredRow>(_ rows: [Int64], _: R.Type, _ db: GRDB.Database) throws -> [Int64: String] {
        var ids: [Int64: String] = [:]
        let statement = try db.cachedStatement(sql: "SELECT id FROM \(R.table) WHERE rowid = ?")
        for row in rows { ids[row] = try String.fetchOne(statement, arguments: [row]) }
        return ids
    }

    // MARK: By meaning and words

    private func search<F: RowFilter>(
        _ query: SemanticQuery, _ words: TextQuery, _ filter: F, _ limit: Int, _ offset: Int, _ scoreThreshold: Float?,
        _ deadline: ContinuousClock.Instant?
    ) throws -> TextSearchResult<F.Stored> where F.Stored: TextIndexedRow {
        try Self.validate(filter, limit, offset, scoreThreshold)
        try Self.validate(words)
        guard offset + limit <= Self.hybridDepth else {
            throw invalid(
                "limit",
                "and `skip` must be at most \(Self.hybridDepth) together in a hybrid search, not \(offset + limit)")
        }
        let near = try nearest(query, filter, deadline)
        let matcher = TextMatcher(words)
        var result: TextSearchResult<F.Stored> = try engine.read { db in
            let (ranked, isComplete) = try TextRanking(words, filter, db, deadline: deadline).ranked()
            let like: UUID? = if case .like(let id) = query { id } else { nil }
            let first = ranked.prefix(Self.hybridDepth + 1)
            let ids = try Self.ids(first.map(\.rowID), F.Stored.self, db)
            let found = first.compactMap { row in
                ids[row.rowID].flatMap { UUID(uuidString: $0) }.map { (id: $0, row.score) }
            }
            .filter { $0.id != like }.prefix(Self.hybridDepth)
            let admitted = try Self.admitted(near.map(\.id), filter, words.excluded, db)
            let near = near.filter { admitted.contains($0.id) }
            let least = scoreThreshold.map { Double($0) } ?? -.infinity
            let page = RankFusion.fuse(near.map(\.id), found.map(\.id)).prefix { $0.score >= least }
                .dropFirst(offset).prefix(limit)
            let rows = try Self.fetch(page.map(\.id.text), filter, db)
            return TextSearchResult(
                rows: page.compactMap { fused in
                    rows[fused.id].map { row in
                        ScoredRow(
                            row: row, score: Float(fused.score),
                            semantic: fused.ranks.0.map { SemanticMatch(rank: $0, score: near[$0 - 1].score) },
                            text: fused.ranks.1.map { TextMatch(rank: $0, score: Float(found[$0 - 1].1)) })
                    }
                }, isComplete: isComplete)
        }
        try Self.explain(&result.rows, matcher, deadline)
        return result
    }

    /// The nearest points, best first; some may have no row.
    private func nearest<F: RowFilter>(
        _ query: SemanticQuery, _ filter: F, _ deadline: ContinuousClock.Instant?
    ) throws -> [(id: UUID, score: Float)] where F.Stored: StoredRow {
        let vector = try queryVector(query, F.Stored.self)
        guard keeps(F.Stored.table) else { return [] }
        let nearest = Query(.nearest(vector), filter: try filter.conditions(), limit: Self.hybridDepth)
        return try engine.query(F.Stored.table, QueryRequest(nearest), deadline: deadline).points
            .compactMap { hit in UUID(hit.id).map { ($0, hit.score ?? 0) } }
    }

    /// Those of the ids whose rows match the filter and have none of the terms.
    private static func admitted<F: RowFilter>(
        _ ids: [UUID], _ filter: F, _ excluded: [TextQuery.Term], _ db: GRDB.Database
    ) throws -> Set<UUID> where F.Stored: TextIndexedRow {
        guard !ids.isEmpty else { return [] }
        let (condition, arguments) = filter.sql
        let (rows, table) = (F.Stored.table, F.Stored.textTable)
        let free = excluded.map { _ in
            "NOT EXISTS (SELECT 1 FROM \(table) WHERE \(table) MATCH ? AND \(table).rowid = \(rows).rowid)"
        }
        let sql = """
            SELECT id FROM \(rows) WHERE id IN (\(ids.map { _ in "?" }.joined(separator: ", ")))
            AND \(([condition] + free).joined(separator: " AND "))
            """
        let values: [any DatabaseValueConvertible] = ids.map(\.text) + arguments + excluded.map(\.expression)
        let admitted = try String.fetchAll(db, sql: sql, arguments: StatementArguments(values))
        return Set(admitted.compactMap { UUID(uuidString: $0) })
    }
}
