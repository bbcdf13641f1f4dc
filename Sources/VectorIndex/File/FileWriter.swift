#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Writes a file under a temporary name, hashing section by section, and puts it in place of the old one when complete
/// and synced. Dropped before that, it leaves nothing behind.
final class FileWriter {
    let path: String
    private let temporaryPath: String
    private let descriptor: Int32
    private var isFinished = false
    private var buffer: [UInt8] = []
    private var hash = Hash64()
    private static let bufferBytes = 1 << 20

    init(_ path: String) throws(IndexFileError) {
        self.path = path
        temporaryPath = path + ".tmp"
        descriptor = open(temporaryPath, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .io(operation: "open", path: path + ".tmp", code: errno) }
        buffer.reserveCapacity(Self.bufferBytes)
    }

    deinit {
        close(descriptor)
        if !isFinished { unlink(temporaryPath) }
    }

    /// Appends bytes to the running section.
    func append(_ bytes: UnsafeRawBufferPointer) throws(IndexFileError) {
        hash.update(bytes)
        if bytes.count >= Self.bufferBytes {
            try flush()
            try write(bytes)
        } else {
            if buffer.count + bytes.count > Self.bufferBytes { try flush() }
            buffer.append(contentsOf: bytes)
        }
    }

    /// The hash of the section that ends here; the next begins.
    func endSection() -> UInt64 {
        defer { hash = Hash64() }
        return hash.value
    }

    /// Overwrites the start of the file, syncs, renames, and syncs the folder.
    func finish(header: [UInt8]) throws(IndexFileError) {
        try flush()
        var done = 0
        while done < header.count {
            let count = header.withUnsafeBytes { bytes in
                pwrite(descriptor, bytes.baseAddress.map { $0 + done }, header.count - done, off_t(done))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("write") }
            done += count
        }
        guard fsync(descriptor) == 0 else { throw failure("fsync") }
        guard rename(temporaryPath, path) == 0 else { throw failure("rename") }
        isFinished = true
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let folderDescriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard folderDescriptor >= 0 else { throw failure("open the folder of") }
        defer { close(folderDescriptor) }
        guard fsync(folderDescriptor) == 0 else { throw failure("fsync the folder of") }
    }

    private func flush() throws(IndexFileError) {
        guard !buffer.isEmpty else { return }
        let full = buffer
        buffer.removeAll(keepingCapacity: true)
        var failed: IndexFileError?
        full.withUnsafeBytes { bytes in
            do throws(IndexFileError) { try write(bytes) } catch { failed = error }
        }
        if let failed { throw failed }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws(IndexFileError) {
        guard let base = bytes.baseAddress else { return }
        var done = 0
        while done < bytes.count {
            #if canImport(Glibc)
                let count = Glibc.write(descriptor, base + done, bytes.count - done)
            #elseif canImport(Musl)
                let count = Musl.write(descriptor, base + done, bytes.count - done)
            #elseif canImport(Darwin)
                let count = Darwin.write(descriptor, base + done, bytes.count - done)
            #endif
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("write") }
            done += count
        }
    }

    private func failure(_ operation: String) -> IndexFileError {
        .io(operation: operation, path: path, code: errno)
    }
}

/// Reads a file front to back, hashing section by section.
final class FileReader {
    let path: String
    let byteCount: Int
    private let descriptor: Int32

    init(_ path: String) throws(IndexFileError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .io(operation: "open", path: path, code: errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw .io(operation: "stat", path: path, code: code)
        }
        byteCount = Int(status.st_size)
        #if os(Linux)
            posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
        #endif
    }

    deinit { close(descriptor) }

    /// Reads the next `count` bytes and returns their hash.
    func read(_ target: UnsafeMutableRawPointer, _ count: Int) throws(IndexFileError) -> UInt64 {
        var hash = Hash64()
        var done = 0
        while done < count {
            // In pieces that are still in the cache when they are hashed.
            let piece = min(count - done, 256 << 10)
            #if canImport(Glibc)
                let got = Glibc.read(descriptor, target + done, piece)
            #elseif canImport(Musl)
                let got = Musl.read(descriptor, target + done, piece)
            #elseif canImport(Darwin)
                let got = Darwin.read(descriptor, target + done, piece)
            #endif
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw .io(operation: "read", path: path, code: errno) }
            guard got > 0 else { throw .damaged("cut short") }
            hash.update(UnsafeRawBufferPointer(start: target + done, count: got))
            done += got
        }
        return hash.value
    }
}
