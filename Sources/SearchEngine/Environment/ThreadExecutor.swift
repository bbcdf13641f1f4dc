import CScheduling
import Dispatch
import Foundation

/// Gives each loop a thread of its own.
package struct ThreadExecutor: Executor {
    private static let stackBytes = 8 << 20
    /// Time slice of background threads: a search that becomes runnable waits no longer for them.
    private static let sliceNanoseconds: UInt64 = 100_000

    package init() {}

    package var cores: Int { ProcessInfo.processInfo.activeProcessorCount }

    package func start(_ loop: BackgroundLoop) {
        let thread = Thread {
            tsc_name_thread(loop.name)
            // Where the system refuses, the thread goes on with the priority that it has.
            if case .background(let nice) = loop.priority { _ = tsc_run_behind(nice, Self.sliceNanoseconds) }
            while true {
                switch loop.step() {
                case .again: continue
                case .whenWoken: loop.rest(until: .distantFuture)
                case .after(let time): loop.rest(until: .now() + .nanoseconds(time.wholeNanoseconds))
                case .ended: return
                }
            }
        }
        thread.stackSize = Self.stackBytes
        thread.start()
    }

    package func wait(for latch: Latch, until deadline: Deadline?) -> Bool {
        latch.wait(until: deadline.map { .now() + .nanoseconds(($0 - .now).wholeNanoseconds) } ?? .distantFuture)
    }

    package func schedule(at time: Deadline, _ body: @escaping @Sendable () -> Void) -> Timer {
        let task = Task {
            try await Task.sleep(until: time, clock: .continuous)
            body()
        }
        return Timer { task.cancel() }
    }
}

extension Duration {
    /// At least none and at most a hundred years, so that sums with it don't overflow.
    package var wholeNanoseconds: Int {
        let (seconds, attoseconds) = max(self, .zero).components
        return Int(min(seconds, 100 * 366 * 86_400)) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
    }
}
