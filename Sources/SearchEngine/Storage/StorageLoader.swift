import GRDB
import JSON
import Logging
import VectorIndex

/// Brings the committed collections into memory at start.
struct StorageLoader {
    let layout: StorageLayout
    let environment: Environment
    let logger: Logger
    let implicitIndexBudgetBytes: Int
    var indexLimits = IndexLimits()
    /// That index builds and compactions of one collection may keep of changes.
    var changeLogBytes = Int.max

    var fileSystem: any FileSystem { environment.files }

    func load(_ db: GRDB.Database) throws -> Catalog {
        var catalog = Catalog()
        for row in try StoredCollection.all(db) {
            let collection = try load(StoredCollection(row), db)
            catalog.collections[collection.name] = collection
        }
        let names = Dictionary(uniqueKeysWithValues: catalog.collections.values.map { ($0.id, $0.name) })
        for row in try Row.fetchAll(db, sql: "SELECT alias, collection FROM aliases") {
            catalog.aliases[row["alias"] as String] = names[row["collection"]]
        }
        return catalog
    }

    func load(_ stored: StoredCollection, _ db: GRDB.Database) throws -> PointCollection {
        let indexes = PayloadIndexes(implicitBudgetBytes: implicitIndexBudgetBytes)
        for row in try Row.fetchAll(
            db, sql: "SELECT key, schema FROM payload_indexes WHERE collection = ? ORDER BY key",
            arguments: [stored.id])
        {
            let schema = try PayloadFieldSchema(
                stored: JSONValue(parsing: Array((row["schema"] as String).utf8)))
            try indexes.createIndex(PayloadPath(row["key"] as String), schema)
        }
        try requireGeneration(stored)
        let generation = try makeGeneration(
            collection: stored.id, number: stored.generation, configuration: stored.configuration,
            slotCount: stored.slots, indexes: indexes)
        let bits = generation.bits
        try generation.table.forEachRow(db) { row, _ in
            guard Int(row.slot) < stored.slots else {
                throw EngineError.storage("Collection `\(stored.name)`: point \(row.id) lies past the committed slots")
            }
            var row = row
            row.vectors &= bits
            generation.points.insert(row)
        }
        generation.points.extend(to: stored.slots)
        publishLoaded(generation)
        return PointCollection(
            id: stored.id, name: stored.name, configuration: stored.configuration, version: stored.version,
            generation: generation,
            changeMemory: ByteBudget(changeLogBytes))
    }

    /// Opens the vector files, and the derived index files where they are valid. Points are not in it yet.
    ///
    /// - Parameter old: the generation whose place it will take. What is known of its recall is handed on.
    func makeGeneration(
        collection id: Int64, number: Int, configuration: CollectionConfiguration, slotCount: Int,
        indexes: PayloadIndexes, replacing old: Generation? = nil
    ) throws -> Generation {
        try fileSystem.createDirectory(layout.vectors(id, number))
        try fileSystem.createDirectory(layout.derived(id, number))
        let registry = configuration.vectorRegistry
        let spaces = try configuration.vectors.map { name, parameters in
            let entry = registry.entries[name]!
            return try makeSpace(
                entry, name.string, parameters, collection: id, generation: number, slotCount: slotCount,
                index: loadIndex(
                    layout.indexFile(id, number, entry.id), layout.derived(id, number),
                    indexParameters(parameters, in: configuration), slotCount),
                recall: old?.spaces.first { $0.id == entry.id }?.recall)
        }
        let leaving = try registry.leaving.map { vector in
            try makeSpace(
                vector.entry, "", vector.parameters, collection: id, generation: number, slotCount: slotCount,
                index: VectorIndex(indexParameters(vector.parameters, in: configuration)))
        }
        if slotCount == 0 {
            try fileSystem.syncDirectory(layout.vectors(id, number))
            try fileSystem.syncDirectory(layout.vectors(id))
            try fileSystem.syncDirectory(layout.vectors)
        }
        return Generation(
            number: number, table: PointsTable(collection: id, generation: number), spaces: spaces, leaving: leaving,
            points: PointTable(hashSeed: environment.seeds.next()), payloadIndexes: indexes)
    }

    /// What a vector's index is made for here.
    func indexParameters(_ parameters: VectorParameters, in configuration: CollectionConfiguration) -> IndexParameters {
        var index = parameters.indexParameters(in: configuration)
        index.limits = indexLimits
        return index
    }

    /// Opens a vector's file, or creates it where there are no rows yet.
    func makeSpace(
        _ entry: VectorRegistry.Entry, _ name: String, _ parameters: VectorParameters, collection: Int64,
        generation: Int, slotCount: Int, index: VectorIndex, recall: SpaceRecall? = nil
    ) throws -> VectorSpace {
        let file = try VectorFile(
            path: layout.vectorFile(collection, generation, entry.id, parameters), rowBytes: parameters.rowBytes,
            rowCount: slotCount, fileSystem: fileSystem)
        return VectorSpace(
            entry, name: name, parameters: parameters, file: file, index: index,
            recall: recall ?? SpaceRecall(seed: environment.seeds.next()))
    }

    private func loadIndex(_ path: String, _ folder: String, _ parameters: IndexParameters, _ slotCount: Int)
        -> VectorIndex
    {
        if fileSystem.exists(path) {
            do {
                return try IndexFile(path: path, fileSystem: fileSystem).load(
                    parameters: parameters, rowCount: slotCount)
            } catch {
                logger.warning(
                    "A derived index file doesn't fit and is rebuilt", metadata: ["path": "\(path)", "why": "\(error)"])
                // Gone for good: slots that it covers and the collection has not may be given to other points.
                try? fileSystem.remove(path)
                try? fileSystem.syncDirectory(folder)
            }
        }
        return VectorIndex(parameters)
    }

    /// Shows a generation's points to its vector indexes.
    func publishLoaded(_ generation: Generation) {
        for space in generation.spaces { generation.publish(space, to: space.index) }
    }

    /// Removes the rows of restores that a kill cut short. Returns the tables that no collection owns.
    static func removeUnfinished(_ db: GRDB.Database) throws -> [String] {
        try db.execute(
            sql: "DELETE FROM collections WHERE name GLOB ?", arguments: [CollectionRestore.hiddenPrefix + "*"])
        let committed = try Set(
            Row.fetchAll(db, sql: "SELECT id, generation FROM collections")
                .map { PointsTable(collection: $0["id"], generation: $0["generation"]).name })
        return try PointsTable.allNames(db).filter { !committed.contains($0) }
    }
}
