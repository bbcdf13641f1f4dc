import CVectorKernels
import Foundation
import JSON

/// What a figure was measured on.
struct Machine: Sendable {
    var cpu: String
    var cores: Int
    var memoryBytes: Int
    var kernel: String
    /// Instruction set of the kernels in use.
    var simdLevel: String

    static func current() -> Machine {
        func field(_ name: String, in path: String) -> String? {
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
            let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
            return line?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) }
        }
        let memory = field("MemTotal", in: "/proc/meminfo")?.split(separator: " ").first.flatMap { Int($0) } ?? 0
        let kernel = (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)) ?? "unknown"
        return Machine(
            cpu: field("model name", in: "/proc/cpuinfo") ?? "unknown", cores: ProcessInfo.processInfo.processorCount,
            memoryBytes: memory * 1024, kernel: kernel.trimmingCharacters(in: .whitespacesAndNewlines),
            simdLevel: String(cString: tvk_level_name(tvk_kernels_best().pointee.level)))
    }

    var json: JSONValue {
        [
            "cpu": .string(cpu), "cores": JSONValue(cores), "memoryBytes": JSONValue(memoryBytes),
            "kernel": .string(kernel), "simdLevel": .string(simdLevel),
        ]
    }

    /// Makes the kernels use one instruction set. Must come before their first use.
    static func force(simdLevel: String) throws {
        guard ["scalar", "avx2", "avx512", "neon"].contains(simdLevel) else {
            throw BenchError("--simd-level \(simdLevel): known are scalar, avx2, avx512 and neon")
        }
        setenv("TRENDEX_SIMD_LEVEL", simdLevel, 1)
        let chosen = String(cString: tvk_level_name(tvk_kernels_best().pointee.level))
        guard chosen == simdLevel else {
            throw BenchError("--simd-level \(simdLevel): this CPU or build doesn't have it; the best here is \(chosen)")
        }
    }
}
