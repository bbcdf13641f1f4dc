/// How a row and its vector stand to each other.
public enum EmbeddingStatus: String, Sendable, Hashable, CaseIterable {
    /// There is no vector: the row is in no semantic search.
    case missing
    /// The vector was made before the title or the description changed. Searches find the row by it until there is another.
    case stale
    case current

    /// Whether a vector is to be made.
    public var needsEmbedding: Bool { self != .current }
}
