import Crypto
import JSON
import VectorIndex

/// Finds the entries of a tar archive such as `TarWriter` makes. Every number in it is checked: archives come from
/// clients.
final class TarReader {
    struct Entry {
        var name: String
        /// Where the entry's bytes begin in the file.
        var offset: Int
        var size: Int
    }

    let file: any File
    private(set) var entries: [String: Entry] = [:]

    /// Reads the headers. Throws `.invalid` when the file is not such an archive or is cut off.
    init(_ file: any File) throws {
        self.file = file
        let size = try file.size()
        var offset = 0
        var header = [UInt8](repeating: 0, count: 512)
        while true {
            guard offset + 512 <= size,
                try header.withUnsafeMutableBytes({ try file.read(into: $0, at: offset) }) == 512
            else { throw damaged("it ends before its last entry") }
            if header.allSatisfy({ $0 == 0 }) { break }
            let sum = header.indices.reduce(0) { $0 + (148..<156 ~= $1 ? 32 : Int(header[$1])) }
            guard octal(header[148..<156]) == sum else {
                throw damaged("a header's checksum is wrong at byte \(offset)")
            }
            let name = String(decoding: header[0..<100].prefix { $0 != 0 }, as: UTF8.self)
            let entrySize: Int?
            if header[124] == 0x80 {
                entrySize = header[128..<136].reduce(0 as UInt64) { $0 << 8 | UInt64($1) }.asSize
            } else {
                entrySize = octal(header[124..<136])
            }
            offset += 512
            guard let entrySize, entrySize <= size - offset else { throw damaged("the entry \(name) is cut off") }
            guard entries.updateValue(Entry(name: name, offset: offset, size: entrySize), forKey: name) == nil else {
                throw damaged("the entry \(name) is in it twice")
            }
            offset += (entrySize + 511) / 512 * 512
            guard offset <= size else { throw damaged("the entry \(name) is cut off") }
        }
    }

    /// Compares every entry with its SHA-256, which the last one tells. Throws `.invalid` when one differs. Archives of
    /// format 1 (`isOptional`) may have no checksums.
    func verifyChecksums(isOptional: Bool) throws {
        if isOptional && entries[TarWriter.checksumsName] == nil { return }
        guard case .object(let checksums)? = try? JSONValue(parsing: bytes(TarWriter.checksumsName)) else {
            throw damaged("\(TarWriter.checksumsName) is no JSON object")
        }
        guard checksums.count == entries.count - 1 else {
            throw damaged("\(TarWriter.checksumsName) doesn't tell the checksum of each entry")
        }
        for entry in entries.values where entry.name != TarWriter.checksumsName {
            guard let wanted = checksums[entry.name]?.stringValue, try sha256(entry) == wanted else {
                throw damaged("\(entry.name) doesn't fit its checksum")
            }
        }
    }

    private func sha256(_ entry: Entry) throws -> String {
        var hash = SHA256()
        for start in stride(from: 0, to: entry.size, by: 4 << 20) {
            hash.update(data: try read(entry, at: start, count: min(4 << 20, entry.size - start)))
        }
        return hash.finalize().hex
    }

    func entry(_ name: String) throws -> Entry {
        guard let entry = entries[name] else { throw damaged("it has no \(name)") }
        return entry
    }

    /// A whole small entry. Throws `.invalid` above 64 MiB.
    func bytes(_ name: String) throws -> [UInt8] {
        let entry = try entry(name)
        guard entry.size <= 64 << 20 else { throw damaged("\(name) is too large") }
        return try read(entry, at: 0, count: entry.size)
    }

    /// `count` bytes from `position` inside an entry.
    func read(_ entry: Entry, at position: Int, count: Int) throws -> [UInt8] {
        guard position >= 0, count >= 0, count <= entry.size - position else {
            throw damaged("\(entry.name) is shorter than it says")
        }
        let bytes = try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: entry.offset + position)
        }
        guard bytes.count == count else { throw damaged("it ends inside \(entry.name)") }
        return bytes
    }

    func damaged(_ why: String) -> EngineError { .invalid("The file is not a valid snapshot: \(why)") }

    private func octal(_ field: ArraySlice<UInt8>) -> Int? {
        Int(String(decoding: field.filter { $0 != 0 && $0 != 32 }, as: UTF8.self), radix: 8).flatMap {
            $0 >= 0 ? $0 : nil
        }
    }
}

/// An entry as an index's bytes.
struct TarEntryBytes: IndexByteSource {
    let tar: TarReader
    let entry: TarReader.Entry

    func byteCount() -> Int { entry.size }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
        guard 0...entry.size ~= offset else { return 0 }
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[0..<min(buffer.count, entry.size - offset)])
        return try tar.file.read(into: part, at: entry.offset + offset)
    }
}

extension UInt64 {
    fileprivate var asSize: Int? { Int(exactly: self) }
}
