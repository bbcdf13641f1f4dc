import Logging
import OpenAI
import SearchEngine
import Synchronization
import TrendStore

/// A token bucket that is counted across restarts, as the counter `rate_limit:NAME` of the trend store: `value` tokens at `period`
/// nanoseconds since 1970.
public final class DurableRateLimit: RequestLimit, Sendable {
    private struct State {
        var bucket: TokenBucket
        /// Whether the bucket couldn't be stored the last time.
        var isLost = false
    }

    private let counter: String
    private let trends: TrendStore
    private let time: any TimeSource
    private let logger: Logger
    /// The time of day when the monotonic clock showed `start`. A clock that is set later stops no requests.
    private let startNanoseconds: Int64
    private let start: ContinuousClock.Instant
    private let state: Mutex<State>

    public init(_ name: String, _ limit: RateLimit, _ trends: TrendStore, logger: Logger) throws {
        counter = "rate_limit:\(name)"
        self.trends = trends
        self.logger = logger
        time = trends.engine.environment.time
        start = time.now
        let now = Int64(time.date.timeIntervalSince1970 * 1e9)
        startNanoseconds = now
        let stored = try trends.counter(counter)
        let bucket =
            stored.map { stored in
                TokenBucket(
                    limit, restoring: TokenBucket.State(tokens: stored.value, nanoseconds: Int64(stored.period)),
                    at: now)
            } ?? TokenBucket(limit, at: now)
        state = Mutex(State(bucket: bucket))
    }

    /// What is taken is stored before this returns, so that a process that is killed has counted it. Where it can't be stored, as on a
    /// full disk, it counts until the process ends.
    public func take() -> Duration? {
        let (seconds, attoseconds) = start.duration(to: time.now).components
        let now = startNanoseconds + seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        // The lock keeps the order of what is stored.
        return state.withLock { state in
            if let wait = state.bucket.take(at: now) { return .nanoseconds(wait) }
            let stored = state.bucket.state(at: now)
            do {
                try trends.setCounters([(counter, Int(stored.nanoseconds), stored.tokens)])
                state.isLost = false
            } catch {
                if !state.isLost {
                    logger.warning(
                        "A rate limit can't be stored", metadata: ["limit": "\(counter)", "error": "\(error)"])
                }
                state.isLost = true
            }
            return nil
        }
    }
}
