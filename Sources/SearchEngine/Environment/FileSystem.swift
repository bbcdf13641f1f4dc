/// The narrow door through which the engine reaches files, so that tests can lose, tear or fail what
/// passes it. SQLite has its own door (its VFS).
///
/// All calls block. Errors are `EngineError.storage`, or `.diskFull`, with the path and the system's reason.
package protocol FileSystem: Sendable {
    /// Creates a folder and its parents; nothing happens if it is there.
    func createDirectory(_ path: String) throws
    func exists(_ path: String) -> Bool
    /// `nil` unless there is a regular file.
    func status(_ path: String) -> FileStatus?
    /// The entries' names, unordered; empty if the folder is missing.
    func list(_ path: String) throws -> [String]
    /// Opens for reading and writing; creates an empty file when `create`.
    func open(_ path: String, create: Bool) throws -> any File
    /// Removes a file or a whole folder; nothing happens if it is missing.
    func remove(_ path: String) throws
    /// Replaces `to` atomically and syncs the folder.
    func rename(_ from: String, to: String) throws
    /// Makes created, renamed and removed entries of a folder durable.
    func syncDirectory(_ path: String) throws
    /// Keeps every other process that asks for the same out, until the lock is released. `nil` if there is no such file and
    /// `create` is false. Throws `.storage` when another process has the lock.
    func lock(_ path: String, create: Bool) throws -> (any FileLock)?
    /// Whether entries of the folder can be made and removed.
    func isWritable(_ path: String) -> Bool
    /// Bytes that can still be written to the disk that a path lies on; `nil` if that isn't known.
    func freeBytes(_ path: String) -> Int?
    /// A folder for files that nobody needs later.
    var temporaryFolder: String { get }
}

extension FileSystem {
    /// Throws `.diskFull` when less is known to be free on the disk of a path.
    func requireFree(_ bytes: Int, at path: String) throws {
        guard let free = freeBytes(path), free < bytes else { return }
        throw EngineError.diskFull("\(path) needs \(bytes >> 20) MiB of the disk, of which \(free >> 20) MiB are free")
    }

    /// Makes `to` a copy of a file, which may be another file system's, and syncs it.
    func copy(_ source: any File, to: String) throws {
        let target = try open(to, create: true)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset = 0
        while true {
            let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0, at: offset) }
            if count == 0 { break }
            try buffer.withUnsafeBytes { try target.write(UnsafeRawBufferPointer(rebasing: $0[..<count]), at: offset) }
            offset += count
        }
        try target.sync()
    }
}

/// Held by a process that uses a storage folder.
package protocol FileLock: AnyObject, Sendable {
    func release()
}

package struct FileStatus: Sendable {
    package var size: Int
    /// When it was changed last, in seconds since 1970.
    package var modified: Int

    package init(size: Int, modified: Int) {
        self.size = size
        self.modified = modified
    }
}

/// An open file.
package protocol File: AnyObject, Sendable {
    var path: String { get }
    /// Bytes in the file now.
    func size() throws -> Int
    /// Writes all bytes at the offset, or throws.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws
    /// Reads up to the buffer's size; returns fewer bytes only at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int
    /// Grows the file to `size` with blocks that the disk has granted, so that later writes can't run out of space.
    func allocate(size: Int) throws
    /// Grows the file to `size` by zeros that take no space; what is written there may find the disk full.
    func extend(size: Int) throws
    /// Makes the bytes written so far durable. After a failure the file must not be used again.
    func sync() throws
    /// Gives back what the system holds for an open file, until it is used next; to be called while all that was written is
    /// durable. The file must stay at its path.
    func suspend()
    /// Maps the first `size` bytes read-only and shared. The mapping outlives the file object.
    func map(size: Int) throws -> FileMapping
}

/// A read-only view of a file's bytes; unmapped when the last reference goes.
package final class FileMapping: @unchecked Sendable {
    package let base: UnsafeRawPointer
    package let size: Int
    private let release: @Sendable (UnsafeRawPointer, Int) -> Void

    package init(base: UnsafeRawPointer, size: Int, release: @escaping @Sendable (UnsafeRawPointer, Int) -> Void) {
        self.base = base
        self.size = size
        self.release = release
    }

    deinit { release(base, size) }
}
