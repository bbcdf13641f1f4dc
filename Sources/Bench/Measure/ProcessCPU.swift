import Foundation

/// CPU time that all threads of a process have used.
enum ProcessCPU {
    /// In nanoseconds. Throws `BenchError` when the process is gone.
    static func nanoseconds(processID: Int32) throws -> UInt64 {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(processID, &clock) == 0, clock_gettime(clock, &time) == 0 else {
            throw BenchError("process \(processID): its CPU time can't be read")
        }
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
