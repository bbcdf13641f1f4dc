import GRDB
import JSON

/// Named vectors that come and go on a live collection.
extension Engine {
    /// Adds a named vector, which no point has yet. Nothing happens if there is one of the same parameters.
    ///
    /// The collection is read and written meanwhile; only one transaction waits.
    ///
    /// - Returns: the operation's version; `.waitTimeout` when the deadline came first, and the vector is made later.
    /// - Throws: `.conflict` for a name that another vector has, `.limitReached` past 64 vectors.
    public func createVector(
        _ collection: String, _ name: String, _ parameters: VectorParameters, deadline: Deadline? = nil
    ) throws -> UpdateResult {
        try parameters.validate("dense")
        return try changeVectors(collection, deadline) { [self] transaction, collection in
            let old = collection.configuration
            if let existing = old.vectors[name] {
                guard existing.isLike(parameters) else {
                    throw EngineError.conflict("Vector `\(name)` already exists with other parameters")
                }
                return nil
            }
            var new = old
            var registry = old.vectorRegistry
            try registry.add(ByteString(name))
            new.registry = registry
            new.vectors[name] = parameters
            try new.validate()
            let field = try makeField(registry.entries[ByteString(name)]!, name, new, collection)
            transaction.afterCommit { [logger] in
                logger.tell(.vectorCreated(name, collection: collection.name, parameters))
            }
            return (new, { $0.add(field) })
        }
    }

    /// Removes a named vector from the collection and its points. Points stay, also without any vector.
    ///
    /// - Returns: as `createVector`.
    /// - Throws: `.invalid` for the unnamed vector while it is the only one. Nothing happens to an unknown name.
    public func deleteVector(_ collection: String, _ name: String, deadline: Deadline? = nil) throws -> UpdateResult {
        try changeVectors(collection, freeing: FreeingJob(), deadline) { [self] transaction, collection in
            var new = collection.configuration
            var registry = new.vectorRegistry
            if name.isEmpty, new.isUnnamed {
                throw EngineError.invalid("The unnamed vector can't be deleted while it is the collection's only one")
            }
            guard let parameters = new.vectors.removeValue(forKey: ByteString(name)) else { return nil }
            let entry = registry.entries[ByteString(name)]!
            registry.remove(ByteString(name), parameters)
            new.registry = registry
            transaction.afterCommit(durably: true) { [reclaimer, logger] in
                reclaimer.reclaim(entry.id, of: collection)
                logger.tell(.vectorDeleted(name, collection: collection.name))
            }
            return (new, { $0.retire(entry.id) })
        }
    }

    /// Changes which vectors there are in a transaction of its own. `change` answers the new settings and what is to be done to
    /// the generation under the exclusive lock; `nil` if all is as it should be.
    private func changeVectors(
        _ collection: String, freeing: FreeingJob? = nil, _ deadline: Deadline?,
        _ change:
            @escaping (WriteTransaction, PointCollection) throws -> (CollectionConfiguration, (Generation) -> Void)?
    ) throws -> UpdateResult {
        let collection = try self.collection(collection)
        do {
            return try queue.perform(alone: true, freeing: freeing, until: deadline) { [self] transaction in
                let collection = try current(collection)
                try requireUnkept(collection.name, "get or lose a vector")
                let changes = try transaction.changes(collection)
                guard let (new, apply) = try change(transaction, collection) else {
                    return UpdateResult(operationID: changes.version)
                }
                try transaction.store(new, of: collection)
                let version = changes.nextVersion()
                transaction.afterCommit(durably: true) { [indexer] in
                    collection.lock.write {
                        collection.configuration = new
                        apply(collection.generation)
                    }
                    indexer.reconsider(collection)
                }
                return UpdateResult(operationID: version)
            }
        } catch EngineError.timeout {
            return .waitTimeout
        }
    }

    /// The files of a new vector, on disk before they are named.
    private func makeField(
        _ entry: VectorRegistry.Entry, _ name: String, _ configuration: CollectionConfiguration,
        _ collection: PointCollection
    ) throws -> any VectorField {
        let number = collection.generation.number
        let site = loader.site(
            entry, name, configuration.vectors[name]!, collection: collection.id, generation: number)
        // What an earlier, rolled back creation left there.
        try site.removeFiles()
        let field = try loader.makeField(site, configuration, slotCount: 0)
        try field.skip(slotCount: collection.generation.points.slotCount)
        try field.sync()
        try fileSystem.syncDirectory(layout.vectors(collection.id, number))
        return field
    }
}

extension VectorParameters {
    /// Whether a vector of these parameters holds the same rows.
    fileprivate func isLike(_ other: VectorParameters) -> Bool {
        size == other.size && distance == other.distance && element == other.element
    }
}
