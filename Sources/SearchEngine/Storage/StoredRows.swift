/// The rows of a collection as they are on disk, for comparing points with their checksums.
struct StoredRows {
    /// In the order of their bits.
    private let fields: [(bit: UInt64, field: any StoredField)]
    private let slots: Int

    init(_ collection: StoredCollection, _ loader: StorageLoader) throws {
        slots = collection.slots
        fields = try collection.configuration.storedVectors.map { entry, parameters in
            let site = loader.site(
                entry, "", parameters, collection: collection.id, generation: collection.generation)
            return (1 << UInt64(entry.bit), try loader.kinds[parameters].openStored(site))
        }
    }

    /// Throws `.storage` when there are fewer than `count` rows of a vector.
    func requireRows(_ count: Int) throws {
        for (_, field) in fields { try field.requireRows(count) }
    }

    /// Grows the files to all committed rows.
    func grow() throws {
        for (_, field) in fields { try field.grow(to: slots) }
    }

    /// Whether the point's rows are those that it was committed with.
    func isSound(_ point: PointRow, checksum: UInt64) throws -> Bool {
        guard Int(point.slot) < slots else { return false }
        var sum = Checksum()
        for (bit, field) in fields where point.vectors & bit != 0 {
            guard let row = try field.row(point.slot) else { return false }
            row.withUnsafeBytes { sum.add($0) }
        }
        return sum.value == checksum
    }
}
