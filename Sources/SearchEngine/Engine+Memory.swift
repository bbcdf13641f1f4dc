import GRDBSQLite

extension Engine {
    /// What a collection has in memory. The kernel is asked about each page of its codes, links and vector files: some
    /// tens of milliseconds for a million points.
    public func memory(_ collection: String) throws -> CollectionMemory {
        try withCollection(collection, memory)
    }

    private func memory(_ collection: PointCollection) throws -> CollectionMemory {
        let (fields, slots, ids, payloadIndexes) = try collection.lock.read {
            guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
            let generation = collection.generation
            return (
                generation.fields, generation.points.slotCount,
                generation.points.residentBytes + generation.idOrder.residentBytes,
                generation.payloadIndexes
            )
        }
        // Without the lock, so that nobody waits for the kernel.
        return CollectionMemory(
            vectors: fields.map { $0.memory(slotCount: slots) }, ids: ids,
            payloadIndexes: payloadIndexes.residentBytesByKey)
    }

    /// Bytes that SQLite has allocated, for all collections: pages of the database, mostly.
    public var databaseMemory: Int { Int(sqlite3_memory_used()) }
}
