import Synchronization
import VectorIndex

/// The rows of one named vector: row number = slot, no header, append-only.
///
/// The file is grown ahead with blocks that the disk has granted, and is never truncated. Rows past the
/// collection's committed slot count are garbage. Only one thread at a time calls the mutating methods; `matrix` may be
/// read meanwhile.
package final class VectorFile: @unchecked Sendable {
    package let rowBytes: Int
    private let use: FileUse
    private let current: Mutex<HeldMapping>
    /// Whether something was written since the last sync.
    private var isDirty = true

    /// Opens the file, or creates it. Throws `.storage` when it holds fewer than `rowCount` rows.
    package init(path: String, rowBytes: Int, rowCount: Int, fileSystem: any FileSystem) throws {
        self.rowBytes = rowBytes
        let file = try fileSystem.open(path, create: rowCount == 0)
        use = FileUse(file)
        let size = try file.size()
        guard size >= rowCount * rowBytes else {
            throw EngineError.storage(
                "\(path) holds \(size) bytes, but \(rowCount) rows of \(rowBytes) bytes are committed")
        }
        let wanted = max(size, Self.grown(0, toHold: max(rowBytes, 1)))
        if size < wanted { try file.allocate(size: wanted) }
        current = Mutex(HeldMapping(try file.map(size: wanted), use))
        if rowCount > 0 {
            // What a killed process wrote may not be on disk, and the commits that name it go there with the next checkpoint.
            try sync()
        } else {
            // Nothing of a new file is committed.
            file.suspend()
        }
    }

    private var file: any File { use.file }
    private var held: HeldMapping { current.withLock { $0 } }

    /// Opens when nothing holds the file any more: neither this object nor a matrix. A removed file takes space until then.
    package var released: Latch { use.ended }

    /// The rows as a matrix; it stays valid while it is held, also when the file grows.
    package var matrix: RowMatrix {
        let held = held
        return RowMatrix(base: held.mapping.base, rowBytes: rowBytes, owner: held)
    }

    /// Bytes of the file, all of which are mapped, and those of them that are in memory now.
    package var mappedBytes: (all: Int, resident: Int) {
        let held = held
        let size = held.mapping.size
        return (size, withExtendedLifetime(held) { residentPages(of: held.mapping.base, count: size) })
    }

    /// Writes whole rows beginning at `slot`. They are visible through `matrix` afterwards.
    package func write(_ rows: UnsafeRawBufferPointer, at slot: Int) throws {
        let end = slot * rowBytes + rows.count
        if end > held.mapping.size { try grow(toHold: end) }
        isDirty = true
        try file.write(rows, at: slot * rowBytes)
    }

    /// Makes sure that rows [0, count) are inside the mapping, written or not.
    package func reserve(rowCount count: Int) throws {
        if count * rowBytes > held.mapping.size { try grow(toHold: count * rowBytes) }
    }

    /// The same for rows that nobody will write: they take no space.
    func skip(rowCount count: Int) throws {
        let size = max(count * rowBytes, held.mapping.size)
        guard size > held.mapping.size else { return }
        try file.extend(size: size)
        isDirty = true
        let extended = HeldMapping(try file.map(size: size), use)
        current.withLock { $0 = extended }
    }

    package func sync() throws {
        guard isDirty else { return }
        try file.sync()
        isDirty = false
        // There may be more vectors than the process may have files.
        file.suspend()
    }

    private func grow(toHold bytes: Int) throws {
        var size = Self.grown(held.mapping.size, toHold: bytes)
        do { try file.allocate(size: size) } catch EngineError.diskFull {
            // No more than is needed, on a disk that is nearly full.
            size = (bytes + Self.leastGrowth - 1) / Self.leastGrowth * Self.leastGrowth
            try file.allocate(size: size)
        }
        isDirty = true
        let grown = HeldMapping(try file.map(size: size), use)
        current.withLock { $0 = grown }
    }

    private static let leastGrowth = 64 << 10

    /// Doubles from 64 KiB up to steps of 256 MiB.
    private static func grown(_ size: Int, toHold bytes: Int) -> Int {
        var size = max(size, leastGrowth)
        while size < bytes { size += min(size, 256 << 20) }
        return size
    }
}

/// An open file, by all who use it.
private final class FileUse: @unchecked Sendable {
    // Unchecked: changed by `deinit` alone.
    private var opened: (any File)?
    let ended = Latch()

    init(_ file: any File) { opened = file }

    var file: any File { opened! }

    deinit {
        opened = nil
        ended.open()
    }
}

/// A mapping that counts as a use of its file.
private final class HeldMapping: @unchecked Sendable {
    // Unchecked: changed by `deinit` alone.
    private var held: FileMapping?
    private let use: FileUse

    init(_ mapping: FileMapping, _ use: FileUse) {
        held = mapping
        self.use = use
    }

    var mapping: FileMapping { held! }

    // The mapping ends before the use does.
    deinit { held = nil }
}
