import Foundation

/// Keeps a second process out of a storage folder.
final class StorageLock: Sendable {
    private let descriptor: Int32

    /// Throws `.storage` when another process holds the folder.
    convenience init(path: String) throws {
        try self.init(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644), path)
    }

    /// Creates nothing. `nil` when no process ever had the folder open. Throws `.storage` when one has.
    convenience init?(reading path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 && errno == ENOENT { return nil }
        try self.init(descriptor, path)
    }

    private init(_ descriptor: Int32, _ path: String) throws {
        self.descriptor = descriptor
        guard descriptor >= 0 else {
            throw EngineError.storage("Can't open \(path): \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw EngineError.storage("The storage folder is in use by another process (\(path) is locked)")
        }
    }

    func release() { flock(descriptor, LOCK_UN) }

    deinit { close(descriptor) }
}
