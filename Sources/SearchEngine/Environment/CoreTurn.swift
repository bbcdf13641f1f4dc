import CScheduling

/// Has work on a request offer its core to other threads every 300 µs.
///
/// Linux takes a core from a thread that computes when its timer ticks, every 4 ms at 250 Hz. With more requests than cores a
/// small search may wait so long at each thread that it passes. Work that ends within its first turn never gives way.
/// docs/PERFORMANCE.md has the figures.
///
/// On threads that don't work on a request, and on kernels without slices of time for each thread (before 6.12), nothing
/// gives way.
package enum CoreTurn {
    private static let nanoseconds: UInt64 = 300_000

    /// Calls `work`, which gives way at each step that comes a turn after the last.
    package static func during<T>(_ work: () throws -> T) rethrows -> T {
        tsc_begin_turns(nanoseconds)
        defer { tsc_end_turns() }
        return try work()
    }

    /// To be called between pieces of long work, while no lock is held. Some 30 ns unless it gives way.
    package static func step() { tsc_step_turn() }

    /// Calls `work`, which holds up others and so doesn't give way.
    package static func suspended<T>(_ work: () throws -> T) rethrows -> T {
        let isUnderWay = tsc_end_turns()
        defer { if isUnderWay { tsc_begin_turns(nanoseconds) } }
        return try work()
    }
}
