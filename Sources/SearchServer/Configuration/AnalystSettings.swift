import Logging
import OpenAI
import SearchEngine
import Services
import TrendStore

/// Which service's models make ideas of trends.
public struct AnalystSettings: Sendable, Equatable {
    /// Of the service, such as `https://api.openai.com/v1`; `nil` for no analyst.
    public var baseURL: String?
    /// Comes from the environment variable `OPENAI_API_KEY` alone.
    public var apiKey: Secret?
    public var models: AnalysisModels
    public var timeoutSeconds = 60
    public var mostOutputTokens = 8_192
    public var jobsAtOnce = 2
    /// What a day (UTC) may cost; `nil` for any amount.
    public var dollarsPerDay: Double?

    public init() { models = AnalysisModels { _ in Self.ordinaryModel } }

    /// Is asked where the configuration names no model.
    static let ordinaryModel = ChatModel(
        name: "gpt-4o-mini", dollarsPerMillionInputTokens: 0.15, dollarsPerMillionOutputTokens: 0.6)

    /// `nil` for none. Throws a `ConfigurationError` for one that can't be used.
    func analyst(
        _ trends: TrendStore, _ limit: (any RequestLimit)?, _ calls: any CallObserver, _ logger: Logger
    ) throws -> AnalystConfiguration? {
        guard let baseURL else { return nil }
        do {
            var settings = OpenAISettings(endpoint: baseURL)
            settings.apiKey = try apiKey.map { try APIKey($0.value) }
            settings.timeout = .seconds(timeoutSeconds)
            settings.dollarsPerDay = dollarsPerDay
            let spending = SpendingCounter(SpendingCounter.chat, trends, logger: logger)
            let accounting = OpenAIAccounting(
                earlier: try spending.load(), store: { spending.store($0) }, limit: limit, observer: calls)
            let chat = try ChatClient(
                settings, mostOutputTokens: mostOutputTokens, accounting: accounting, logger: logger)
            return AnalystConfiguration(chat: chat, models: models, jobsAtOnce: jobsAtOnce)
        } catch let error as OpenAIError {
            throw ConfigurationError(problems: ["`trendex.analyst.base_url`: \(error)."])
        }
    }
}

extension ConfigurationReader {
    private static let section = "trendex.analyst"

    mutating func readAnalyst() -> AnalystSettings {
        var settings = AnalystSettings()
        settings.baseURL = string("\(Self.section).base_url").flatMap { $0.isEmpty ? nil : $0 }
        settings.timeoutSeconds =
            integer("\(Self.section).timeout_sec", in: 1...3_600) ?? settings.timeoutSeconds
        settings.mostOutputTokens =
            integer("\(Self.section).max_output_tokens", in: 1...1_000_000) ?? settings.mostOutputTokens
        settings.jobsAtOnce =
            integer("\(Self.section).jobs_at_once", in: 1...AnalystConfiguration.mostJobsAtOnce) ?? settings.jobsAtOnce
        settings.dollarsPerDay = double("\(Self.section).dollars_per_day", in: 0...1_000_000)
        let hasLimit = settings.dollarsPerDay != nil
        let common = readModel(Self.section, otherwise: AnalystSettings.ordinaryModel, hasLimit)
        settings.models = AnalysisModels { readModel("\(Self.section).\($0.rawValue)", otherwise: common, hasLimit) }
        return settings
    }

    /// The model of a section, or another one. Prices that aren't given are those of the other one, if that is the same model;
    /// otherwise nobody knows them, and a limit of cost would mean nothing.
    private mutating func readModel(_ section: String, otherwise: ChatModel, _ hasLimit: Bool) -> ChatModel {
        let key = "\(section).model"
        let name = string(key).flatMap { $0.isEmpty ? nil : $0 } ?? otherwise.name
        if name.utf8.count > OpenAISettings.longestModelName {
            problem(key, "must have at most \(OpenAISettings.longestModelName) bytes")
        }
        let prices = ["input", "output"].map { kind in
            double("\(section).dollars_per_million_\(kind)_tokens", in: OpenAISettings.prices)
        }
        if name != otherwise.name, hasLimit, prices.contains(nil) {
            problem(
                key,
                "needs `\(section).dollars_per_million_input_tokens` and `…_output_tokens`, as there is a limit of cost"
            )
        }
        let known = name == otherwise.name ? otherwise : nil
        return ChatModel(
            name: name,
            dollarsPerMillionInputTokens: prices[0] ?? known?.dollarsPerMillionInputTokens ?? 0,
            dollarsPerMillionOutputTokens: prices[1] ?? known?.dollarsPerMillionOutputTokens ?? 0)
    }
}

extension ServerConfiguration {
    /// The models that the server asks, by the names of metrics.
    var modelNames: Set<String> {
        var names: Set<String> = []
        if embedder.model == .openAI { names.insert(embedder.openAIModel) }
        if analyst.baseURL != nil {
            names.formUnion([analyst.models.research.name, analyst.models.scoring.name, analyst.models.ranking.name])
        }
        return names
    }

    /// Throws a `ConfigurationError` for models that can't be used.
    func models(_ trends: TrendStore, _ calls: any CallObserver, _ logger: Logger) throws -> Models {
        let limit = try openAILimit.map { try DurableRateLimit("openai_api", $0, trends, logger: logger) }
        return Models(
            embedder: try embedder.embedder(trends, limit, calls, logger), embeddingSchedule: embedder.schedule,
            analyst: try analyst.analyst(trends, limit, calls, logger))
    }
}
