import Foundation

/// Binds threads to cores, so that a measurement is of one core and doesn't wander.
enum Affinity {
    /// Binds every thread that the process has now; threads made later by a bound one inherit the binding.
    static func pinProcess(to core: Int) throws {
        guard let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task") else {
            throw BenchError("/proc/self/task: can't be read")
        }
        for thread in threads.compactMap({ pid_t($0) }) { try pin(thread, to: core) }
    }

    /// Lets every thread run on any of `cores` again.
    static func unpinProcess(cores: [Int]) throws {
        for thread in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").compactMap({ pid_t($0) }) {
            try set(thread, cores)
        }
    }

    private static func pin(_ thread: pid_t, to core: Int) throws { try set(thread, [core]) }

    private static func set(_ thread: pid_t, _ cores: [Int]) throws {
        var mask = [UInt](repeating: 0, count: 16)
        for core in cores {
            guard (0..<1024).contains(core) else { throw BenchError("core \(core): cores are numbered 0…1023") }
            mask[core / UInt.bitWidth] |= 1 << (core % UInt.bitWidth)
        }
        let result = mask.withUnsafeMutableBytes { LibC.setAffinity(thread, $0) }
        // A thread may have ended since it was listed.
        if result != 0 && errno != ESRCH {
            throw BenchError("can't bind to core \(cores): \(String(cString: strerror(errno)))")
        }
    }

    /// The cores on which the calling thread may run.
    static func allowedCores() -> [Int] {
        var mask = [UInt](repeating: 0, count: 16)
        guard mask.withUnsafeMutableBytes({ LibC.getAffinity($0) }) >= 0 else { return [0] }
        return (0..<1024).filter { mask[$0 / UInt.bitWidth] & (1 << ($0 % UInt.bitWidth)) != 0 }
    }
}

extension Affinity {
    /// Binds the process to `core` during `body`; `nil` binds nothing.
    static func whilePinned<Result>(to core: Int?, _ body: () throws -> Result) throws -> Result {
        guard let core else { return try body() }
        let cores = allowedCores()
        try pinProcess(to: core)
        defer { try? unpinProcess(cores: cores) }
        return try body()
    }
}
