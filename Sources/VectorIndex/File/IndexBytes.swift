/// Where an index file's bytes go. The owner makes them durable and puts the file in its place.
public protocol IndexByteSink {
    /// Writes all bytes at the offset, or throws.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws
}

/// Where an index file's bytes come from.
public protocol IndexByteSource {
    func byteCount() throws -> Int
    /// Reads up to the buffer's size; returns fewer bytes only at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int
}

/// Writes front to back, hashing section by section.
final class SectionWriter {
    private let sink: any IndexByteSink
    /// Bytes that the sink has.
    private var position = 0
    private var buffer: [UInt8] = []
    private var hash = Hash64()
    private static let bufferBytes = 1 << 20

    init(_ sink: any IndexByteSink) {
        self.sink = sink
        buffer.reserveCapacity(Self.bufferBytes)
    }

    /// Before everything else: the header is written last, when the hashes are known.
    func leaveRoomForHeader() throws {
        try [UInt8](repeating: 0, count: IndexFileHeader.byteCount).withUnsafeBytes { try append($0) }
        _ = endSection()
    }

    /// Appends bytes to the running section.
    func append(_ bytes: UnsafeRawBufferPointer) throws {
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

    /// Overwrites the start of the file.
    func finish(header: [UInt8]) throws {
        try flush()
        try header.withUnsafeBytes { try sink.write($0, at: 0) }
    }

    private func flush() throws {
        try buffer.withUnsafeBytes { try write($0) }
        buffer.removeAll(keepingCapacity: true)
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws {
        guard !bytes.isEmpty else { return }
        try sink.write(bytes, at: position)
        position += bytes.count
    }
}

/// Reads front to back, hashing section by section.
final class SectionReader {
    let byteCount: Int
    private let source: any IndexByteSource
    private var position = 0

    init(_ source: any IndexByteSource) throws {
        self.source = source
        byteCount = try source.byteCount()
    }

    /// Reads the next `count` bytes and returns their hash.
    func read(_ target: UnsafeMutableRawPointer, _ count: Int) throws -> UInt64 {
        var hash = Hash64()
        var done = 0
        while done < count {
            // In pieces that are still in the cache when they are hashed.
            let piece = UnsafeMutableRawBufferPointer(start: target + done, count: min(count - done, 256 << 10))
            let got = try source.read(into: piece, at: position)
            guard got > 0 else { throw IndexFileError.damaged("cut short") }
            hash.update(UnsafeRawBufferPointer(rebasing: piece[0..<got]))
            done += got
            position += got
        }
        return hash.value
    }
}
