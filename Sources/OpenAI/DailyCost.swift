/// The day's spending, with what requests on their way will cost by estimate.
struct DailyCost: Sendable {
    private var spending: Spending
    private var reserved = Usage()
    private let limit: Double?

    /// - Parameters:
    ///   - limit: Dollars a day; `nil` for any amount.
    ///   - earlier: What was stored. Of another day it is forgotten; one that lies ahead, as after a clock was set back, counts
    ///     until that day is over.
    init(limit: Double?, earlier: Spending?, secondsSince1970 now: Double) {
        self.limit = limit
        spending = Spending(day: Self.day(now), tokens: 0, dollars: 0)
        if let earlier, earlier.day >= spending.day, earlier.tokens >= 0, earlier.dollars >= 0, earlier.dollars.isFinite
        {
            spending = earlier
        }
    }

    /// What the day has cost, without requests on their way.
    mutating func spending(secondsSince1970 now: Double) -> Spending {
        turn(now)
        return spending
    }

    /// What the day will have cost if all requests on their way use what was estimated.
    var withReserved: Spending {
        Spending(
            day: spending.day, tokens: Self.sum(spending.tokens, reserved.tokens),
            dollars: spending.dollars + reserved.dollars)
    }

    /// Sets the cost of a request aside, or answers how long the limit holds.
    mutating func reserve(_ usage: Usage, secondsSince1970 now: Double) -> Duration? {
        turn(now)
        if let limit, spending.dollars + reserved.dollars + usage.dollars > limit {
            return Duration(clampingSeconds: max(Double(spending.day + 1) * 86_400 - now, 1))
        }
        reserved.dollars += usage.dollars
        reserved.tokens = Self.sum(reserved.tokens, usage.tokens)
        return nil
    }

    /// Puts what a request used in the place of its estimate. A request that ends after midnight counts for the new day.
    mutating func settle(reserved estimate: Usage, used: Usage, secondsSince1970 now: Double) {
        turn(now)
        reserved.dollars = max(reserved.dollars - estimate.dollars, 0)
        reserved.tokens = max(reserved.tokens - estimate.tokens, 0)
        spending.tokens = Self.sum(spending.tokens, used.tokens)
        spending.dollars += used.dollars
    }

    private mutating func turn(_ now: Double) {
        let today = Self.day(now)
        if today > spending.day { spending = Spending(day: today, tokens: 0, dollars: 0) }
    }

    private static func day(_ seconds: Double) -> Int { Int(min(max(seconds, 0), 1e14) / 86_400) }

    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }
}
