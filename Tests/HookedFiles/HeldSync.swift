import Dispatch
import Synchronization

/// One sync of a file system that waits until it is let go.
package final class HeldSync: Sendable {
    private let isSyncing = DispatchSemaphore(value: 0)
    private let goOn = DispatchSemaphore(value: 0)
    private let isHeld = Atomic(false)

    /// Holds the next sync of a file with that suffix; later ones pass.
    package init(of suffix: String, on files: HookedFileSystem) {
        files.onSync = { [self] path in
            guard path.hasSuffix(suffix), !isHeld.exchange(true, ordering: .relaxed) else { return }
            isSyncing.signal()
            goOn.wait()
        }
    }

    /// Waits for the sync, a minute at most. Returns whether it has come.
    package func hasBegun() async -> Bool {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [self] in
                continuation.resume(returning: isSyncing.wait(timeout: .now() + 60) == .success)
            }
        }
    }

    /// To be called at least once.
    package func release() { goOn.signal() }
}
