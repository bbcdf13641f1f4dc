import CScheduling

/// How long work on a request offers its core to others now and then.
///
/// The system takes a core from a thread that computes when its timer ticks, every 4 ms at 250 Hz. So long may a small search
/// wait for each of the threads that pass it on, when there are more requests than cores. Work that is short ends before its first turn
/// does, and never gives way.
///
/// Used by one thread at a time.
package final class CoreTurn: @unchecked Sendable {
    private static let length = Duration.microseconds(300)

    private let time: any TimeSource
    private var end: ContinuousClock.Instant

    package init(_ time: any TimeSource) {
        self.time = time
        end = time.now + Self.length
    }

    /// Called every few tens of microseconds, while no lock is held. Returns the time.
    @discardableResult
    package func step() -> ContinuousClock.Instant {
        let now = time.now
        guard now >= end else { return now }
        tsc_give_way()
        end = time.now + Self.length
        return now
    }
}
