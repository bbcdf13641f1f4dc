/// How a trend moves, from its observations.
///
/// - `velocity` is the slope of the least-squares line through engagement over time, in points a day, of the observations in
///   the ``window`` that ends with the newest one. It takes observations that are an hour apart: what grows within a second
///   says nothing of a day.
/// - `growth` is the velocity over the mean engagement of the same observations, or over 1 if that is less: the share by which
///   engagement grows in a day.
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
    /// From the first to the newest observation of a trend that isn't new any more.
    private static let shortestAge: Int64 = 2 * 3_600_000_000
    /// Days from the first to the newest observation of the window for a velocity: an hour.
    private static let shortestSpan = 1.0 / 24

    /// Sums over the observations of the window: of days before the newest (x, not positive) and of engagement as a share of the
    /// peak (y), so that no sum leaves its range.
    struct Window {
        var count: Int
        var x: Double
        var y: Double
        var xx: Double
        var xy: Double
        /// Of the oldest.
        var least: Double
    }

    /// - Parameters:
    ///   - count: all observations, at least one.
    ///   - first: the time of the first of all.
    ///   - last: that of the newest.
    ///   - newest: the newest engagement.
    ///   - peak: the highest of all.
    init(_ window: Window, count: Int, first: Timestamp, last: Timestamp, newest: Double, peak: Double) {
        (observations, self.newest, self.peak) = (count, newest, peak)
        if window.least <= -Self.shortestSpan {
            let count = Double(window.count)
            let mean = (x: window.x / count, y: window.y / count)
            let slope = (window.xy / count - mean.x * mean.y) / (window.xx / count - mean.x * mean.x)
            let largest = Double.greatestFiniteMagnitude
            velocity = min(max(slope * peak, -largest), largest)
            growth = peak == 0 ? 0 : slope / max(mean.y, 1 / peak)
        }
        let age = last.microseconds - first.microseconds
        // So that what is exactly at a threshold isn't off by the rounding of sums.
        switch ((growth ?? 0) * 1e9).rounded() / 1e9 {
        case _ where count < 3 || age < Self.shortestAge: stage = .new
        case 1...: stage = .exploding
        case 0.1...: stage = .rising
        case ...(-0.1): stage = newest < peak / 2 ? .fading : .peaked
        default: stage = .steady
        }
    }

    /// What becomes of a trend's velocity: it is 0 where the newest week has none, but for a trend that was found just now.
    func velocity(after given: Double) -> Double { velocity ?? (stage == .new && observations < 3 ? given : 0) }
}
