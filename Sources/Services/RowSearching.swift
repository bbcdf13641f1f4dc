import SearchEngine
import TrendStore
import WordIndex

/// Searches of trends and of ideas, in each mode.
struct RowSearching<Filter: Sendable, Row: Sendable>: Sendable {
    /// Searches of the store: by embedding, by words, by both.
    var semantic: @Sendable (TrendStore, SemanticQuery, RowSearch<Filter>, Deadline?) throws -> [ScoredRow<Row>]
    var text: @Sendable (TrendStore, TextQuery, RowSearch<Filter>, Deadline?) throws -> TextSearchResult<Row>
    var hybrid:
        @Sendable (TrendStore, SemanticQuery, TextQuery, RowSearch<Filter>, Deadline?) throws -> TextSearchResult<Row>

    /// Throws `.unsupported` where the server has no embedder and needs one, and `.conflict` where its vectors can't be compared with those
    /// that are stored.
    func search(_ search: RowSearch<Filter>, _ services: Services, _ caller: Caller) throws -> SearchResult<Row> {
        let mode = try search.mode(hasEmbedder: services.texts != nil)
        if let text = search.text, !(1...TextEmbeddingLimits.longestQuery).contains(text.unicodeScalars.count) {
            throw ServiceError.outOfRange(
                "q", "must have 1 to \(TextEmbeddingLimits.longestQuery) characters, not \(text.unicodeScalars.count)")
        }
        return try renaming(["offset": "skip", "embedding": "vector"]) {
            switch mode {
            case .semantic:
                let query = try search.query ?? vector(of: search.text ?? "", services, caller)
                let rows = try semantic(services.trends, query, search, caller.deadline)
                return SearchResult(rows: rows, mode: mode, words: nil)
            case .text:
                let words = TextQuery(search.text ?? "")
                try requireTerms(words)
                let found = try text(services.trends, words, search, caller.deadline)
                return SearchResult(rows: found.rows, mode: mode, words: SearchedWords(words, found.isComplete))
            case .hybrid:
                let words = TextQuery(search.text ?? "")
                let isAllExcluded = words.plainText.allSatisfy(\.isWhitespace)
                guard search.query != nil || !isAllExcluded else { throw Self.nothingToFind(words) }
                let query = try search.query ?? vector(of: words.plainText, services, caller)
                let found = try hybrid(services.trends, query, words, search, caller.deadline)
                return SearchResult(rows: found.rows, mode: mode, words: SearchedWords(words, found.isComplete))
            }
        }
    }

    /// A search by words has to have some.
    private func requireTerms(_ words: TextQuery) throws {
        if words.terms.isEmpty { throw Self.nothingToFind(words) }
    }

    private static func nothingToFind(_ words: TextQuery) -> ServiceError {
        if !words.excluded.isEmpty {
            return .outOfRange("q", "excludes words, and must have one to search for as well")
        }
        guard !words.ignored.isEmpty else { return .outOfRange("q", "must have a word: letters or digits") }
        let list = words.ignored.prefix(10).map { "`\($0)`" }.joined(separator: ", ")
        return .outOfRange("q", "must have a word that isn't in nearly every text, as \(list)")
    }

    private func vector(of text: String, _ services: Services, _ caller: Caller) throws -> SemanticQuery {
        guard let texts = services.texts else {
            throw ServiceError(
                .unsupported,
                """
                This server embeds no texts, so that it can't search for the meaning of `q`: set `trendex.embedder.model`, give a vector, or \
                search with the mode `text`
                """)
        }
        guard TextsToEmbed.mayWait else { throw TextsToEmbed() }
        // Throws where it makes no sense to embed the text.
        try services.trends.requireComparable(texts.model.identity, with: Row.self)
        return .embedding(try texts.vector(of: text, deadline: caller.deadline))
    }
}

extension SearchedWords {
    fileprivate init(_ query: TextQuery, _ isComplete: Bool) {
        self.init(
            terms: query.terms.map(\.text), excluded: query.excluded.map(\.text), ignored: query.ignored,
            isComplete: isComplete)
    }
}

extension RowSearching<TrendFilter, Trend> {
    static let trends = RowSearching { store, query, search, deadline in
        try store.searchTrends(
            query, filter: search.filter, limit: search.limit, offset: search.skip,
            scoreThreshold: search.scoreThreshold, deadline: deadline)
    } text: { store, words, search, deadline in
        try store.searchTrends(
            words: words, filter: search.filter, limit: search.limit, offset: search.skip,
            scoreThreshold: search.scoreThreshold, deadline: deadline)
    } hybrid: { store, query, words, search, deadline in
        try store.searchTrends(
            query, words: words, filter: search.filter, limit: search.limit, offset: search.skip,
            scoreThreshold: search.scoreThreshold, deadline: deadline)
    }
}

extension RowSearching<IdeaFilter, Idea> {
    static let ideas = RowSearching { store, query, search, deadline in
        try store.searchIdeas(
            query, filter: search.filter, limit: search.limit, offset: search.skip,
            scoreThreshold: search.scoreThreshold, deadline: deadline)
    } text: { store, words, search, deadline in
        try store.searchIdeas(
            words: words, filter: search.filter, limit: search.limit, offset: search.skip,
            scoreThreshold: search.scoreThreshold, deadline: deadline)
    } hybrid: { store, query, words, search, deadline in
        try store.searchIdeas(
            query, words: words, filter: search.filter, limit: search.limit, offset: search.skip,
            scoreThreshold: search.scoreThreshold, deadline: deadline)
    }
}
