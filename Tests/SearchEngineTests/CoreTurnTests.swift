import CScheduling
import Foundation
import SearchEngine
import Synchronization
import Testing

@Suite struct CoreTurnTests {
    /// What a thread of its own is told.
    private func onThread<T: Sendable>(_ body: @escaping @Sendable () -> T) -> T {
        let result = Mutex<T?>(nil)
        let ended = DispatchSemaphore(value: 0)
        Thread {
            let told = body()
            result.withLock { $0 = told }
            ended.signal()
        }.start()
        ended.wait()
        return result.withLock { $0! }
    }

    /// Longer than a turn.
    private static func computeForATurn() {
        let end = ContinuousClock.now + .milliseconds(1)
        while ContinuousClock.now < end {}
    }

    private struct Scheduling: Equatable {
        var slice = tsc_slice()
        var nice = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
    }

    /// A thread's first time that it gives way shortens its slice, and changes nothing else. (Kernels without slices for
    /// single threads tell 0.)
    @Test func givingWayShortensTheSliceAlone() {
        let (before, short, after) = onThread {
            let before = Scheduling()
            let short = CoreTurn.during {
                CoreTurn.step()
                let short = Scheduling()
                Self.computeForATurn()
                CoreTurn.step()
                return short
            }
            return (before, short, Scheduling())
        }
        #expect(short == before)
        #expect(after.nice == before.nice)
        #expect(before.slice == 0 ? after.slice == 0 : after.slice <= 350_000 && after.slice > 0)
    }

    @Test func aShorterSliceStays() {
        let (before, after) = onThread {
            _ = tsc_run_behind(5, 100_000)
            let before = Scheduling()
            CoreTurn.during {
                Self.computeForATurn()
                CoreTurn.step()
            }
            return (before, Scheduling())
        }
        #expect(before == after && before.nice == 5)
    }

    /// Threads that don't work on a request keep their slice, and so do those that have.
    @Test func nothingGivesWayOutsideOfWork() {
        let (before, after) = onThread {
            let before = Scheduling()
            CoreTurn.during {}
            Self.computeForATurn()
            CoreTurn.step()
            return (before, Scheduling())
        }
        #expect(before == after)
    }
}
