import Foundation

/// Resident memory of a process, in bytes, from `/proc/<pid>/statm`.
struct ProcessMemory: Sendable {
    var resident: Int
    /// Of it, pages of mapped files and shared memory, which the system may drop.
    var shared: Int
    var anonymous: Int { resident - shared }

    /// Throws `BenchError` when the process is gone.
    static func of(processID: Int32? = nil) throws -> ProcessMemory {
        let path = "/proc/\(processID.map(String.init) ?? "self")/statm"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw BenchError("\(path): can't be read")
        }
        let pages = text.split(separator: " ").compactMap { Int($0) }
        guard pages.count >= 3 else { throw BenchError("\(path): unexpected text") }
        let page = sysconf(Int32(_SC_PAGESIZE))
        return ProcessMemory(resident: pages[1] * page, shared: pages[2] * page)
    }

    /// After the allocator has given free memory back to the system, so that differences mean something.
    static func trimmed() throws -> ProcessMemory {
        LibC.trimMemory()
        return try of()
    }
}

/// Bytes of all regular files below a path (or of the one file).
func fileBytes(at path: String) -> Int {
    var status = stat()
    guard lstat(path, &status) == 0 else { return 0 }
    if status.st_mode & S_IFMT == S_IFREG { return Int(status.st_blocks) * 512 }
    guard status.st_mode & S_IFMT == S_IFDIR,
        let entries = try? FileManager.default.contentsOfDirectory(atPath: path)
    else { return 0 }
    return entries.reduce(0) { $0 + fileBytes(at: path + "/" + $1) }
}
