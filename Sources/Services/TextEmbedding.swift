import Embedding
import Foundation
import Logging
import SearchEngine
import Synchronization
import TrendStore

/// The server's embedder at work: it embeds what is searched for, and in the background what lacks an embedding.
public final class TextEmbedding: Sendable {
    /// Trends or ideas of a step: some seconds of work for a local model.
    private static let batch = 32
    private static let rest = Duration.seconds(1)
    private static let restAfterFailure = Duration.seconds(30)
    /// For a batch.
    private static let patience = Duration.seconds(120)
    /// For a search without a time limit of its own.
    private static let patienceOfSearches = Duration.seconds(30)

    public let model: EmbeddingModel
    private let embedder: any Embedder
    private let trends: TrendStore
    private let logger: Logger
    private let loop = Mutex<BackgroundLoop?>(nil)
    private let isStopping = Atomic(false)
    private let lastFailure = Mutex<String?>(nil)
    private let embedded = Atomic(0)
    private let failures = Atomic(0)
    /// Of a service: what was noted of its cost last.
    private let noted = Mutex<EmbeddingSpending?>(nil)

    init(_ embedder: any Embedder, _ trends: TrendStore, logger: Logger) {
        self.embedder = embedder
        self.trends = trends
        self.logger = logger
        model = embedder.model
    }

    /// Texts that were embedded since the start.
    public var embeddedTexts: Int { embedded.load(ordering: .relaxed) }
    /// Attempts that failed.
    public var failedAttempts: Int { failures.load(ordering: .relaxed) }

    func start() {
        let loop = BackgroundLoop("trendex-embed", .background(nice: 10)) { [self] in step() }
        self.loop.withLock { $0 = loop }
        trends.engine.environment.executor.start(loop)
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        (embedder as? OpenAIEmbedder)?.close()
        if let loop = loop.withLock({ $0 }) { trends.engine.environment.executor.end([loop]) }
    }

    /// The vector of a text that somebody searches for.
    func vector(of text: String, deadline: Deadline?) throws -> [Float] {
        try vectors(of: [text], deadline: deadline ?? .now + Self.patienceOfSearches)[0]
    }

    /// The vectors of texts that a request gives, in their order.
    func vectors(of texts: [String], deadline: Deadline) throws -> [[Float]] {
        do {
            let vectors = try embedder.embed(texts, deadline: deadline)
            embedded.add(texts.count, ordering: .relaxed)
            return vectors
        } catch {
            failures.add(1, ordering: .relaxed)
            throw ServiceError(error)
        }
    }

    // MARK: The background

    private func step() -> BackgroundLoop.Next {
        guard !isStopping.load(ordering: .acquiring) else { return .ended }
        do {
            defer { try? noteSpending() }
            let count = try embedTrends() + embedIdeas()
            lastFailure.withLock { $0 = nil }
            return count > 0 ? .again : .after(Self.rest)
        } catch {
            guard !isStopping.load(ordering: .acquiring) else { return .ended }
            failures.add(1, ordering: .relaxed)
            tell(error)
            if case .unavailable(_, let pause?) = error as? EmbeddingError { return .after(max(pause, Self.rest)) }
            return .after(Self.restAfterFailure)
        }
    }

    /// What a service has cost today counts after a restart as well.
    private func noteSpending() throws {
        guard let spending = (embedder as? OpenAIEmbedder)?.spending, noted.withLock({ $0 != spending }) else { return }
        try trends.setCounter(EmbeddingCounters.tokens, period: spending.day, value: Double(spending.tokens))
        try trends.setCounter(EmbeddingCounters.dollars, period: spending.day, value: spending.dollars)
        noted.withLock { $0 = spending }
    }

    /// Dollars that a service has cost today; `nil` for what costs nothing.
    public var dollarsToday: Double? { (embedder as? OpenAIEmbedder)?.spending.dollars }

    private func embedTrends() throws -> Int {
        var filter = TrendFilter()
        filter.needsEmbedding = true
        let rows = try trends.listTrends(filter, by: .discoveredAt, .ascending, limit: Self.batch).rows
        let made = try vectors(of: rows.map { ($0.id, $0.textToEmbed) })
        guard !made.isEmpty else { return 0 }
        return try trends.write { [model] in try $0.embedTrends(made, by: model.identity) }
    }

    private func embedIdeas() throws -> Int {
        var filter = IdeaFilter()
        filter.needsEmbedding = true
        let rows = try trends.listIdeas(filter, by: .analyzedAt, .ascending, limit: Self.batch).rows
        let made = try vectors(of: rows.map { ($0.id, $0.textToEmbed) })
        guard !made.isEmpty else { return 0 }
        return try trends.write { [model] in try $0.embedIdeas(made, by: model.identity) }
    }

    private func vectors(of texts: [(id: UUID, text: String)]) throws -> [MadeEmbedding] {
        guard !texts.isEmpty else { return [] }
        let vectors = try embedder.embed(texts.map(\.text), deadline: .now + Self.patience)
        embedded.add(texts.count, ordering: .relaxed)
        return zip(texts, vectors).map { MadeEmbedding(id: $0.id, text: $0.text, vector: $1) }
    }

    /// Once, until something else fails or it works again.
    private func tell(_ error: any Error) {
        let text = "\(error)"
        let isNew = lastFailure.withLock { last in
            defer { last = text }
            return last != text
        }
        if isNew {
            logger.warning("Texts can't be embedded", metadata: ["error": "\(text)", "model": "\(model.name)"])
        }
    }
}

extension Services {
    /// What a search asks for: its text embedded, if it has one.
    ///
    /// Throws `.unsupported` where the server has no embedder, and `.conflict` where its vectors can't be compared with those
    /// that are stored.
    func query<Filter, Row>(of search: RowSearch<Filter>, in _: Row.Type, _ caller: Caller) throws -> SemanticQuery {
        guard let text = search.text else { return search.query }
        guard let texts else {
            throw ServiceError(
                .unsupported,
                "This server embeds no texts, so that it can't search for `q`: set `trendex.embedder.model`, or search by vector"
            )
        }
        guard (1...TextEmbeddingLimits.longestQuery).contains(text.unicodeScalars.count) else {
            throw ServiceError.outOfRange(
                "q", "must have 1 to \(TextEmbeddingLimits.longestQuery) characters, not \(text.unicodeScalars.count)")
        }
        // Throws where it makes no sense to embed the text.
        _ = try trends.hasVectors(of: Row.self, comparableWith: texts.model.identity)
        return .embedding(try texts.vector(of: text, deadline: caller.deadline))
    }
}

/// Names of counters in the store.
public enum EmbeddingCounters {
    public static let tokens = "openai_embedding_tokens"
    public static let dollars = "openai_embedding_dollars"
}

enum TextEmbeddingLimits {
    static let longestQuery = 10_000
}

extension ServiceError {
    init(_ error: EmbeddingError) {
        switch error {
        case .deadlineExceeded: self.init(.timeout, error.description)
        case .unavailable, .costLimit, .closed: self.init(.unavailable, error.description)
        case .refused, .malformedAnswer, .invalidModelFolder, .invalidConfiguration:
            self.init(.failed, error.description)
        }
    }
}
