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

    /// From its first turn's end a work has a short slice, and its thread has its own back afterwards: a thread whose next work is
    /// brief must not take cores from those that hand it work. (Kernels without slices for single threads tell 0.)
    @Test func workThatGivesWayHasAShortSlice() {
        let (before, brief, long, after) = onThread {
            let before = Scheduling()
            let (brief, long) = CoreTurn.during {
                CoreTurn.step()
                let brief = Scheduling()
                Self.computeForATurn()
                CoreTurn.step()
                return (brief, Scheduling())
            }
            return (before, brief, long, Scheduling())
        }
        #expect(brief == before)
        #expect(long.nice == before.nice)
        #expect(before.slice == 0 ? long.slice == 0 : long.slice <= 350_000 && long.slice > 0)
        #expect(after == before)
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

    /// Threads that don't work on a request keep their slice.
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
