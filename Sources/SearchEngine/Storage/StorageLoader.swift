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
    var kinds = FieldKinds.standard
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

    /// Opens the fields. Points are not in it yet.
    ///
    /// - Parameter old: the generation whose place it will take. What is known of its recall is handed on.
    func makeGeneration(
        collection id: Int64, number: Int, configuration: CollectionConfiguration, slotCount: Int,
        indexes: PayloadIndexes, replacing old: Generation? = nil
    ) throws -> Generation {
        try fileSystem.createDirectory(layout.vectors(id, number))
        try fileSystem.createDirectory(layout.derived(id, number))
        let registry = configuration.vectorRegistry
        let fields = try configuration.vectors.map { name, parameters in
            let entry = registry.entries[name]!
            return try makeField(
                site(entry, name.string, parameters, collection: id, generation: number), configuration,
                slotCount: slotCount, replacing: old?.fields.first { $0.id == entry.id })
        }
        let leaving = try registry.leaving.map { vector in
            try makeField(
                site(vector.entry, "", vector.parameters, collection: id, generation: number), configuration,
                slotCount: slotCount, isSearched: false)
        }
        if slotCount == 0 {
            try fileSystem.syncDirectory(layout.vectors(id, number))
            try fileSystem.syncDirectory(layout.vectors(id))
            try fileSystem.syncDirectory(layout.vectors)
        }
        return Generation(
            number: number, table: PointsTable(collection: id, generation: number), fields: fields, leaving: leaving,
            points: PointTable(hashSeed: environment.seeds.next()), payloadIndexes: indexes)
    }

    func site(
        _ entry: VectorRegistry.Entry, _ name: String, _ parameters: VectorParameters, collection: Int64,
        generation: Int
    ) -> FieldSite {
        FieldSite(
            entry: entry, name: name, parameters: parameters, collection: collection, generation: generation,
            layout: layout, fileSystem: fileSystem)
    }

    /// Opens a vector's files, or makes them where there are no slots yet, as the kind that its parameters mean.
    func makeField(
        _ site: FieldSite, _ settings: CollectionConfiguration, slotCount: Int, isSearched: Bool = true,
        replacing old: (any VectorField)? = nil
    ) throws -> any VectorField {
        try kinds[site.parameters].makeField(
            FieldOpening(
                site: site, slotCount: slotCount, settings: settings, limits: indexLimits, environment: environment,
                logger: logger, isSearched: isSearched, predecessor: old))
    }

    /// Shows a generation's points to its fields.
    func publishLoaded(_ generation: Generation) {
        for field in generation.fields { generation.publishAll(field) }
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
