/// A row that a search found.
public struct ScoredRow<Element: Sendable>: Sendable {
    public var row: Element
    /// What the order follows: of a semantic search the cosine similarity (-1…1), of one by words BM25, of both fused ranks.
    public var score: Float
    /// Why it is found by its embedding, if it is.
    public var semantic: SemanticMatch?
    /// Why it is found by its words, if it is.
    public var text: TextMatch?
}

/// A place among what is near by embedding.
public struct SemanticMatch: Sendable, Hashable {
    /// From 1.
    public var rank: Int
    /// Cosine similarity.
    public var score: Float
}

/// A place among what has the words, and which of them.
public struct TextMatch: Sendable, Hashable {
    /// From 1.
    public var rank: Int
    /// BM25.
    public var score: Float
    /// Terms of the query that the row has, as they were typed.
    public var terms: [String] = []
    /// The row's words that they are, as they stand there; the first 32.
    public var words: [String] = []
    /// The row's fields that have them.
    public var fields: [String] = []
}

/// What a search by words found.
public struct TextSearchResult<Element: Sendable>: Sendable {
    public var rows: [ScoredRow<Element>]
    /// Whether every row with one of the words was ranked; otherwise there are more of a common word than a search looks at.
    public var isComplete: Bool
}
