import Dispatch
import Synchronization

/// Embeds texts with an MPNet encoder (Song, Tan, Qin, Lu, Liu 2020: MPNet: Masked and Permuted Pre-training for Language
/// Understanding) on this machine's CPU: all-mpnet-base-v2, 768 dimensions.
///
/// A vector is the mean of the last layer's states over all tokens of a text, the first and last one included, of length 1
/// (Reimers, Gurevych 2019). What is beyond `longestText` tokens is left out.
///
/// The folder holds `model.safetensors` and `tokenizer.json`, and may hold `config.json`, which is compared with what is
/// computed. `make model` fetches them. Don't write into the files of a folder in use: put a new folder in its place.
///
/// An embedder may be used by several threads at once. Each call takes 5 to 25 MB a thread while it lasts.
public final class MPNetEmbedder: Embedder {
    /// What all-mpnet-base-v2 was trained for.
    public static let longestText = 384

    public let model: EmbeddingModel
    /// Threads of one call, the caller's included.
    public let threads: Int

    private let tokenizer: WordPieceTokenizer
    private let weights: MPNetWeights
    private let longestText: Int
    private let closing = Closing()

    /// Attention takes the square of a text's tokens: 67 MB for these.
    private static let mostTokens = 4_096
    /// Those of BERT's models have 0.5 to 3 MB.
    private static let longestTokenizer = 16 << 20
    private static let longestConfiguration = 1 << 20

    /// Loads a model, which takes about a second for all-mpnet-base-v2 and 350 MB of memory.
    ///
    /// - Parameters:
    ///   - folder: The model's.
    ///   - name: How the model is named. Vectors are told apart by its weights as well (`EmbeddingModel.identity`).
    ///   - threads: The most threads that work on one call, 1 to 64. With 1 all is done on the caller's thread, whose priority holds
    ///     for all of the work.
    ///   - longestText: Tokens of a text that count, 3 to 4,096; no more than the model has positions for.
    /// - Throws: `EmbeddingError.invalidModelFolder`, `.invalidConfiguration`.
    public init(
        folder: String, name: String = "all-mpnet-base-v2", threads: Int = 2,
        longestText: Int = MPNetEmbedder.longestText
    ) throws(EmbeddingError) {
        guard (1...64).contains(threads) else { throw .invalidConfiguration(reason: "\(threads) threads, not 1 to 64") }
        guard (3...Self.mostTokens).contains(longestText) else {
            throw .invalidConfiguration(
                reason: "the longest text must have 3 to \(Self.mostTokens) tokens, not \(longestText)")
        }
        let file = try ModelFile(folder: folder, name: "model.safetensors")
        let tensors = try MPNetTensors(file)
        let shape = try MPNetShape(tensors)
        if ModelFile.exists(folder: folder, name: "config.json") {
            let configuration = try ModelFile(folder: folder, name: "config.json")
            try shape.check(configuration: try configuration.contents(limit: Self.longestConfiguration))
        }
        let tokenizerFile = try ModelFile(folder: folder, name: "tokenizer.json")
        tokenizer = try WordPieceTokenizer(
            file: try tokenizerFile.contents(limit: Self.longestTokenizer), vocabulary: shape.vocabulary)
        self.longestText = min(longestText, shape.mostTokens)
        guard self.longestText >= 3 else { throw .invalidModelFolder(reason: "it has \(shape.positions) positions") }
        weights = try MPNetWeights(tensors, shape: shape, longestText: self.longestText)
        self.threads = threads
        model = EmbeddingModel(
            name: name, dimensions: shape.width, isLexical: false,
            identity: "\(name)@sha256:\(try file.sha256().prefix(16))\(tokenizer.deviations)")
    }

    public func close() { closing.isOver.store(true, ordering: .releasing) }

    /// - Complexity: For all-mpnet-base-v2 about 170 million multiplications and additions a token.
    public func embed(_ texts: [String], deadline: ContinuousClock.Instant) throws(EmbeddingError) -> [[Float]] {
        var tokens: [[Int32]] = []
        tokens.reserveCapacity(texts.count)
        for (index, text) in texts.enumerated() {
            if index % 16 == 0, ContinuousClock.now >= deadline { throw .deadlineExceeded }
            tokens.append(tokenizer.encode(text, limit: longestText))
        }
        let groups = TokenGroups.make(tokens.map(\.count), threads: threads)
        let work = GroupWork(
            groups: groups, tokens: tokens, weights: weights, threadsOfGroup: threads / max(groups.count, 1)
        ) { [closing] in
            closing.isOver.load(ordering: .acquiring)
                ? .closed : ContinuousClock.now >= deadline ? .deadlineExceeded : nil
        }
        switch min(threads, groups.count) {
        case 0: break
        case 1: work.run()
        case let count: DispatchQueue.concurrentPerform(iterations: count) { _ in work.run() }
        }
        return try work.results()
    }
}

/// A flag that closures can hold.
private final class Closing: Sendable {
    let isOver = Atomic(false)
}

/// Groups that threads take one after the other.
private final class GroupWork: Sendable {
    private struct State {
        var next = 0
        var vectors: [[Float]]
        var error: EmbeddingError?
    }

    private let groups: [[Int]]
    private let tokens: [[Int32]]
    private let weights: MPNetWeights
    /// Why the work is to end.
    private let stop: @Sendable () -> EmbeddingError?
    /// More than 1 only where there are fewer groups than threads, such as for a single query.
    private let threadsOfGroup: Int
    private let state: Mutex<State>

    init(
        groups: [[Int]], tokens: [[Int32]], weights: MPNetWeights, threadsOfGroup: Int,
        stop: @escaping @Sendable () -> EmbeddingError?
    ) {
        self.groups = groups
        self.tokens = tokens
        self.weights = weights
        self.stop = stop
        self.threadsOfGroup = threadsOfGroup
        state = Mutex(State(vectors: [[Float]](repeating: [], count: tokens.count)))
    }

    /// Works until no group is left, or one has failed.
    func run() {
        var forward: MPNetForward?
        defer { forward?.deallocate() }
        while let group = take() {
            let room = forward ?? makeForward()
            forward = room
            let outcome = Result { () throws(EmbeddingError) in
                try room.embed(group.map { tokens[$0] }, stop: stop)
            }
            state.withLock { state in
                switch outcome {
                case .success(let vectors): for (index, vector) in zip(group, vectors) { state.vectors[index] = vector }
                case .failure(let error): state.error = state.error ?? error
                }
            }
        }
    }

    func results() throws(EmbeddingError) -> [[Float]] {
        try state.withLock { state throws(EmbeddingError) in
            if let error = state.error { throw error }
            return state.vectors
        }
    }

    private func take() -> [Int]? {
        state.withLock { state in
            guard state.error == nil, state.next < groups.count else { return nil }
            state.next += 1
            return groups[state.next - 1]
        }
    }

    /// With room for any group.
    private func makeForward() -> MPNetForward {
        let longest = tokens.map(\.count).max() ?? 0
        let capacity = groups.map { group in group.reduce(0) { $0 + tokens[$1].count } }.max() ?? 0
        return MPNetForward(weights, capacity: capacity, longest: longest, threads: threadsOfGroup)
    }
}
