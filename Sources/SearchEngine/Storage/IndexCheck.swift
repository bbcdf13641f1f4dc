import VectorIndex

/// Looks at the index files of a collection at rest. They are derived: what is wrong with one is worth a line and no more,
/// because a start mends or rebuilds it.
struct IndexCheck {
    private let collection: StoredCollection
    /// By slot: which vectors its point has, one bit each; 0 for a slot without a point.
    private let vectors: [UInt64]
    private let layout: StorageLayout
    private let fileSystem: any FileSystem

    init(_ collection: StoredCollection, _ vectors: [UInt64], layout: StorageLayout, fileSystem: any FileSystem) {
        self.collection = collection
        self.vectors = vectors
        self.layout = layout
        self.fileSystem = fileSystem
    }

    func run(report: (String) -> Void) {
        let registry = collection.configuration.vectorRegistry
        for (name, parameters) in collection.configuration.vectors {
            let entry = registry.entries[name]!
            let path = layout.indexFile(collection.id, collection.generation, entry.id)
            let absent = vectors.indices.filter { vectors[$0] >> UInt64(entry.bit) & 1 == 0 }
            guard fileSystem.exists(path) else {
                if vectors.count - absent.count >= VectorIndex.smallestTrainedCount {
                    report("\(collection.name): there is no \(path); the next start builds it")
                }
                continue
            }
            do {
                let index = try IndexFile(path: path, fileSystem: fileSystem).load(
                    parameters: parameters.indexParameters(in: collection.configuration), rowCount: collection.slots)
                try look(index, entry.id, parameters, absent.map { UInt32($0) }, path, report)
            } catch {
                report("\(collection.name): \(path) can't be used, and is rebuilt by the next start: \(error)")
            }
        }
    }

    /// Whether searches find the linked points by their own vectors.
    private func look(
        _ index: VectorIndex, _ id: VectorID, _ parameters: VectorParameters, _ absent: [UInt32], _ path: String,
        _ report: (String) -> Void
    ) throws {
        // Nothing can be mapped where there is nothing.
        guard collection.slots > 0 else { return }
        let file = try fileSystem.open(
            layout.vectorFile(collection.id, collection.generation, id, parameters), create: false)
        let mapping = try file.map(size: collection.slots * parameters.rowBytes)
        index.publish(
            rows: RowMatrix(base: mapping.base, rowBytes: parameters.rowBytes, owner: mapping),
            count: collection.slots, absent: absent)
        let (looked, missed) = index.unreachedSlots()
        report(
            "\(collection.name): \(path): \(looked - missed) of \(looked) linked points are found by their own vectors"
                + (missed > 0 ? "; the next start looks for the others, and mends them" : ""))
    }
}
