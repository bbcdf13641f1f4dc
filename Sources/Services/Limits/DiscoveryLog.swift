import Logging
import SearchEngine
import Synchronization
import TrendStore

/// Tells the log of new trends, in a bounded number of lines: a line for each trend, 100 at once and 10 a second after that, and
/// for the others a line a second at most that counts them. It waits for nobody, as little as the logger does.
final class DiscoveryLog: Sendable {
    private static let lines = RateLimit(perMinute: 600, burst: 100)
    private static let countInterval: Int64 = 1_000_000_000

    private struct State {
        var lines: TokenBucket
        /// Trends without a line of their own since the last line that counts them.
        var untold = 0
        var countedAt: Int64?
    }

    private let logger: Logger
    private let time: any TimeSource
    private let state: Mutex<State>

    init(logger: Logger, time: any TimeSource) {
        self.logger = logger
        self.time = time
        state = Mutex(State(lines: TokenBucket(Self.lines, at: time.now.bucketTime)))
    }

    func tell(of trends: some Collection<Trend>, by caller: Caller) {
        guard !trends.isEmpty, logger.logLevel <= .info else { return }
        let now = time.now.bucketTime
        let (told, counted) = state.withLock { state -> (Int, Int) in
            var told = 0
            while told < trends.count, state.lines.take(at: now) == nil { told += 1 }
            state.untold += trends.count - told
            if let last = state.countedAt, now - last < Self.countInterval { return (told, 0) }
            guard state.untold > 0 else { return (told, 0) }
            defer { state.untold = 0 }
            state.countedAt = now
            return (told, state.untold)
        }
        for trend in trends.prefix(told) {
            var metadata: Logger.Metadata = [
                "event": "trend_discovered", "trend_id": "\(trend.id.uuidString.lowercased())",
                "source": "\(trend.source.rawValue)", "engagement": .stringConvertible(trend.engagementScore),
            ]
            metadata["request_id"] = caller.requestID.map { "\($0)" }
            logger.info("Trend discovered", metadata: metadata)
        }
        if counted > 0 {
            logger.info(
                "More trends discovered",
                metadata: ["event": "trends_discovered", "count": .stringConvertible(counted)])
        }
    }
}
