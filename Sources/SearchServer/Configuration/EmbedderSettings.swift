import Embedding
import Logging
import OpenAI
import SearchEngine
import Services
import TrendStore

/// What makes vectors of texts.
public struct EmbedderSettings: Sendable, Equatable {
    public enum Model: Sendable, Equatable {
        /// Texts are not embedded.
        case none
        /// Hashed words: texts are close by common words and letters alone.
        case lexical
        /// A local model, from a folder.
        case folder(String)
        /// An OpenAI-compatible service.
        case openAI
    }

    public var model = Model.none
    /// When what lacks an embedding gets one; `nil` at once.
    public var schedule: CronTime?
    /// Of a local model.
    public var threads = 2
    public var endpoint: String?
    /// The service's.
    public var serviceModel: String?
    public var requestsPerMinute: Int?
    public var dollarsPerDay: Double?
    /// Comes from the environment variable `OPENAI_API_KEY` alone.
    public var apiKey: Secret?

    public init() {}

    var openAIModel: String { serviceModel ?? OpenAIEmbeddingConfiguration().model }

    /// `nil` for none. Throws a `ConfigurationError` for one that can't be used.
    func embedder(
        _ trends: TrendStore, _ limit: (any RequestLimit)?, _ calls: any CallObserver, _ logger: Logger
    ) throws -> (any Embedder)? {
        do {
            guard let embedder = try unchecked(trends, limit, calls, logger) else { return nil }
            guard embedder.model.dimensions == TrendStore.embeddingDimensions else {
                throw EmbeddingError.invalidConfiguration(
                    reason:
                        "its vectors have \(embedder.model.dimensions) dimensions, not \(TrendStore.embeddingDimensions)"
                )
            }
            return embedder
        } catch let error as OpenAIError {
            throw ConfigurationError(problems: ["`trendex.embedder.openai`: \(error)."])
        } catch let error as EmbeddingError {
            throw ConfigurationError(problems: ["`trendex.embedder.model`: \(error)."])
        }
    }

    private func unchecked(
        _ trends: TrendStore, _ limit: (any RequestLimit)?, _ calls: any CallObserver, _ logger: Logger
    ) throws -> (any Embedder)? {
        switch model {
        case .none: return nil
        case .lexical: return LexicalEmbedder()
        case .folder(let folder): return try MPNetEmbedder(folder: folder, threads: threads)
        case .openAI:
            var configuration = OpenAIEmbeddingConfiguration()
            configuration.service.endpoint = endpoint ?? configuration.service.endpoint
            configuration.service.requestsPerMinute = requestsPerMinute
            configuration.service.dollarsPerDay = dollarsPerDay
            configuration.service.apiKey = try apiKey.map { try APIKey($0.value) }
            configuration.model = openAIModel
            let spending = SpendingCounter(SpendingCounter.embedding, trends, logger: logger)
            let accounting = OpenAIAccounting(
                earlier: try spending.load(), store: { spending.store($0) }, limit: limit, observer: calls)
            return try OpenAIEmbedder(configuration, accounting: accounting, logger: logger)
        }
    }
}

extension ConfigurationReader {
    mutating func readEmbedder() -> EmbedderSettings {
        var settings = EmbedderSettings()
        switch string("trendex.embedder.model") {
        case nil, "none", "": break
        case "lexical": settings.model = .lexical
        case "openai": settings.model = .openAI
        case let folder?: settings.model = .folder(folder)
        }
        settings.threads = integer("trendex.embedder.threads", in: 1...64) ?? settings.threads
        if let text = string("trendex.embedder.schedule"), text != "none" {
            settings.schedule = CronTime(text)
            if settings.schedule == nil { problem("trendex.embedder.schedule", "must be \(CronTime.form)") }
        }
        settings.endpoint = string("trendex.embedder.openai.endpoint")
        settings.serviceModel = string("trendex.embedder.openai.model")
        settings.requestsPerMinute = integer("trendex.embedder.openai.requests_per_minute", in: 1...1_000_000)
        settings.dollarsPerDay = double("trendex.embedder.openai.dollars_per_day", in: 0...1_000_000)
        return settings
    }
}
