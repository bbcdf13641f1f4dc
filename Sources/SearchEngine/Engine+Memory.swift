import GRDBSQLite
import VectorIndex

extension Engine {
    /// What a collection has in memory. The kernel is asked about each page of its codes, links and vector files: some
    /// tens of milliseconds for a million points.
    public func memory(_ collection: String) throws -> CollectionMemory {
        try withCollection(collection, memory)
    }

    private func memory(_ collection: PointCollection) throws -> CollectionMemory {
        let (spaces, successors, number, slots, ids, payloadIndexes) = try collection.lock.read {
            guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
            let generation = collection.generation
            return (
                generation.spaces, generation.successors, generation.number, generation.points.slotCount,
                generation.points.residentBytes + generation.idOrder.residentBytes,
                generation.payloadIndexes
            )
        }
        // Without the lock, so that nobody waits for the kernel.
        return CollectionMemory(
            vectors: spaces.map { space in
                let file = space.file.mappedBytes
                // One that is built beside it has memory, too.
                let index = [space.index, successors[space.id]].compactMap { $0?.memory }
                    .reduce(into: IndexMemory()) { $0 += $1 }
                let saved = layout.indexFile(collection.id, number, space.id)
                return CollectionMemory.Vector(
                    name: space.name, file: file.all, cached: file.resident, rows: slots * space.file.rowBytes,
                    savedIndex: fileSystem.status(saved)?.size ?? 0, codes: index.codes,
                    reducedCodes: index.reducedCodes, links: index.links + index.liveSlots)
            }, ids: ids, payloadIndexes: payloadIndexes.residentBytesByKey)
    }

    /// Bytes that SQLite has allocated, for all collections: pages of the database, mostly.
    public var databaseMemory: Int { Int(sqlite3_memory_used()) }
}
