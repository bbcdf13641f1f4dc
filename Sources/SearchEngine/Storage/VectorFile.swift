import Synchronization
import VectorIndex

/// The rows of one named vector: row number = slot, no header, append-only.
///
/// The file is grown ahead with blocks that the disk has granted, and is never truncated. Rows past the
/// collection's committed slot count are garbage. Only one thread at a time calls the mutating methods; `matrix` may be
/// read meanwhile.
package final class VectorFile: @unchecked Sendable {
    package let rowBytes: Int
    private let file: any File
    private let current: Mutex<FileMapping>
    /// Whether something was written since the last sync.
    private var isDirty = true

    /// Opens the file, or creates it. Throws `.storage` when it holds fewer than `rowCount` rows.
    package init(path: String, rowBytes: Int, rowCount: Int, fileSystem: any FileSystem) throws {
        self.rowBytes = rowBytes
        file = try fileSystem.open(path, create: rowCount == 0)
        let size = try file.size()
        guard size >= rowCount * rowBytes else {
            throw EngineError.storage(
                "\(path) holds \(size) bytes, but \(rowCount) rows of \(rowBytes) bytes are committed")
        }
        let wanted = max(size, Self.grown(0, toHold: max(rowBytes, 1)))
        if size < wanted { try file.allocate(size: wanted) }
        current = Mutex(try file.map(size: wanted))
        if rowCount > 0 {
            // What a killed process wrote may not be on disk, and the commits that name it go there with the next checkpoint.
            try sync()
        } else {
            // Nothing of a new file is committed.
            file.suspend()
        }
    }

    private var mapping: FileMapping { current.withLock { $0 } }

    /// The rows as a matrix; it stays valid while it is held, also when the file grows.
    package var matrix: RowMatrix {
        let mapping = mapping
        return RowMatrix(base: mapping.base, rowBytes: rowBytes, owner: mapping)
    }

    /// Bytes of the file, all of which are mapped, and those of them that are in memory now.
    package var mappedBytes: (all: Int, resident: Int) {
        let mapping = mapping
        return (mapping.size, withExtendedLifetime(mapping) { residentPages(of: mapping.base, count: mapping.size) })
    }

    /// Writes whole rows beginning at `slot`. They are visible through `matrix` afterwards.
    package func write(_ rows: UnsafeRawBufferPointer, at slot: Int) throws {
        let end = slot * rowBytes + rows.count
        if end > mapping.size { try grow(toHold: end) }
        isDirty = true
        try file.write(rows, at: slot * rowBytes)
    }

    /// Makes sure that rows [0, count) are inside the mapping, written or not.
    package func reserve(rowCount count: Int) throws {
        if count * rowBytes > mapping.size { try grow(toHold: count * rowBytes) }
    }

    package func sync() throws {
        guard isDirty else { return }
        try file.sync()
        isDirty = false
        // There may be more vectors than the process may have files.
        file.suspend()
    }

    private func grow(toHold bytes: Int) throws {
        var size = Self.grown(mapping.size, toHold: bytes)
        do { try file.allocate(size: size) } catch EngineError.diskFull {
            // No more than is needed, on a disk that is nearly full.
            size = (bytes + Self.leastGrowth - 1) / Self.leastGrowth * Self.leastGrowth
            try file.allocate(size: size)
        }
        isDirty = true
        let mapping = try file.map(size: size)
        current.withLock { $0 = mapping }
    }

    private static let leastGrowth = 64 << 10

    /// Doubles from 64 KiB up to steps of 256 MiB.
    private static func grown(_ size: Int, toHold bytes: Int) -> Int {
        var size = max(size, leastGrowth)
        while size < bytes { size += min(size, 256 << 20) }
        return size
    }
}
