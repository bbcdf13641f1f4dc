import Crypto
import Foundation
import JSON
import SearchEngine

/// An archive's entries, to be changed by somebody who makes its checksums fit again.
struct SnapshotArchive {
    private static let checksumsName = "checksums.json"

    /// Without the checksums.
    var entries: [(name: String, content: [UInt8])] = []

    init() {}

    /// Sizes are below 8 GiB.
    init(_ archive: [UInt8]) {
        var offset = 0
        while archive[offset] != 0 {
            let name = String(decoding: archive[offset..<offset + 100].prefix { $0 != 0 }, as: UTF8.self)
            let size = Int(String(decoding: archive[offset + 124..<offset + 135], as: UTF8.self), radix: 8)!
            offset += 512
            if name != Self.checksumsName { entries.append((name, Array(archive[offset..<offset + size]))) }
            offset += (size + 511) / 512 * 512
        }
    }

    init(_ path: String, _ fileSystem: any FileSystem) throws { self.init(try Self.content(path, fileSystem)) }

    static func content(_ path: String, _ fileSystem: any FileSystem) throws -> [UInt8] {
        let file = try fileSystem.open(path, create: false)
        var bytes = [UInt8](repeating: 0, count: try file.size())
        _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        return bytes
    }

    static func write(_ bytes: [UInt8], to path: String, _ fileSystem: any FileSystem) throws {
        try fileSystem.remove(path)
        let file = try fileSystem.open(path, create: true)
        try bytes.withUnsafeBytes { try file.write($0, at: 0) }
    }

    subscript(name: String) -> [UInt8]? {
        get { entries.first { $0.name == name }?.content }
        set {
            let place = entries.firstIndex { $0.name == name }
            if let newValue {
                if let place { entries[place].content = newValue } else { entries.append((name, newValue)) }
            } else if let place {
                entries.remove(at: place)
            }
        }
    }

    /// `collection.json`.
    var manifest: JSONValue {
        get { try! JSONValue(parsing: self["collection.json"]!) }
        set { self["collection.json"] = newValue.serialized() }
    }

    func bytes(withChecksums: Bool = true) -> [UInt8] {
        var archive: [UInt8] = []
        for (name, content) in entries { archive += Self.entry(name, content) }
        if withChecksums {
            var checksums: JSONObject = [:]
            for (name, content) in entries {
                checksums[name] = .string(SHA256.hash(data: content).map { String(format: "%02x", $0) }.joined())
            }
            archive += Self.entry(Self.checksumsName, JSONValue.object(checksums).serialized())
        }
        return archive + Array(repeating: 0, count: 1_024)
    }

    func write(to path: String, _ fileSystem: any FileSystem) throws { try Self.write(bytes(), to: path, fileSystem) }

    /// A header of POSIX ustar, the bytes, and zeros up to a whole block.
    private static func entry(_ name: String, _ content: [UInt8]) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at place: Int) {
            header.replaceSubrange(place..<place + text.utf8.count, with: Array(text.utf8))
        }
        func octal(_ value: Int, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        put(name, at: 0)
        put(octal(content.count, 11), at: 124)
        put("        ", at: 148)
        put("0", at: 156)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\0 ", at: 148)
        return header + content + Array(repeating: 0, count: (512 - content.count % 512) % 512)
    }
}
