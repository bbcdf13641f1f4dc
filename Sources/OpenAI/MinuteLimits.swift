/// Requests and tokens a minute, as two token buckets that are full at the start.
///
/// A caller takes what it needs at once and is told how long to wait for it, so that callers are served in the order in which
/// they came, and one that waits keeps its place.
struct MinuteLimits: Sendable {
    private struct Bucket {
        var capacity: Double
        var level: Double
        var refilled: ContinuousClock.Instant

        init(perMinute: Int, now: ContinuousClock.Instant) {
            capacity = Double(perMinute)
            level = capacity
            refilled = now
        }

        mutating func refill(_ now: ContinuousClock.Instant) {
            guard now > refilled else { return }
            level = min(level + refilled.duration(to: now).inSeconds * capacity / 60, capacity)
            refilled = now
        }

        /// Seconds until the level is back at 0.
        var wait: Double { max(-level / capacity * 60, 0) }
    }

    private var requests: Bucket?
    private var tokens: Bucket?

    init(requestsPerMinute: Int?, tokensPerMinute: Int?, now: ContinuousClock.Instant) {
        requests = requestsPerMinute.map { Bucket(perMinute: $0, now: now) }
        tokens = tokensPerMinute.map { Bucket(perMinute: $0, now: now) }
    }

    /// Takes a request of so many tokens; answers how long to wait before it is sent. A request of more tokens than a minute
    /// has waits for the minute's.
    mutating func take(tokens count: Int, now: ContinuousClock.Instant) -> Duration {
        requests?.refill(now)
        tokens?.refill(now)
        requests?.level -= 1
        if let capacity = tokens?.capacity { tokens?.level -= min(Double(count), capacity) }
        return Duration(clampingSeconds: max(requests?.wait ?? 0, tokens?.wait ?? 0))
    }

    /// Gives back a request that wasn't sent.
    mutating func giveBack(tokens count: Int) {
        if let bucket = requests { requests?.level = min(bucket.level + 1, bucket.capacity) }
        settle(estimated: count, used: 0)
    }

    /// Corrects an estimate by what was used.
    mutating func settle(estimated: Int, used: Int) {
        guard let bucket = tokens else { return }
        let correction = min(Double(estimated), bucket.capacity) - Double(used)
        // No lower than a minute's worth of debt, whatever a service says it has used.
        tokens?.level = max(min(bucket.level + correction, bucket.capacity), -bucket.capacity)
    }
}
