import Foundation
import SearchEngine
import Synchronization

/// Files in memory. What is mapped shows what is written later, as on a real disk.
package final class MemoryFileSystem: FileSystem {
    private struct State {
        var folders: Set<String> = ["", "/"]
        var files: [String: MemoryFile] = [:]
        var locked: Set<String> = []
    }

    private let state = Mutex(State())
    private let time: any TimeSource
    fileprivate let space = DiskSpace()

    package init(_ time: any TimeSource) { self.time = time }

    /// Bytes that the files may still take; `nil` if the disk has no end.
    package var free: Int? {
        get { space.free.withLock { $0 } }
        set { space.free.withLock { $0 = newValue } }
    }

    /// All files with their bytes.
    package var contents: [String: [UInt8]] { state.withLock { $0.files.mapValues(\.bytes) } }

    /// The file at a path, created if it isn't there and `create` is true.
    package func file(_ path: String, create: Bool) -> MemoryFile? {
        state.withLock { state in
            if let file = state.files[path] { return file }
            guard create, state.folders.contains(Self.parent(path)) else { return nil }
            let file = MemoryFile(path, time, space)
            state.files[path] = file
            return file
        }
    }

    private static func parent(_ path: String) -> String { (path as NSString).deletingLastPathComponent }

    package func createDirectory(_ path: String) throws {
        state.withLock { state in
            var path = path
            while state.folders.insert(path).inserted { path = Self.parent(path) }
        }
    }

    package func exists(_ path: String) -> Bool {
        state.withLock { $0.files[path] != nil || $0.folders.contains(path) }
    }

    package func status(_ path: String) -> FileStatus? {
        state.withLock { $0.files[path] }.map { FileStatus(size: $0.count, modified: $0.modified) }
    }

    package func list(_ path: String) throws -> [String] {
        state.withLock { state in
            (Array(state.files.keys) + state.folders).filter { $0 != path && Self.parent($0) == path }
                .map { ($0 as NSString).lastPathComponent }
        }
    }

    package func open(_ path: String, create: Bool) throws -> any File {
        guard let file = file(path, create: create) else {
            throw EngineError.storage("Can't open \(path): No such file or directory")
        }
        return file
    }

    package func remove(_ path: String) throws {
        state.withLock { state in
            state.files[path] = nil
            state.files = state.files.filter { !$0.key.hasPrefix(path + "/") }
            state.folders = state.folders.filter { $0 != path && !$0.hasPrefix(path + "/") }
        }
    }

    package func rename(_ from: String, to: String) throws {
        try state.withLock { state in
            func moved(_ path: String) -> String? {
                path == from || path.hasPrefix(from + "/") ? to + path.dropFirst(from.count) : nil
            }
            guard state.files[from] != nil || state.folders.contains(from) else {
                throw EngineError.storage("Can't rename \(from): No such file or directory")
            }
            for (path, file) in state.files {
                guard let new = moved(path) else { continue }
                state.files[path] = nil
                state.files[new] = file
            }
            state.folders = Set(state.folders.map { moved($0) ?? $0 })
        }
    }

    package func syncDirectory(_ path: String) throws {}

    package func lock(_ path: String, create: Bool) throws -> (any FileLock)? {
        guard file(path, create: create) != nil else { return nil }
        guard state.withLock({ $0.locked.insert(path).inserted }) else {
            throw EngineError.storage("The storage folder is in use by another process (\(path) is locked)")
        }
        return MemoryLock { [weak self] in self?.state.withLock { _ = $0.locked.remove(path) } }
    }

    package func isWritable(_ path: String) -> Bool { true }

    package func freeBytes(_ path: String) -> Int? { free }

    package var temporaryFolder: String { "/tmp" }
}

private final class MemoryLock: FileLock {
    private let unlock: @Sendable () -> Void

    init(_ unlock: @escaping @Sendable () -> Void) { self.unlock = unlock }

    func release() { unlock() }

    deinit { unlock() }
}

/// What is left of a disk.
private final class DiskSpace: Sendable {
    let free = Mutex<Int?>(nil)

    func take(_ bytes: Int, for path: String) throws {
        try free.withLock { free in
            guard let left = free, bytes > 0 else { return }
            guard bytes <= left else { throw EngineError.diskFull("Can't grow \(path): No space left on device") }
            free = left - bytes
        }
    }

    func giveBack(_ bytes: Int) { free.withLock { free in free = free.map { $0 + bytes } } }
}

/// A file of at most a gibibyte, whose addresses are set aside at once and stay where they are.
package final class MemoryFile: File, @unchecked Sendable {
    // Unchecked: the bytes are written and read by whoever may write and read the real file's.
    private static let mostBytes = 1 << 30

    package let path: String
    private let time: any TimeSource
    private let space: DiskSpace
    private let base: UnsafeMutableRawPointer
    private let state = Mutex((count: 0, modified: 0))

    fileprivate init(_ path: String, _ time: any TimeSource, _ space: DiskSpace) {
        self.path = path
        self.time = time
        self.space = space
        base = mmap(
            nil, Self.mostBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        precondition(base != MAP_FAILED)
    }

    deinit {
        space.giveBack(count)
        munmap(base, Self.mostBytes)
    }

    package var count: Int { state.withLock { $0.count } }
    var modified: Int { state.withLock { $0.modified } }
    var bytes: [UInt8] { Array(UnsafeRawBufferPointer(start: base, count: count)) }

    package func size() throws -> Int { count }

    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        guard offset + bytes.count <= Self.mostBytes else {
            throw EngineError.storage("Can't write \(path): No space left on device")
        }
        try space.take(offset + bytes.count - count, for: path)
        if let start = bytes.baseAddress { (base + offset).copyMemory(from: start, byteCount: bytes.count) }
        let now = Int(time.date.timeIntervalSince1970)
        state.withLock { $0 = (max($0.count, offset + bytes.count), now) }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
        let count = min(buffer.count, max(self.count - offset, 0))
        if count > 0 { buffer.copyMemory(from: UnsafeRawBufferPointer(start: base + offset, count: count)) }
        return count
    }

    package func allocate(size: Int) throws {
        guard size <= Self.mostBytes else {
            throw EngineError.storage("Can't grow \(path): No space left on device")
        }
        try space.take(size - count, for: path)
        state.withLock { $0.count = max($0.count, size) }
    }

    package func extend(size: Int) throws { try allocate(size: size) }

    /// Cuts the file off. What is written behind later leaves zeros between.
    package func truncate(_ size: Int) {
        let old = count
        if size < old { memset(base + size, 0, old - size) }
        space.giveBack(old - size)
        state.withLock { $0.count = size }
    }

    package func sync() throws {}

    package func suspend() {}

    package func map(size: Int) throws -> FileMapping {
        // The mapping keeps the file.
        FileMapping(base: UnsafeRawPointer(base), size: size) { [self] _, _ in withExtendedLifetime(self) {} }
    }
}
