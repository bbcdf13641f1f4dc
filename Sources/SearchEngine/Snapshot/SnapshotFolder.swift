import Crypto
import Foundation
import JSON
import Synchronization

/// A folder of snapshot archives, each beside a `.checksum` file.
struct SnapshotFolder {
    let path: String
    let environment: Environment

    private var fileSystem: any FileSystem { environment.files }

    func list() throws -> [SnapshotDescription] {
        try fileSystem.list(path).filter { $0.hasSuffix(".snapshot") }.sorted().compactMap(describe)
    }

    /// Removes what a kill left of a snapshot under way: half-made files, and checksums without an archive.
    func removeRemains() throws {
        for name in try fileSystem.list(path) {
            let isRemains =
                name.hasSuffix(".snapshot.partial") || name.hasSuffix(".snapshot.checksum.partial")
                || name.hasSuffix(".snapshot.checksum") && !fileSystem.exists("\(path)/\(name.dropLast(9))")
            if isRemains { try fileSystem.remove("\(path)/\(name)") }
        }
    }

    /// The same in the folder of the whole storage's snapshots, and in those of the collections.
    static func removeRemains(below path: String, _ environment: Environment) throws {
        let fileSystem = environment.files
        try SnapshotFolder(path: path, environment: environment).removeRemains()
        for name in try fileSystem.list(path) where fileSystem.status("\(path)/\(name)") == nil {
            try SnapshotFolder(path: "\(path)/\(name)", environment: environment).removeRemains()
        }
    }

    func describe(_ name: String) -> SnapshotDescription? {
        guard let status = fileSystem.status("\(path)/\(name)") else { return nil }
        let time = Date(timeIntervalSince1970: TimeInterval(status.modified))
        return SnapshotDescription(
            name: name, creationTime: timestamp(time, "yyyy-MM-dd'T'HH:mm:ss"), size: status.size,
            checksum: checksum(name))
    }

    private func checksum(_ name: String) -> String? {
        guard let file = try? fileSystem.open("\(path)/\(name).checksum", create: false) else { return nil }
        var text = [UInt8](repeating: 0, count: 128)
        guard let count = try? text.withUnsafeMutableBytes({ try file.read(into: $0, at: 0) }) else { return nil }
        return String(decoding: text[..<count], as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The path of a listed archive; a name that isn't listed, whatever it looks like, is `.notFound`.
    func existing(_ name: String) throws -> String {
        guard try list().contains(where: { $0.name.hasSameBytes(as: name) }) else {
            throw EngineError.notFound("Snapshot \(name) not found")
        }
        return "\(path)/\(name)"
    }

    func delete(_ name: String) throws {
        let path = try existing(name)
        try fileSystem.remove(path)
        try fileSystem.remove(path + ".checksum")
        try fileSystem.syncDirectory(self.path)
    }

    /// Writes a new archive under a temporary name and moves it into place when it is whole and synced.
    func create(prefix: String, temporary: String, _ write: (TarWriter) throws -> Void) throws -> SnapshotDescription {
        try fileSystem.createDirectory(path)
        try fileSystem.syncDirectory(path.parentFolder)
        let partial = "\(temporary)/\(environment.uniqueName()).partial"
        defer { try? fileSystem.remove(partial) }
        let file = try fileSystem.open(partial, create: true)
        let tar = TarWriter(file, date: environment.time.date)
        try write(tar)
        let (_, checksum) = try tar.finish()
        return try Self.naming.withLock { _ in try publish(partial, prefix: prefix, checksum: checksum) }
    }

    /// Two snapshots of one second must not choose the same name.
    private static let naming = Mutex(())

    private func publish(_ partial: String, prefix: String, checksum: String) throws -> SnapshotDescription {
        let base = "\(prefix)-\(timestamp(environment.time.date, "yyyy-MM-dd-HH-mm-ss"))"
        var name = "\(base).snapshot"
        var number = 1
        while fileSystem.exists("\(path)/\(name)") {
            number += 1
            name = "\(base)-\(number).snapshot"
        }
        // The checksum first: an archive that is listed has one.
        let sidecar = try fileSystem.open("\(path)/\(name).checksum.partial", create: true)
        try Array(checksum.utf8).withUnsafeBytes { try sidecar.write($0, at: 0) }
        try sidecar.sync()
        try fileSystem.rename(sidecar.path, to: "\(path)/\(name).checksum")
        try moveAcross(partial, to: "\(path)/\(name)")
        guard let description = describe(name) else { throw EngineError.storage("The snapshot \(name) is gone") }
        return description
    }

    /// Renames, or copies when the snapshots lie on another disk than the storage.
    private func moveAcross(_ from: String, to: String) throws {
        do {
            try fileSystem.rename(from, to: to)
        } catch {
            let partial = to + ".partial"
            do {
                try fileSystem.remove(partial)
                try fileSystem.copy(fileSystem.open(from, create: false), to: partial)
                try fileSystem.rename(partial, to: to)
            } catch {
                try? fileSystem.remove(partial)
                throw error
            }
        }
    }

    private func timestamp(_ date: Date, _ format: String) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = format
        return formatter.string(from: date)
    }
}

/// The SHA-256 of a file in lowercase hex.
func sha256(of file: any File) throws -> String {
    var hash = SHA256()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var offset = 0
    while true {
        let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
        if count == 0 { return hash.finalize().hex }
        buffer.withUnsafeBytes { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[0..<count])) }
        offset += count
    }
}

/// A collection's name as a file name of at most 150 bytes, leaving room for what snapshots add to it. No two names have
/// the same one: `%` is only in those that are changed, `%2…` in escaped ones, and `%sha256-` before the digest of a long one.
func fileName(_ collection: String) -> String {
    let escaped = collection.replacingOccurrences(of: "%", with: "%25")
    let name =
        escaped.utf8.first == UInt8(ascii: ".")
        ? "%2E" + String(decoding: escaped.utf8.dropFirst(), as: UTF8.self) : escaped
    guard name.utf8.count > 150 else { return name }
    return "%sha256-" + SHA256.hash(data: Data(collection.utf8)).hex
}
