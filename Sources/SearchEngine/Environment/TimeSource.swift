import Foundation

/// The clocks that the engine reads. Any thread may ask.
///
/// An object: every query hands it on several times, and a reference is copied by one count.
package protocol TimeSource: AnyObject, Sendable {
    /// A clock that doesn't jump. Deadlines count on it.
    var now: ContinuousClock.Instant { get }
    /// The time of day.
    var date: Date { get }
    /// CPU time of the calling thread.
    var threadWork: Duration { get }
    /// CPU time of the process.
    var processWork: Duration { get }
    /// Pages that the calling thread has waited for from a disk.
    var threadDiskReads: Int { get }
}

/// The system's clocks.
package final class SystemTime: TimeSource {
    package init() {}

    package var now: ContinuousClock.Instant { .now }
    package var date: Date { Date() }
    package var threadWork: Duration { Self.read(CLOCK_THREAD_CPUTIME_ID) }
    package var processWork: Duration { Self.read(CLOCK_PROCESS_CPUTIME_ID) }

    package var threadDiskReads: Int {
        var usage = rusage()
        getrusage(Self.callingThread, &usage)
        return usage.ru_majflt
    }

    /// Linux's RUSAGE_THREAD, which Glibc's module doesn't export.
    private static let callingThread: __rusage_who_t = 1

    private static func read(_ clock: clockid_t) -> Duration {
        var time = timespec()
        clock_gettime(clock, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}

/// Where nanoseconds are counted from.
private let origin = ContinuousClock.now

extension TimeSource {
    /// For differences alone.
    var nanoseconds: Int {
        let (seconds, attoseconds) = origin.duration(to: now).components
        return Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
    }

    func isOver(_ deadline: Deadline) -> Bool { now >= deadline }

    /// How long it is until then; `nil` without a deadline.
    func remaining(until deadline: Deadline?) -> Duration? { deadline.map { $0 - now } }

    /// Throws `.timeout` once the deadline has passed.
    func check(_ deadline: Deadline?, _ operation: String) throws {
        if let deadline, isOver(deadline) { throw timedOut(operation) }
    }
}

/// When a request's time is up. The clock doesn't jump.
public typealias Deadline = ContinuousClock.Instant

package func timedOut(_ operation: String) -> EngineError {
    .timeout("Timeout error: Operation '\(operation)' timed out")
}
