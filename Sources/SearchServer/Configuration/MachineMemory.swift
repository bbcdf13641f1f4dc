import Foundation

/// Memory that the process may use.
enum MachineMemory {
    /// Bytes: the machine's, or what its control group allows. At least 256 MiB.
    static let available: Int = {
        let machine = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        // Version 2 of control groups, and version 1.
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap { path in
            (try? String(contentsOfFile: path, encoding: .utf8)).flatMap {
                Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }
        return max(min(machine, limits.filter { $0 > 0 }.min() ?? machine), 256 << 20)
    }()
}
