import Foundation
import Synchronization

/// The real files.
package struct PosixFileSystem: FileSystem {
    private let isReadOnly: Bool

    /// `isReadOnly`: opens files for reading alone.
    package init(isReadOnly: Bool = false) { self.isReadOnly = isReadOnly }

    package func createDirectory(_ path: String) throws { try createDirectory(path, for: path) }

    /// `wanted` is what an error names: the folders above it are nobody's wish.
    private func createDirectory(_ path: String, for wanted: String) throws {
        var info = stat()
        if stat(path, &info) == 0 {
            guard info.st_mode & S_IFMT == S_IFDIR else {
                throw systemError("create the folder", wanted, code: ENOTDIR)
            }
            return
        }
        let parent = path.parentFolder
        if parent != path { try createDirectory(parent, for: wanted) }
        guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw systemError("create the folder", wanted) }
    }

    package func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    package func status(_ path: String) -> FileStatus? {
        var info = stat()
        guard stat(path, &info) == 0, info.st_mode & S_IFMT == S_IFREG else { return nil }
        return FileStatus(size: Int(info.st_size), modified: info.st_mtim.tv_sec)
    }

    package func list(_ path: String) throws -> [String] {
        guard exists(path) else { return [] }
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw EngineError.storage("Can't list the folder \(path): \(reason(error))")
        }
    }

    package func open(_ path: String, create: Bool) throws -> any File {
        let flags = (isReadOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC
        return try PosixFile(path: path, flags, create: create)
    }

    package func remove(_ path: String) throws {
        guard exists(path) else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            if exists(path) { throw EngineError.storage("Can't remove \(path): \(reason(error))") }
        }
    }

    package func rename(_ from: String, to: String) throws {
        guard Glibc.rename(from, to) == 0 else { throw systemError("rename", from) }
        try syncDirectory(to.parentFolder)
    }

    package func syncDirectory(_ path: String) throws {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemError("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw systemError("sync", path) }
    }

    package func lock(_ path: String, create: Bool) throws -> (any FileLock)? {
        let flags = create ? O_RDWR | O_CREAT : O_RDONLY
        let descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o644)
        if descriptor < 0 && errno == ENOENT && !create { return nil }
        guard descriptor >= 0 else { throw systemError("open", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw EngineError.storage("The storage folder is in use by another process (\(path) is locked)")
        }
        return PosixLock(descriptor)
    }

    package func isWritable(_ path: String) -> Bool { access(path, W_OK) == 0 }

    package func freeBytes(_ path: String) -> Int? {
        var info = statvfs()
        guard statvfs(path.parentFolder, &info) == 0 else { return nil }
        return Int(clamping: UInt64(info.f_bavail) * UInt64(info.f_frsize))
    }

    package var temporaryFolder: String { NSTemporaryDirectory() }
}

private final class PosixLock: FileLock {
    private let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func release() { flock(descriptor, LOCK_UN) }

    deinit { close(descriptor) }
}

private final class PosixFile: File {
    let path: String
    private let flags: Int32
    /// Below 0 while it is suspended.
    private let descriptor: Mutex<Int32>

    init(path: String, _ flags: Int32, create: Bool) throws {
        self.path = path
        self.flags = flags
        descriptor = Mutex(try Self.open(path, flags | (create ? O_CREAT : 0)))
    }

    deinit { suspend() }

    private static func open(_ path: String, _ flags: Int32) throws -> Int32 {
        let descriptor = Glibc.open(path, flags, 0o644)
        guard descriptor >= 0 else { throw systemError("open", path) }
        return descriptor
    }

    func suspend() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
        }
    }

    /// The descriptor, opened again if it was given back. Nobody suspends a file that others use.
    private func use() throws -> Int32 {
        try descriptor.withLock { descriptor in
            if descriptor < 0 { descriptor = try Self.open(path, flags) }
            return descriptor
        }
    }

    func size() throws -> Int {
        var info = stat()
        guard fstat(try use(), &info) == 0 else { throw systemError("inspect", path) }
        return Int(info.st_size)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        let descriptor = try use()
        var done = 0
        while done < bytes.count {
            let n = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
            if n < 0 {
                if errno == EINTR { continue }
                throw systemError("write", path)
            }
            done += n
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
        let descriptor = try use()
        var done = 0
        while done < buffer.count {
            let n = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
            if n < 0 {
                if errno == EINTR { continue }
                throw systemError("read", path)
            }
            if n == 0 { break }
            done += n
        }
        return done
    }

    func allocate(size: Int) throws {
        // What the file has may be a hole on purpose.
        let old = try self.size()
        guard size > old else { return }
        let result = posix_fallocate(try use(), off_t(old), off_t(size - old))
        guard result == 0 else { throw systemError("grow", path, code: result) }
    }

    func extend(size: Int) throws {
        guard try self.size() < size else { return }
        guard ftruncate(try use(), off_t(size)) == 0 else { throw systemError("grow", path) }
    }

    func sync() throws {
        guard fdatasync(try use()) == 0 else { throw systemError("sync", path) }
    }

    func map(size: Int) throws -> FileMapping {
        guard let base = mmap(nil, size, PROT_READ, MAP_SHARED, try use(), 0), base != MAP_FAILED else {
            throw systemError("map", path)
        }
        return FileMapping(base: UnsafeRawPointer(base), size: size) { base, size in
            munmap(UnsafeMutableRawPointer(mutating: base), size)
        }
    }
}

/// The system's own words for what `FileManager` throws.
private func reason(_ error: any Error) -> String {
    let error = error as NSError
    guard let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError, cause.domain == NSPOSIXErrorDomain else {
        return error.localizedDescription
    }
    return String(cString: strerror(Int32(cause.code)))
}

private func systemError(_ action: String, _ path: String, code: Int32 = errno) -> EngineError {
    let message = "Can't \(action) \(path): \(String(cString: strerror(code)))"
    return code == ENOSPC || code == EDQUOT ? .diskFull(message) : .storage(message)
}
