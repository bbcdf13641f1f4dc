/// What embedding has cost on a day. Callers store it and give it back after a restart, so that a limit holds for the day and not
/// for the process.
public struct EmbeddingSpending: Sendable, Equatable {
    /// Days since 1970-01-01, UTC.
    public var day: Int
    /// As the service counts them, or as estimated where it didn't say.
    public var tokens: Int
    public var dollars: Double

    public init(day: Int, tokens: Int, dollars: Double) {
        self.day = day
        self.tokens = tokens
        self.dollars = dollars
    }
}

/// The day's spending, with what requests on their way will cost by estimate.
struct DailyCost: Sendable {
    private(set) var spending: EmbeddingSpending
    private var reservedDollars = 0.0
    private let dollarsPerToken: Double
    private let limit: Double?

    /// - Parameter earlier: What was stored. Of another day it is forgotten; one that lies ahead, as after a clock was set back, counts
    ///   until that day is over.
    init(configuration: OpenAIConfiguration, earlier: EmbeddingSpending?, secondsSince1970 now: Double) {
        dollarsPerToken = configuration.dollarsPerMillionTokens / 1e6
        limit = configuration.dollarsPerDay
        spending = EmbeddingSpending(day: Self.day(now), tokens: 0, dollars: 0)
        if let earlier, earlier.day >= spending.day, earlier.tokens >= 0, earlier.dollars >= 0, earlier.dollars.isFinite
        {
            spending = earlier
        }
    }

    /// Sets the cost of a request aside, or answers how long the limit holds.
    mutating func reserve(tokens: Int, secondsSince1970 now: Double) -> Duration? {
        turn(now)
        let dollars = Double(tokens) * dollarsPerToken
        if let limit, spending.dollars + reservedDollars + dollars > limit {
            return Duration(clampingSeconds: max(Double(spending.day + 1) * 86_400 - now, 1))
        }
        reservedDollars += dollars
        return nil
    }

    /// Puts what a request used in the place of its estimate. A request that ends after midnight counts for the new day.
    mutating func settle(reserved: Int, used: Int, secondsSince1970 now: Double) {
        turn(now)
        reservedDollars = max(reservedDollars - Double(reserved) * dollarsPerToken, 0)
        let (sum, overflow) = spending.tokens.addingReportingOverflow(used)
        spending.tokens = overflow ? .max : sum
        spending.dollars += Double(used) * dollarsPerToken
    }

    private mutating func turn(_ now: Double) {
        let today = Self.day(now)
        if today > spending.day { spending = EmbeddingSpending(day: today, tokens: 0, dollars: 0) }
    }

    private static func day(_ seconds: Double) -> Int { Int(min(max(seconds, 0), 1e14) / 86_400) }
}
