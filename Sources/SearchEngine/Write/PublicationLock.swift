import Dispatch

/// Held from before a commit until memory shows it: whoever holds it finds the database and memory equal.
package final class PublicationLock: Sendable {
    private let semaphore = DispatchSemaphore(value: 1)

    package init() {}

    package func lock() { semaphore.wait() }
    package func unlock() { semaphore.signal() }

    /// Waits for so long at most. Returns whether the lock is held.
    func lock(within limit: Duration) -> Bool {
        semaphore.wait(timeout: .now() + .nanoseconds(limit.wholeNanoseconds)) == .success
    }
}
