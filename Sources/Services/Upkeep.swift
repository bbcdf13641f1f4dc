import Logging
import SearchEngine
import Synchronization
import TrendStore

/// What goes on in the trend store beside requests, one step a second: jobs whose lease ran out are given back, schedules that
/// are due make jobs, and what has grown old goes.
final class Upkeep: Sendable {
    private static let rest = Duration.seconds(1)
    /// After a failure: the disk may be full.
    private static let restAfterFailure = Duration.seconds(10)

    private let trends: TrendStore
    private let failures: FailureNotice
    private let loop = Mutex<BackgroundLoop?>(nil)
    private let isStopping = Atomic(false)

    init(_ trends: TrendStore, logger: Logger) {
        self.trends = trends
        failures = FailureNotice("The trend store's upkeep failed, and is tried again", logger: logger)
    }

    func start() {
        let loop = BackgroundLoop("trendex-upkeep", .background(nice: 5)) { [self] in step() }
        self.loop.withLock { $0 = loop }
        trends.engine.environment.executor.start(loop)
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        if let loop = loop.withLock({ $0 }) { trends.engine.environment.executor.end([loop]) }
    }

    private func step() -> BackgroundLoop.Next {
        guard !isStopping.load(ordering: .acquiring) else { return .ended }
        do {
            let hasMore = try trends.tend(at: Timestamp(trends.engine.environment.time.date))
            failures.clear()
            return hasMore ? .again : .after(Self.rest)
        } catch {
            failures.tell(error)
            return .after(Self.restAfterFailure)
        }
    }
}
