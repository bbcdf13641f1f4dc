/// The vector files of a collection as they are on disk, for comparing points with their checksums.
struct StoredRows {
    /// In the order of their bits.
    private let files: [(file: any File, rowBytes: Int, bit: UInt64)]
    private let slots: Int

    init(_ collection: StoredCollection, layout: StorageLayout, fileSystem: any FileSystem) throws {
        slots = collection.slots
        files = try collection.configuration.storedVectors.map { entry, parameters in
            let path = layout.vectorFile(collection.id, collection.generation, entry.id, parameters)
            return (try fileSystem.open(path, create: false), parameters.rowBytes, 1 << UInt64(entry.bit))
        }
    }

    /// Throws `.storage` when a file is too short for `count` rows.
    func requireRows(_ count: Int) throws {
        for (file, rowBytes, _) in files where try file.size() < count * rowBytes {
            throw EngineError.storage("\(file.path) is shorter than its \(count) committed rows")
        }
    }

    /// Grows the files to all committed rows; what is added reads as zeros.
    func grow() throws {
        for (file, rowBytes, _) in files where try file.size() < slots * rowBytes {
            try file.allocate(size: slots * rowBytes)
        }
    }

    /// Whether the point's rows are those that it was committed with.
    func isSound(_ point: PointRow, checksum: UInt64) throws -> Bool {
        guard Int(point.slot) < slots else { return false }
        var sum = Checksum()
        for entry in files where point.vectors & entry.bit != 0 {
            var row = [UInt8](repeating: 0, count: entry.rowBytes)
            let count = try row.withUnsafeMutableBytes {
                try entry.file.read(into: $0, at: Int(point.slot) * entry.rowBytes)
            }
            guard count == entry.rowBytes else { return false }
            row.withUnsafeBytes { sum.add($0) }
        }
        return sum.value == checksum
    }
}
