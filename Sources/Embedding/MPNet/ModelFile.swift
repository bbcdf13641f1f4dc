import Crypto

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file of a model's folder, open for reading.
///
/// It is read, not mapped: a mapped file that somebody truncates or whose disk fails ends the process with a signal, while a
/// read fails with an error. Nothing is lost by it, because weights are copied into panels anyway, and the rows of
/// the vocabulary that a text needs take a microsecond each, a thousandth of the work on their tokens.
final class ModelFile: Sendable {
    let name: String
    let size: Int
    private let descriptor: Int32

    init(folder: String, name: String) throws(EmbeddingError) {
        self.name = name
        let path = folder + "/" + name
        // A pipe would block here; with O_NONBLOCK it doesn't, and is refused below.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            size = 0
            throw .invalidModelFolder(reason: "\(path) can't be opened: \(String(cString: strerror(errno)))")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            size = 0
            throw .invalidModelFolder(reason: "\(path) is no file")
        }
        size = Int(status.st_size)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    static func exists(folder: String, name: String) -> Bool { access(folder + "/" + name, F_OK) == 0 }

    /// Fills `buffer` from `offset` on; all of it, or throws. May be called by several threads at once.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(EmbeddingError) {
        guard var address = buffer.baseAddress else { return }
        var (position, rest) = (offset, buffer.count)
        while rest > 0 {
            let count = pread(descriptor, address, rest, off_t(position))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let reason = count == 0 ? "it has become shorter" : String(cString: strerror(errno))
                throw .invalidModelFolder(reason: "\(name) can't be read: \(reason)")
            }
            address += count
            position += count
            rest -= count
        }
    }

    /// All of a small file.
    func contents(limit: Int) throws(EmbeddingError) -> [UInt8] {
        guard size <= limit else {
            throw .invalidModelFolder(reason: "\(name) has \(size) bytes, more than \(limit)")
        }
        var bytes = [UInt8](repeating: 0, count: size)
        try read(into: &bytes, at: 0)
        return bytes
    }

    /// Fills an array of plain numbers, which the file holds in this machine's byte order.
    func read<Element: BitwiseCopyable>(into values: inout [Element], at offset: Int) throws(EmbeddingError) {
        let outcome = values.withUnsafeMutableBytes { buffer in
            Result { () throws(EmbeddingError) in try read(into: buffer, at: offset) }
        }
        try outcome.get()
    }

    /// The SHA-256 of all bytes, in hex.
    func sha256() throws(EmbeddingError) -> String {
        var hash = SHA256()
        var block = [UInt8](repeating: 0, count: min(1 << 20, size))
        var offset = 0
        while offset < size {
            if size - offset < block.count { block.removeLast(block.count - (size - offset)) }
            try read(into: &block, at: offset)
            hash.update(data: block)
            offset += block.count
        }
        return hash.finalize().map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
