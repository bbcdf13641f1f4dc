import SearchEngine
import Synchronization

/// The real files, with a hook before each sync and each removal.
package final class HookedFileSystem: FileSystem {
    package typealias Hook = @Sendable (_ path: String) -> Void

    private let real = PosixFileSystem()
    private let hooks = Mutex<(onSync: Hook?, onRemove: Hook?)>((nil, nil))

    package init() {}

    package var onSync: Hook? {
        get { hooks.withLock { $0.onSync } }
        set { hooks.withLock { $0.onSync = newValue } }
    }
    package var onRemove: Hook? {
        get { hooks.withLock { $0.onRemove } }
        set { hooks.withLock { $0.onRemove = newValue } }
    }

    package func createDirectory(_ path: String) throws { try real.createDirectory(path) }
    package func exists(_ path: String) -> Bool { real.exists(path) }
    package func status(_ path: String) -> FileStatus? { real.status(path) }
    package func list(_ path: String) throws -> [String] { try real.list(path) }
    package func open(_ path: String, create: Bool) throws -> any File {
        HookedFile(file: try real.open(path, create: create), owner: self)
    }
    package func remove(_ path: String) throws {
        onRemove?(path)
        try real.remove(path)
    }
    package func rename(_ from: String, to: String) throws { try real.rename(from, to: to) }
    package func syncDirectory(_ path: String) throws { try real.syncDirectory(path) }
    package func lock(_ path: String, create: Bool) throws -> (any FileLock)? { try real.lock(path, create: create) }
    package func isWritable(_ path: String) -> Bool { real.isWritable(path) }
    package func freeBytes(_ path: String) -> Int? { real.freeBytes(path) }
    package var temporaryFolder: String { real.temporaryFolder }
}

private final class HookedFile: File {
    private let file: any File
    private let owner: HookedFileSystem

    init(file: any File, owner: HookedFileSystem) {
        self.file = file
        self.owner = owner
    }

    var path: String { file.path }
    func size() throws -> Int { try file.size() }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws { try file.write(bytes, at: offset) }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
        try file.read(into: buffer, at: offset)
    }
    func allocate(size: Int) throws { try file.allocate(size: size) }
    func extend(size: Int) throws { try file.extend(size: size) }
    func sync() throws {
        owner.onSync?(file.path)
        try file.sync()
    }
    func suspend() { file.suspend() }
    func map(size: Int) throws -> FileMapping { try file.map(size: size) }
}
