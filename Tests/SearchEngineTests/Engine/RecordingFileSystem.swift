import SearchEngine
import Synchronization
import Testing

/// The real files, with a note of what was synced and removed, in order.
final class RecordingFileSystem: FileSystem {
    private let real = PosixFileSystem()
    private let events = Mutex<[String]>([])

    /// Expects that `body` removes what the path ends in, after it has synced the database's log.
    func expectSyncedLog(
        before removed: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
    ) rethrows {
        events.withLock { $0 = [] }
        try body()
        let events = events.withLock { $0 }
        let removal = events.lastIndex { $0.hasPrefix("remove ") && $0.hasSuffix(removed) }
        let sync = events.firstIndex { $0.hasPrefix("sync ") && $0.hasSuffix("sqlite3-wal") }
        #expect(removal != nil && sync != nil, "\(events)", sourceLocation: sourceLocation)
        if let removal, let sync { #expect(sync < removal, "\(events)", sourceLocation: sourceLocation) }
    }

    private func note(_ event: String) { events.withLock { $0.append(event) } }

    func createDirectory(_ path: String) throws { try real.createDirectory(path) }
    func exists(_ path: String) -> Bool { real.exists(path) }
    func list(_ path: String) throws -> [String] { try real.list(path) }
    func open(_ path: String, create: Bool) throws -> any File {
        RecordedFile(file: try real.open(path, create: create)) { [weak self] in self?.note("sync \(path)") }
    }
    func remove(_ path: String) throws {
        note("remove \(path)")
        try real.remove(path)
    }
    func rename(_ from: String, to: String) throws { try real.rename(from, to: to) }
    func syncDirectory(_ path: String) throws { try real.syncDirectory(path) }
}

private final class RecordedFile: File {
    private let file: any File
    private let onSync: @Sendable () -> Void

    init(file: any File, onSync: @escaping @Sendable () -> Void) {
        self.file = file
        self.onSync = onSync
    }

    var path: String { file.path }
    func size() throws -> Int { try file.size() }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws { try file.write(bytes, at: offset) }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
        try file.read(into: buffer, at: offset)
    }
    func allocate(size: Int) throws { try file.allocate(size: size) }
    func sync() throws {
        try file.sync()
        onSync()
    }
    func map(size: Int) throws -> FileMapping { try file.map(size: size) }
}
