/// Looks at the derived files of a collection at rest.
struct IndexCheck {
    private let collection: StoredCollection
    /// By slot: which vectors its point has, one bit each; 0 for a slot without a point.
    private let vectors: [UInt64]
    private let loader: StorageLoader

    init(_ collection: StoredCollection, _ vectors: [UInt64], _ loader: StorageLoader) {
        self.collection = collection
        self.vectors = vectors
        self.loader = loader
    }

    func run(report: (String) -> Void) {
        let registry = collection.configuration.vectorRegistry
        for (name, parameters) in collection.configuration.vectors {
            let entry = registry.entries[name]!
            let site = loader.site(
                entry, name.string, parameters, collection: collection.id, generation: collection.generation)
            let absent = vectors.indices.filter { vectors[$0] >> UInt64(entry.bit) & 1 == 0 }
            loader.kinds[parameters].checkDerived(
                site, collection.configuration, slotCount: collection.slots, absent: absent.map { UInt32($0) }
            ) { report("\(collection.name): \($0)") }
        }
    }
}
