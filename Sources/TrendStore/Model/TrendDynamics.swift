/// How a trend moves, from its observations.
///
/// - `velocity` is the slope of the least-squares line through engagement over time, in points a day, of the observations in
///   the ``window`` that ends with the newest one. It takes observations that are an hour apart: what grows within a second
///   says nothing of a day.
/// - `growth` is the velocity over the mean engagement of the same observations (at least 1): the share by which engagement
///   grows in a day.
/// - `stage` is the first of these that holds:
///
/// | stage | rule |
/// |---|---|
/// | new | fewer than 3 observations, or less than 2 hours from the first to the newest |
/// | exploding | growth of at least 1 a day: engagement doubles |
/// | rising | growth of at least 0.1 a day |
/// | fading | growth of -0.1 a day or less, and the newest engagement is below half of the highest ever seen |
/// | peaked | growth of -0.1 a day or less |
/// | steady | everything else |
public struct TrendDynamics: Sendable, Hashable {
    /// Points a day; `nil` for observations within less than an hour.
    public var velocity: Double?
    /// A day.
    public var growth: Double?
    public var stage: TrendStage
    /// Observations in all.
    public var observations: Int
    /// The newest engagement.
    public var newest: Double
    /// The highest engagement ever seen.
    public var peak: Double

    /// Seven days, in microseconds.
    static let window: Int64 = 7 * 86_400_000_000
    /// Of the window the newest observations that count.
    static let mostObservations = 256
    /// From the first to the newest observation of a trend that isn't new any more.
    private static let shortestAge: Int64 = 2 * 3_600_000_000
    /// From the first to the newest observation of the window for a velocity.
    private static let shortestSpan: Int64 = 3_600_000_000
    private static let microsecondsPerDay = 86_400_000_000.0

    /// - Parameters:
    ///   - recent: those of the window, newest first; at least one.
    ///   - count: all observations.
    ///   - first: the time of the first of all.
    ///   - peak: the highest engagement of all.
    init(recent: [(time: Timestamp, engagement: Double)], count: Int, first: Timestamp, peak: Double) {
        let last = recent.first ?? (first, 0)
        (observations, newest, self.peak) = (count, last.engagement, peak)
        var slope: Double?
        if let oldest = recent.last, last.time.microseconds - oldest.time.microseconds >= Self.shortestSpan {
            // Relative to the newest, so that no digit is lost.
            let times = recent.map { Double($0.time.microseconds - last.time.microseconds) / Self.microsecondsPerDay }
            let share = 1 / Double(recent.count)
            let meanTime = times.reduce(0) { $0 + $1 * share }
            let mean = recent.reduce(0) { $0 + $1.engagement * share }
            var covariance = 0.0
            var variance = 0.0
            for (time, observation) in zip(times, recent) {
                covariance += (time - meanTime) * (observation.engagement - mean) * share
                variance += (time - meanTime) * (time - meanTime) * share
            }
            let largest = Double.greatestFiniteMagnitude
            slope = min(max(covariance / variance, -largest), largest)
            growth = slope.map { $0 / max(mean, 1) }
        }
        velocity = slope
        let age = last.time.microseconds - first.microseconds
        switch growth ?? 0 {
        case _ where count < 3 || age < Self.shortestAge: stage = .new
        case 1...: stage = .exploding
        case 0.1...: stage = .rising
        case ...(-0.1): stage = last.engagement < peak / 2 ? .fading : .peaked
        default: stage = .steady
        }
    }
}
