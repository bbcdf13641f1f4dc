import Dispatch
import Synchronization

/// Runs what goes on beside its callers: loops, timers, and waiting for either.
package protocol Executor: Sendable {
    /// Steps a loop until it ends. One thread at a time steps it.
    func start(_ loop: BackgroundLoop)

    /// Waits until the latch is open, but not beyond the deadline. Returns whether it is open.
    func wait(for latch: Latch, until deadline: Deadline?) -> Bool

    /// Calls `body` once the time has come, unless the timer is cancelled before. `body` must not block.
    func schedule(at time: Deadline, _ body: @escaping @Sendable () -> Void) -> Timer

    /// Threads that can work at the same time.
    var cores: Int { get }
}

extension Executor {
    func wait(for latch: Latch) { _ = wait(for: latch, until: nil) }

    /// Wakes loops whose next step ends them, and waits until all have ended.
    package func end(_ loops: [BackgroundLoop]) {
        loops.forEach { $0.wake() }
        for loop in loops { wait(for: loop.ended) }
    }
}

/// A call that is due at some time.
package struct Timer: Sendable {
    package let cancel: @Sendable () -> Void

    package init(cancel: @escaping @Sendable () -> Void) { self.cancel = cancel }
}

/// Opens once, and then stays open. Any number of threads may wait for it, through an `Executor`.
package final class Latch: Sendable {
    private let opened = Atomic(false)
    private let semaphore = DispatchSemaphore(value: 0)

    package init() {}

    package var isOpen: Bool { opened.load(ordering: .acquiring) }

    package func open() {
        guard !opened.exchange(true, ordering: .acquiringAndReleasing) else { return }
        semaphore.signal()
    }

    /// Blocks the thread. Returns whether the latch is open.
    func wait(until end: DispatchTime) -> Bool {
        if isOpen { return true }
        guard semaphore.wait(timeout: end) == .success else { return isOpen }
        // For the next one that waits.
        semaphore.signal()
        return true
    }
}

/// Work in the background, cut into steps: whoever steps it decides when and on which thread.
package final class BackgroundLoop: Sendable {
    /// What comes after a step.
    package enum Next: Sendable, Equatable {
        /// The next step.
        case again
        /// The next step once somebody wakes the loop. A call of `wake` during the step counts.
        case whenWoken
        /// The next step when so much time has passed, or somebody wakes the loop.
        case after(Duration)
        /// Nothing.
        case ended
    }

    package enum Priority: Sendable {
        /// As the threads that answer requests.
        case foreground
        /// Behind them, with a nice value of 0 to 19.
        case background(nice: Int32)
    }

    /// At most 15 bytes are shown as the thread's name.
    package let name: String
    package let priority: Priority
    /// Opens when the loop has ended.
    package let ended = Latch()
    private let body: @Sendable () -> Next
    private let isWoken = Atomic(false)
    private let semaphore = DispatchSemaphore(value: 0)

    package init(_ name: String, _ priority: Priority, step: @escaping @Sendable () -> Next) {
        self.name = name
        self.priority = priority
        body = step
    }

    /// Ends a rest. Never blocks.
    package func wake() {
        guard !isWoken.exchange(true, ordering: .acquiringAndReleasing) else { return }
        semaphore.signal()
    }

    /// For the executor alone.
    package func step() -> Next {
        let next = body()
        if next == .ended { ended.open() }
        return next
    }

    /// Whether the loop was woken since this was asked last. For the executor alone.
    package func takeWake() -> Bool { isWoken.exchange(false, ordering: .acquiringAndReleasing) }

    /// Blocks the thread until the loop is woken, or the time has come.
    func rest(until end: DispatchTime) {
        _ = semaphore.wait(timeout: end)
        // A wake from here on is for the step that follows.
        _ = takeWake()
    }
}
