#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the process takes of the machine, as the kernel tells it; `nil` where it doesn't.
struct ProcessUsage {
    var residentBytes: Int?
    /// Of them, what no file is behind.
    var anonymousBytes: Int?
    /// Of them, pages of mapped files and shared memory.
    var mappedBytes: Int?
    var threads: Int?
    var openFiles: Int?
    var maxOpenFiles: Int?
    var cpuSeconds: Double

    static func current() -> ProcessUsage {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #else
            getrusage(RUSAGE_SELF, &usage)
        #endif
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
        let status = smallFile("/proc/self/status")
        func field(_ name: String) -> Int? {
            guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name + ":") }) else {
                return nil
            }
            return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
        }
        func bytes(_ name: String) -> Int? { field(name).map { $0 * 1024 } }
        return ProcessUsage(
            residentBytes: bytes("VmRSS"), anonymousBytes: bytes("RssAnon"),
            mappedBytes: bytes("RssFile").map { $0 + (bytes("RssShmem") ?? 0) }, threads: field("Threads"),
            openFiles: countOpenFiles(),
            maxOpenFiles: openFilesLimit,
            cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime))
    }

    /// Raises the number of files and connections that may be open to what the system allows.
    static func raiseOpenFilesLimit() {
        var limit = rlimit()
        guard getrlimit(openFiles, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(openFiles, &limit)
    }

    /// Files and connections that may be open at once; `nil` if that isn't known.
    static var openFilesLimit: Int? {
        var limit = rlimit()
        return getrlimit(openFiles, &limit) == 0 ? Int(clamping: limit.rlim_cur) : nil
    }

    #if canImport(Glibc)
        private static let openFiles = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
        private static let openFiles = RLIMIT_NOFILE
    #endif

    private static func smallFile(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 14)
        let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }

    private static func countOpenFiles() -> Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // Without `.`, `..` and the folder itself.
        return max(count - 3, 0)
    }
}
