import Foundation

/// Nanoseconds of a clock that never steps back.
@inline(__always)
func nowNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// Wall-clock and CPU seconds of some work.
struct WorkTime: Sendable {
    var seconds: Double
    var cpuSeconds: Double
}

/// Runs `body` and tells how long it took and how much CPU time all threads of the process used meanwhile.
func measured<Result>(_ body: () throws -> Result) rethrows -> (Result, WorkTime) {
    let cpu = processCPUSeconds()
    let start = nowNanoseconds()
    let result = try body()
    let seconds = Double(nowNanoseconds() - start) / 1e9
    return (result, WorkTime(seconds: seconds, cpuSeconds: processCPUSeconds() - cpu))
}

func processCPUSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
