/// Disk space that is set aside so that deletions can be committed when the disk is full: the log of a transaction takes some.
///
/// The file holds nothing. It is given up for such a transaction and made again after it.
final class DiskReserve: Sendable {
    static let mostBytes = 8 << 20
    /// Of a small disk no more than this part of what is free.
    private static let share = 8
    private static let leastBytes = 256 << 10

    private let path: String
    private let fileSystem: any FileSystem

    init(_ layout: StorageLayout, _ fileSystem: any FileSystem) {
        path = layout.reserve
        self.fileSystem = fileSystem
    }

    /// What is set aside now.
    var bytes: Int { fileSystem.status(path)?.size ?? 0 }

    /// Gives the space back to the disk.
    func release() { try? fileSystem.remove(path) }

    /// Sets space aside if there is enough. Returns whether there is a reserve.
    @discardableResult
    func make() -> Bool {
        if fileSystem.exists(path) { return true }
        let bytes = min(Self.mostBytes, (fileSystem.freeBytes(path) ?? 0) / Self.share)
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
