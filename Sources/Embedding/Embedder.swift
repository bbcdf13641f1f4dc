import OpenAI

/// Makes vectors of texts.
///
/// `embed` blocks its caller. Callers are background threads and the threads that work on requests, which wait for the engine
/// the same way; none of them is an event loop or a thread of Swift's cooperative pool. A local model computes on the caller's
/// thread, so that its priority holds for the work.
public protocol Embedder: Sendable {
    /// What makes the vectors.
    var model: EmbeddingModel { get }

    /// Embeds texts.
    ///
    /// - Parameters:
    ///   - texts: Any texts, empty ones and any number of them included. What is beyond the model's longest text is left out.
    ///   - deadline: When the caller stops waiting. It is looked at between parts of the work.
    /// - Returns: A vector of `model.dimensions` finite numbers and length 1 for each text, in the order of the texts.
    /// - Throws: `EmbeddingError`. Then no vector is answered, whatever was done for some texts.
    func embed(_ texts: [String], deadline: ContinuousClock.Instant) throws(EmbeddingError) -> [[Float]]

    /// Ends calls in progress as soon as it can; they and all later ones throw `.closed`.
    func close()

    /// What a service has cost today; `nil` for what costs nothing.
    var spendingToday: Spending? { get }
}

extension Embedder {
    public var spendingToday: Spending? { nil }
}

/// What made a vector. Vectors of different models can't be compared, so whoever stores vectors keeps `identity` beside them.
public struct EmbeddingModel: Sendable, Hashable {
    /// How people and requests name it, such as `all-mpnet-base-v2`.
    public let name: String
    /// Length of its vectors.
    public let dimensions: Int
    /// Whether texts are close by common words and letters alone, not by meaning.
    public let isLexical: Bool
    /// The same for every process that makes the same vectors, and another for any other model: the name with a part of
    /// the weights' SHA-256, the endpoint's host with model and dimensions, or a versioned name.
    public let identity: String

    public init(name: String, dimensions: Int, isLexical: Bool, identity: String) {
        self.name = name
        self.dimensions = dimensions
        self.isLexical = isLexical
        self.identity = identity
    }
}
