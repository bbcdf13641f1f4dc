import CScheduling
import Foundation
import SearchEngine
import TestSupport
import Testing

@Suite struct CoreTurnTests {
    /// What a thread of its own is told.
    private func onThread<T>(_ body: () -> T) -> T {
        var result: T?
        onThreads(1) { _ in result = body() }
        return result!
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

    /// `nil` where the thread was kept from its core so long that its turn may have ended.
    private static func scheduling<T>(withinATurn body: () -> T) -> T? {
        let start = ContinuousClock.now
        let result = body()
        return ContinuousClock.now - start < .microseconds(250) ? result : nil
    }

    private func expectShort(_ scheduling: Scheduling, _ before: Scheduling) {
        #expect(scheduling.nice == before.nice)
        // Kernels without slices for single threads tell 0.
        #expect(before.slice == 0 ? scheduling.slice == 0 : scheduling.slice <= 350_000 && scheduling.slice > 0)
    }

    @Test func briefWorkKeepsItsSlice() throws {
        let attempts = (0..<1_000).lazy.compactMap { _ in
            onThread {
                Self.scheduling(withinATurn: {
                    let before = Scheduling()
                    return CoreTurn.during {
                        CoreTurn.step()
                        return (before, Scheduling())
                    }
                })
            }
        }
        let (before, brief) = try #require(attempts.first)
        #expect(brief == before)
    }

    /// Long work has a short slice from the end of its first turn. Afterwards the thread has its own again, as one with a short
    /// slice takes cores from those that hand it work; but what else somebody has changed meanwhile stays.
    @Test func longWorkHasAShortSlice() {
        let (before, long, after) = onThread {
            let before = Scheduling()
            let long = CoreTurn.during {
                Self.computeForATurn()
                CoreTurn.step()
                let long = Scheduling()
                setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 3)
                return long
            }
            return (before, long, Scheduling())
        }
        expectShort(long, before)
        #expect(after.slice == before.slice && after.nice == 3)
    }

    /// While it holds up others it has its own slice, and turns begin anew behind that.
    @Test func suspendedWorkHasItsOwnSlice() {
        let (before, suspended, long, after) = onThread {
            let before = Scheduling()
            let (suspended, long) = CoreTurn.during {
                Self.computeForATurn()
                CoreTurn.step()
                let suspended = CoreTurn.suspended {
                    Self.computeForATurn()
                    CoreTurn.step()
                    return Scheduling()
                }
                Self.computeForATurn()
                CoreTurn.step()
                return (suspended, Scheduling())
            }
            return (before, suspended, long, Scheduling())
        }
        #expect(suspended == before && after == before)
        expectShort(long, before)
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
