import Dispatch

/// A lock that is waited for as long as the caller likes. Not reentrant.
package final class TimedLock: Sendable {
    private let semaphore = DispatchSemaphore(value: 1)

    package init() {}

    package func lock() { semaphore.wait() }
    package func unlock() { semaphore.signal() }

    /// Waits for so long at most; without a limit as long as it takes. Returns whether the lock is held.
    func lock(within limit: Duration?) -> Bool {
        guard let limit else {
            lock()
            return true
        }
        return semaphore.wait(timeout: .now() + .nanoseconds(limit.wholeNanoseconds)) == .success
    }

    func withLock<T>(_ body: () throws -> T) rethrows -> T {
        lock()
        defer { unlock() }
        return try body()
    }
}
