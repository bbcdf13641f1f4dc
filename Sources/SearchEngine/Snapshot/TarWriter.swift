import Crypto
import Foundation
import JSON

/// Writes a tar archive (POSIX ustar; sizes from 8 GiB on in base 256) front to back, hashing it and each entry on the
/// way. Its last entry tells the others' hashes.
final class TarWriter {
    static let checksumsName = "checksums.json"

    private let file: any File
    /// Of all entries.
    private let date: Date
    private var offset = 0
    private var hash = SHA256()
    /// Bytes still due in the entry at hand.
    private var due = 0
    private var entry: (name: String, hash: SHA256) = ("", SHA256())
    private var checksums: JSONObject = [:]

    init(_ file: any File, date: Date) {
        self.file = file
        self.date = date
    }

    /// Begins an entry of exactly `size` bytes. The name has at most 100 bytes.
    func begin(_ name: String, size: Int) throws {
        precondition(due == 0 && name.utf8.count <= 100)
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at position: Int) {
            header.replaceSubrange(position..<position + text.utf8.count, with: text.utf8)
        }
        put(name, at: 0)
        put("0000644\0", at: 100)
        put("0000000\0", at: 108)
        put("0000000\0", at: 116)
        if size < 1 << 33 {
            put(octal(size, digits: 11) + "\0", at: 124)
        } else {
            header[124] = 0x80
            withUnsafeBytes(of: UInt64(size).bigEndian) { header.replaceSubrange(128..<136, with: $0) }
        }
        put(octal(Int(date.timeIntervalSince1970), digits: 11) + "\0", at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar\0" + "00", at: 257)
        let sum = header.reduce(0) { $0 + Int($1) }
        put(octal(sum, digits: 6) + "\0 ", at: 148)
        try header.withUnsafeBytes { try emit($0) }
        due = size
        entry = (name, SHA256())
        if due == 0 { end() }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        precondition(bytes.count <= due)
        guard !bytes.isEmpty else { return }
        due -= bytes.count
        entry.hash.update(bufferPointer: bytes)
        try emit(bytes)
        if due == 0 {
            end()
            try pad()
        }
    }

    private func end() { checksums[entry.name] = .string(entry.hash.finalize().hex) }

    func add(_ name: String, _ bytes: [UInt8]) throws {
        try begin(name, size: bytes.count)
        try bytes.withUnsafeBytes { try write($0) }
    }

    /// Adds what a file holds, which nobody changes meanwhile.
    func add(_ name: String, contentsOf file: any File) throws {
        let size = try file.size()
        try begin(name, size: size)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset = 0
        while offset < size {
            let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
            guard count > 0 else { throw EngineError.storage("\(name) became shorter while it was read") }
            try buffer.withUnsafeBytes {
                try write(UnsafeRawBufferPointer(rebasing: $0[0..<min(count, size - offset)]))
            }
            offset += count
        }
    }

    /// Adds the entries' checksums, ends the archive and syncs it. Returns its size and its SHA-256 in hex.
    func finish() throws -> (size: Int, checksum: String) {
        precondition(due == 0)
        try add(Self.checksumsName, JSONValue.object(checksums).serialized())
        let end = [UInt8](repeating: 0, count: 1024)
        try end.withUnsafeBytes { try emit($0) }
        try file.sync()
        return (offset, hash.finalize().hex)
    }

    private func pad() throws {
        let rest = offset % 512
        guard rest != 0 else { return }
        let zeros = [UInt8](repeating: 0, count: 512 - rest)
        try zeros.withUnsafeBytes { try emit($0) }
    }

    private func emit(_ bytes: UnsafeRawBufferPointer) throws {
        guard !bytes.isEmpty else { return }
        try file.write(bytes, at: offset)
        hash.update(bufferPointer: bytes)
        offset += bytes.count
    }

    private func octal(_ value: Int, digits: Int) -> String {
        let text = String(value, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}

extension Sequence where Element == UInt8 {
    /// Lowercase hex digits, two a byte.
    var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in self {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
