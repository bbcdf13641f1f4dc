import Foundation
import SearchEngine
import Synchronization

/// A clock for deadlines and limits that stands still until the test moves it; threads' times are the system's.
final class ManualTime: TimeSource {
    private let system = SystemTime()
    private let start = ContinuousClock.now
    private let startDate = Date()
    private let passed = Mutex(Duration.zero)

    func advance(by time: Duration) { passed.withLock { $0 += time } }

    var now: ContinuousClock.Instant { start + passed.withLock { $0 } }
    var date: Date { startDate + passed.withLock { $0 / .seconds(1) } }
    var threadWork: Duration { system.threadWork }
    var processWork: Duration { system.processWork }
    var threadDiskReads: Int { system.threadDiskReads }
}
