import Logging
import OpenAI
import TrendStore

/// What a model's service has cost on a day, in the counters `NAME_tokens` and `NAME_dollars` of the trend store.
public struct SpendingCounter: Sendable {
    public static let embedding = "openai_embedding"
    public static let chat = "openai_chat"

    private let name: String
    private let trends: TrendStore
    private let logger: Logger

    public init(_ name: String, _ trends: TrendStore, logger: Logger) {
        self.name = name
        self.trends = trends
        self.logger = logger
    }

    /// What was stored last; `nil` before the first time.
    public func load() throws -> Spending? {
        guard let dollars = try trends.counter("\(name)_dollars") else { return nil }
        let tokens = try trends.counter("\(name)_tokens")?.value ?? 0
        return Spending(day: dollars.period, tokens: Int(exactly: tokens.rounded()) ?? .max, dollars: dollars.value)
    }

    /// What can't be stored, as on a full disk, counts until the process ends.
    public func store(_ spending: Spending) {
        do {
            try trends.setCounters([
                ("\(name)_tokens", spending.day, Double(spending.tokens)),
                ("\(name)_dollars", spending.day, spending.dollars),
            ])
        } catch {
            logger.warning(
                "The cost of a service can't be stored", metadata: ["service": "\(name)", "error": "\(error)"])
        }
    }
}
