import Synchronization

/// Disk space that is set aside so that deletions can be committed when the disk is full: the log of a transaction takes some.
///
/// The file holds nothing. It is given up for such a transaction, or for a compaction that gives more back, and made again after
/// it.
final class DiskReserve: Sendable {
    static let mostBytes = 8 << 20
    /// Of a small disk no more than this part of what is free.
    private static let share = 8
    private static let leastBytes = 256 << 10

    /// The most that was set aside when it was given up.
    private let former = Mutex(0)
    private let path: String
    private let fileSystem: any FileSystem

    init(_ layout: StorageLayout, _ fileSystem: any FileSystem) {
        path = layout.reserve
        self.fileSystem = fileSystem
    }

    /// What is set aside now.
    var bytes: Int { fileSystem.status(path)?.size ?? 0 }

    /// Gives the space back to the disk.
    func release() {
        let size = bytes
        former.withLock { $0 = max($0, size) }
        try? fileSystem.remove(path)
    }

    /// Sets space aside if there is enough: as much as before, where there was a reserve. Returns whether there is one.
    @discardableResult
    func make() -> Bool {
        if fileSystem.exists(path) { return true }
        let free = fileSystem.freeBytes(path) ?? 0
        let bytes = min(max(free / Self.share, former.withLock { min($0, free) }), Self.mostBytes)
        guard bytes >= Self.leastBytes else { return false }
        do {
            try fileSystem.open(path, create: true).allocate(size: bytes)
            return true
        } catch {
            release()
            return false
        }
    }
}
