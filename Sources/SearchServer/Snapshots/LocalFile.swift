import Services

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// An open file of the server's disk, read or written from front to back. Its calls block: they belong on a thread for
/// long work. Used by one caller at a time.
final class LocalFile: Sendable {
    private let descriptor: Int32
    let path: String

    private init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    static func openForReading(_ path: String) throws -> LocalFile {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        return LocalFile(descriptor: descriptor, path: path)
    }

    /// Fails if the file is there already.
    static func create(_ path: String) throws -> LocalFile {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("create", path) }
        return LocalFile(descriptor: descriptor, path: path)
    }

    static func remove(_ path: String) { unlink(path) }

    /// Whether a regular file that can be read is at the path.
    static func isReadableFile(_ path: String) -> Bool {
        var information = stat()
        return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFREG && access(path, R_OK) == 0
    }

    /// In bytes.
    func size() throws -> Int {
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { throw Self.failure("stat", path) }
        return Int(information.st_size)
    }

    /// Up to `count` bytes; empty at the end.
    func read(upTo count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while true {
                #if canImport(Glibc)
                    let result = Glibc.read(descriptor, buffer.baseAddress, count)
                #elseif canImport(Musl)
                    let result = Musl.read(descriptor, buffer.baseAddress, count)
                #else
                    let result = Darwin.read(descriptor, buffer.baseAddress, count)
                #endif
                if result >= 0 {
                    filled = result
                    return
                }
                guard errno == EINTR else { throw Self.failure("read", path) }
            }
        }
    }

    func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { buffer in
            var position = 0
            while position < buffer.count {
                #if canImport(Glibc)
                    let result = Glibc.write(descriptor, buffer.baseAddress! + position, buffer.count - position)
                #elseif canImport(Musl)
                    let result = Musl.write(descriptor, buffer.baseAddress! + position, buffer.count - position)
                #else
                    let result = Darwin.write(descriptor, buffer.baseAddress! + position, buffer.count - position)
                #endif
                if result > 0 {
                    position += result
                } else if result < 0, errno != EINTR {
                    throw Self.failure("write", path)
                }
            }
        }
    }

    private static func failure(_ action: String, _ path: String) -> ServiceError {
        let reason = String(cString: strerror(errno))
        return ServiceError(.failed, "failed to \(action) \(path): \(reason)")
    }
}
