import Embedding
import Foundation
import Logging
import SearchEngine
import Synchronization
import TrendStore

/// The server's embedder at work: it embeds what is searched for, and in the background what lacks an embedding.
public final class TextEmbedding: Sendable {
    private static let rest = Duration.seconds(1)
    /// For a batch of the background.
    private static let patience = Duration.seconds(120)
    /// For a search without a time limit of its own.
    private static let patienceOfSearches = Duration.seconds(30)

    public let model: EmbeddingModel
    private let embedder: any Embedder
    private let trends: TrendStore
    private let failures: FailureNotice
    private let loop = Mutex<BackgroundLoop?>(nil)
    private let isStopping = Atomic(false)
    private let embedded = Atomic(0)
    private let failedCount = Atomic(0)
    /// What lacks an embedding, by table.
    private let missing: Mutex<[MissingEmbeddings]>

    init(_ embedder: any Embedder, _ trends: TrendStore, logger: Logger) {
        self.embedder = embedder
        self.trends = trends
        failures = FailureNotice("Texts can't be embedded", logger: logger)
        model = embedder.model
        missing = Mutex([.trends(of: trends, by: model.identity), .ideas(of: trends, by: model.identity)])
    }

    /// Texts that were embedded since the start.
    public var embeddedTexts: Int { embedded.load(ordering: .relaxed) }
    /// Attempts that failed.
    public var failedAttempts: Int { failedCount.load(ordering: .relaxed) }

    func start() {
        let loop = BackgroundLoop("trendex-embed", .background(nice: 10)) { [self] in step() }
        self.loop.withLock { $0 = loop }
        trends.engine.environment.executor.start(loop)
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        embedder.close()
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
            failedCount.add(1, ordering: .relaxed)
            throw ServiceError(error)
        }
    }

    // MARK: The background

    private func step() -> BackgroundLoop.Next {
        guard !isStopping.load(ordering: .acquiring) else { return .ended }
        var hasWorked = false
        var hasFailed = false
        missing.withLock { tables in
            for place in tables.indices {
                let step = tables[place].step(at: .now) { texts in
                    let vectors = try embedder.embed(texts, deadline: .now + Self.patience)
                    embedded.add(texts.count, ordering: .relaxed)
                    return vectors
                }
                switch step {
                case .idle: break
                case .worked: hasWorked = true
                case .failed(let error):
                    hasFailed = true
                    if isStopping.load(ordering: .acquiring) { return }
                    failedCount.add(1, ordering: .relaxed)
                    failures.tell(error, ["model": "\(model.name)"])
                }
            }
        }
        if hasWorked, !hasFailed { failures.clear() }
        return hasWorked ? .again : .after(Self.rest)
    }

    /// Dollars that a service has cost today; `nil` for what costs nothing.
    public var dollarsToday: Double? { embedder.spendingToday?.dollars }
}

extension MissingEmbeddings {
    fileprivate static func trends(of store: TrendStore, by model: String) -> MissingEmbeddings {
        var filter = TrendFilter()
        filter.needsEmbedding = true
        return MissingEmbeddings { [filter] limit in
            try store.listTrends(filter, by: .discoveredAt, .ascending, limit: limit).rows.map {
                ($0.id, $0.textToEmbed)
            }
        } check: {
            _ = try store.hasVectors(of: Trend.self, comparableWith: model)
        } store: { made in
            _ = try store.write { try $0.embedTrends(made, by: model) }
        }
    }

    fileprivate static func ideas(of store: TrendStore, by model: String) -> MissingEmbeddings {
        var filter = IdeaFilter()
        filter.needsEmbedding = true
        return MissingEmbeddings { [filter] limit in
            try store.listIdeas(filter, by: .analyzedAt, .ascending, limit: limit).rows.map { ($0.id, $0.textToEmbed) }
        } check: {
            _ = try store.hasVectors(of: Idea.self, comparableWith: model)
        } store: { made in
            _ = try store.write { try $0.embedIdeas(made, by: model) }
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
        guard TextsToEmbed.mayWait else { throw TextsToEmbed() }
        // Throws where it makes no sense to embed the text.
        _ = try trends.hasVectors(of: Row.self, comparableWith: texts.model.identity)
        return .embedding(try texts.vector(of: text, deadline: caller.deadline))
    }
}

enum TextEmbeddingLimits {
    static let longestQuery = 10_000
}

extension ServiceError {
    init(_ error: EmbeddingError) {
        switch error {
        case .deadlineExceeded: self.init(.timeout, error.description)
        case .unavailable(_, let retryAfter):
            self.init(.unavailable, error.description)
            retryAfterSeconds = retryAfter.map(\.wholeSeconds)
        case .costLimit(let retryAfter):
            self.init(.unavailable, error.description)
            retryAfterSeconds = retryAfter.wholeSeconds
        case .closed: self.init(.unavailable, error.description)
        // The service's words may have parts of its key: the log has them.
        case .refused(400, _), .refused(413, _):
            self.init(.invalid, "The embedding service refuses the text: it may be too long for its model")
        case .refused(let status, _):
            self.init(.failed, "The embedding service refused the request with status \(status); the log says why")
        case .malformedAnswer, .invalidModelFolder, .invalidConfiguration:
            self.init(.failed, error.description)
        }
    }
}

extension Duration {
    /// Rounded up, 1 to a day: for `Retry-After`.
    fileprivate var wholeSeconds: Int {
        let (seconds, attoseconds) = components
        return Int(min(max(seconds + (attoseconds > 0 ? 1 : 0), 1), 86_400))
    }
}
