import Foundation
import GRDB
import JSON
import OrderedCollections
import Synchronization

extension Engine {
    /// The names of all collections, sorted.
    public func collectionNames() -> [String] { catalog.withLock { $0.collections.keys.sorted().map(\.string) } }

    public func collectionExists(_ collection: String) -> Bool { catalog.withLock { $0.resolve(collection) != nil } }

    /// Creates an empty collection. Throws `.conflict` when the name is taken, `.invalid` for a bad name, `.outOfRange` for
    /// a bad setting, `.limitReached` when there are as many collections as the engine's configuration allows.
    public func createCollection(
        _ name: String, _ configuration: CollectionConfiguration, deadline: Deadline? = nil
    ) throws {
        try Self.validate(name: name, what: "Collection")
        try configuration.validate()
        try queue.perform(until: deadline) { [self] transaction in
            try requireFreeName(name, transaction.database)
            try requireRoom(transaction.database)
            try create(name, configuration, transaction)
            transaction.afterCommit { [logger] in logger.tell(.collectionCreated(name, configuration)) }
        }
    }

    /// Inserts the collection's rows, files and memory; the name is known to be free.
    @discardableResult
    func create(_ name: String, _ configuration: CollectionConfiguration, _ transaction: WriteTransaction) throws
        -> PointCollection
    {
        let db = transaction.database
        var configuration = configuration
        configuration.registry = VectorRegistry(configuration.vectors.keys)
        try db.execute(
            sql: "INSERT INTO collections (name, configuration) VALUES (?, ?)",
            arguments: [name, configuration.stored.text])
        let id = db.lastInsertedRowID
        try db.execute(sql: PointsTable(collection: id, generation: 0).createStatement)
        // What an earlier, rolled back creation left there.
        try fileSystem.remove(layout.vectors(id))
        try fileSystem.remove(layout.derived(id))
        let generation = try loader.makeGeneration(
            collection: id, number: 0, configuration: configuration, slotCount: 0,
            indexes: PayloadIndexes(implicitBudgetBytes: self.configuration.implicitIndexBudgetBytes))
        let collection = PointCollection(
            id: id, name: name, configuration: configuration, version: 0, generation: generation,
            changeMemory: ByteBudget(loader.changeLogBytes))
        // Durably, so that there are no rows of a collection that a power loss makes unknown.
        transaction.afterCommit(durably: true) { [self] in
            catalog.withLock { $0.collections[name] = collection }
            indexer.watch(collection)
        }
        return collection
    }

    /// Throws `.limitReached` when one collection more would be too many. The database knows those that the same group of jobs
    /// has made, and those of restores under way don't count.
    func requireRoom(_ db: GRDB.Database) throws {
        guard let limit = configuration.maxCollections else { return }
        let count = try Int.fetchOne(
            db, sql: "SELECT count(*) FROM collections WHERE name NOT GLOB ?",
            arguments: [CollectionRestore.hiddenPrefix + "*"])
        guard let count, count < limit else {
            throw EngineError.limitReached("Can't create collection, maximum number of collections exceeded")
        }
    }

    private func requireFreeName(_ name: String, _ db: GRDB.Database) throws {
        if try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM collections WHERE name = ?)", arguments: [name])! {
            throw EngineError.conflict("Collection `\(name)` already exists!")
        }
        if try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM aliases WHERE alias = ?)", arguments: [name])! {
            throw EngineError.conflict(
                "Can't create collection with name \(name). Alias with the same name already exists")
        }
    }

    /// Changes settings. A changed graph or quantization is rebuilt in the background while the old one answers.
    public func updateCollection(_ collection: String, _ update: CollectionUpdate, deadline: Deadline? = nil) throws {
        let collection = try self.collection(collection)
        // Alone: a second change in the same group would start from the same old configuration.
        try queue.perform(alone: true, until: deadline) { [self] transaction in
            let collection = try current(collection)
            let changes = try transaction.changes(collection)
            let old = collection.configuration
            let new = try old.applying(update)
            try transaction.store(new, of: collection)
            _ = changes.nextVersion()
            transaction.afterCommit { [self] in
                collection.lock.write { collection.configuration = new }
                indexer.reconsider(collection)
            }
        }
    }

    /// How long a deletion waits for the last use of the collection's files.
    private static let releaseTime = Duration.seconds(5)

    /// Removes a collection with its points and the aliases that point to it. `false` when there was none of this very
    /// name: as in Qdrant, an alias doesn't lead to the collection here.
    ///
    /// Whoever frees space needs it next: this waits until searches and background work let go of the files, but not for
    /// long.
    ///
    /// - Parameter isByKeeper: whether its keeper deletes it, with the rows that belong to it.
    public func deleteCollection(
        _ name: String, isByKeeper: Bool = false, deadline: Deadline? = nil
    ) throws -> Bool {
        let released = Mutex<[Latch]>([])
        let isDeleted = try queue.perform(freeing: FreeingJob(), until: deadline) { [self] transaction in
            guard let collection = catalog.withLock({ $0.collections[name] }), !collection.isDropped else {
                return false
            }
            if !isByKeeper { try requireUnkept(name, "be deleted") }
            let db = transaction.database
            try db.execute(sql: "DELETE FROM collections WHERE id = ?", arguments: [collection.id])
            guard db.changesCount == 1 else { return false }
            released.withLock { $0 = collection.generation.storedFields.flatMap(\.released) }
            let points = collection.generation.points.liveCount
            try drop(collection, transaction)
            transaction.afterCommit { [logger] in logger.tell(.collectionDeleted(name, points: points)) }
            return true
        }
        let latest = environment.time.now + Self.releaseTime
        for latch in released.withLock({ $0 }) {
            _ = environment.executor.wait(for: latch, until: min(latest, deadline ?? latest))
        }
        return isDeleted
    }

    /// Drops the memory and files of a collection whose row is deleted after the commit. Its tables go little by little.
    func drop(_ collection: PointCollection, _ transaction: WriteTransaction) throws {
        let tables = try tables(of: collection, transaction.database)
        transaction.markDropped(collection)
        transaction.afterCommit(durably: true) { [self] in
            catalog.withLock { catalog in
                if catalog.collections[collection.name] === collection {
                    catalog.collections[collection.name] = nil
                    catalog.aliases = catalog.aliases.filter { !$0.value.hasSameBytes(as: collection.name) }
                }
            }
            release(collection)
            reclaimer.reclaim(tables)
        }
    }

    /// Ends a collection that the catalog no longer names. Searches under way finish; their files live as long.
    func release(_ collection: PointCollection) {
        collection.drop()
        indexer.forget(collection)
        try? fileSystem.remove(layout.vectors(collection.id))
        try? fileSystem.remove(layout.derived(collection.id))
    }

    func tables(of collection: PointCollection, _ db: GRDB.Database) throws -> [String] {
        try String.fetchAll(
            db, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ?",
            arguments: ["points_\(collection.id)_*"])
    }

    /// - Parameter schema: whether the declared payload indexes are told as well, which are built first where they are not
    ///   there yet.
    public func collectionInfo(_ collection: String, schema tellsSchema: Bool = true) throws -> CollectionInfo {
        try withCollection(collection) { try collectionInfo($0, tellsSchema) }
    }

    private func collectionInfo(_ collection: PointCollection, _ tellsSchema: Bool) throws -> CollectionInfo {
        if tellsSchema { try reader.buildDeclared(collection) }
        var (info, view) = try collection.lock.read {
            let view = try CollectionView(collection)
            let fields = view.generation.fields
            let failure = collection.backgroundError.withLock { $0 }
            let pending =
                fields.contains { $0.pendingCount > 0 } || collection.wantsCompaction || collection.wantsRebuild
                || indexer.isBusy(collection)
            var configuration = collection.configuration
            configuration.registry = nil
            let counts = fields.map(\.counts)
            let unindexed = counts.filter(\.isLimited).reduce(0) { $0 + $1.live - $1.indexed }
            let limitation =
                unindexed == 0
                ? nil : "\(unindexed) vectors can't be indexed, and are scanned: the memory for more is refused"
            let info = CollectionInfo(
                status: failure != nil ? .red : pending ? .yellow : limitation != nil ? .grey : .green,
                optimizerError: failure ?? limitation, unindexableVectorsCount: unindexed,
                vectorsCount: counts.reduce(0) { $0 + $1.live },
                indexedVectorsCount: counts.reduce(0) { $0 + $1.indexed },
                pointsCount: view.pointCount, segmentsCount: 1, configuration: configuration, payloadSchema: [:])
            return (info, view)
        }
        if tellsSchema { info.payloadSchema = try view.payloadSchema() }
        return info
    }

    // MARK: Aliases

    /// All aliases, or those of one collection, sorted by alias.
    public func aliases(of collection: String?) throws -> [AliasDescription] {
        let name = try collection.map { try self.collection($0).name }
        return catalog.withLock { catalog in
            catalog.aliases.filter { entry in name.map { entry.value.hasSameBytes(as: $0) } ?? true }
                .sorted { $0.key < $1.key }.map { AliasDescription(alias: $0.key.string, collection: $0.value) }
        }
    }

    /// Applies all operations in order, or none; searches see them at once.
    public func updateAliases(_ operations: [AliasOperation], deadline: Deadline? = nil) throws {
        let isDeletion = operations.allSatisfy { if case .delete = $0 { true } else { false } }
        try queue.perform(freeing: isDeletion ? FreeingJob() : nil, until: deadline) { [self] transaction in
            let db = transaction.database
            var names = try Set(String.fetchAll(db, sql: "SELECT name FROM collections").map { ByteString($0) })
            for operation in operations { try apply(operation, &names, db) }
            var aliases: [ByteString: String] = [:]
            for row in try Row.fetchAll(
                db, sql: "SELECT alias, name FROM aliases JOIN collections ON collections.id = aliases.collection")
            {
                aliases[row["alias"] as String] = row["name"]
            }
            transaction.afterCommit { [self] in
                catalog.withLock { $0.aliases = aliases }
                for operation in operations.prefix(Self.mostLoggedAliases) { logger.tell(.alias(operation)) }
            }
        }
    }

    /// A request may change thousands; the log tells the first.
    private static let mostLoggedAliases = 64

    private func apply(_ operation: AliasOperation, _ names: inout Set<ByteString>, _ db: GRDB.Database) throws {
        func requireFree(_ alias: String) throws {
            try Self.validate(name: alias, what: "Alias")
            if names.contains(ByteString(alias)) {
                throw EngineError.conflict("Collection `\(alias)` already exists!")
            }
        }
        func requireAlias(_ alias: String) throws {
            if db.changesCount == 0 { throw EngineError.notFound("Alias \(alias) does not exists!") }
        }
        switch operation {
        case .create(let alias, let collection):
            guard names.contains(ByteString(collection)) else { throw PointCollection.missing(collection) }
            try requireFree(alias)
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO aliases (alias, collection)
                    SELECT ?, id FROM collections WHERE name = ?
                    """, arguments: [alias, collection])
        case .delete(let alias):
            try db.execute(sql: "DELETE FROM aliases WHERE alias = ?", arguments: [alias])
            try requireAlias(alias)
        case .rename(let old, let new):
            try requireFree(new)
            guard !old.hasSameBytes(as: new) else { return }
            guard
                let collection = try Int64.fetchOne(
                    db, sql: "SELECT collection FROM aliases WHERE alias = ?", arguments: [old])
            else { throw EngineError.notFound("Alias \(old) does not exists!") }
            try db.execute(sql: "DELETE FROM aliases WHERE alias = ?", arguments: [old])
            try db.execute(
                sql: "INSERT OR REPLACE INTO aliases (alias, collection) VALUES (?, ?)", arguments: [new, collection])
        }
    }

    // MARK: Payload indexes

    /// Declares a payload index, builds it, and answers when it is in use, or with `.waitTimeout` when the deadline comes
    /// first; then the building goes on.
    public func createPayloadIndex(
        _ collection: String, key: PayloadPath, schema: PayloadFieldSchema, deadline: Deadline? = nil
    ) throws -> UpdateResult {
        let collection = try self.collection(collection)
        var result = try changeSchema(
            collection, sql: "INSERT OR REPLACE INTO payload_indexes (collection, key, schema) VALUES (?, ?, ?)",
            arguments: [key.text, schema.stored.text], until: deadline
        ) { indexes in
            indexes.createIndex(key, schema)
        } event: {
            .payloadIndexCreated(key, collection: $0, schema)
        }
        do {
            try withCollection(collection.name) { try reader.buildDeclared($0, until: deadline) }
        } catch EngineError.timeout {
            result.status = .waitTimeout
        }
        return result
    }

    /// Removes a declared index; nothing happens if there is none.
    public func deletePayloadIndex(_ collection: String, key: PayloadPath, deadline: Deadline? = nil) throws
        -> UpdateResult
    {
        let collection = try self.collection(collection)
        return try changeSchema(
            collection, freeing: FreeingJob(), sql: "DELETE FROM payload_indexes WHERE collection = ? AND key = ?",
            arguments: [key.text], until: deadline
        ) {
            _ = $0.dropIndex(key)
        } event: {
            .payloadIndexDeleted(key, collection: $0)
        }
    }

    /// - Parameter arguments: of the statement, after the collection's number.
    private func changeSchema(
        _ collection: PointCollection, freeing: FreeingJob? = nil, sql: String, arguments: [String],
        until deadline: Deadline?,
        _ change: @escaping (PayloadIndexes) -> Void, event: @escaping (String) -> EngineEvent
    ) throws -> UpdateResult {
        do {
            return try queue.perform(freeing: freeing, until: deadline) { [self] transaction in
                let collection = try current(collection)
                let changes = try transaction.changes(collection)
                let all = StatementArguments([collection.id]) + StatementArguments(arguments)
                try transaction.database.execute(sql: sql, arguments: all)
                let hasChanged = transaction.database.changesCount > 0
                let version = changes.nextVersion()
                transaction.afterCommit { [logger] in
                    change(collection.generation.payloadIndexes)
                    if hasChanged { logger.tell(event(collection.name)) }
                }
                return UpdateResult(operationID: version)
            }
        } catch EngineError.timeout {
            return .waitTimeout
        }
    }

    // MARK: Names

    /// Qdrant's rule: 1…255 characters, none of `<>:"/\|?*` and no control characters.
    static func validate(name: String, what: String) throws {
        let count = name.unicodeScalars.count
        guard 1...255 ~= count else {
            throw EngineError.invalid("\(what) name must have 1 to 255 characters, not \(count)")
        }
        for scalar in name.unicodeScalars where "<>:\"/\\|?*".unicodeScalars.contains(scalar) || scalar.value < 32 {
            throw EngineError.invalid(
                "\(what) name cannot contain \"\(scalar.escaped(asASCII: true))\" char")
        }
    }
}

extension JSONValue {
    var text: String { String(decoding: serialized(), as: UTF8.self) }
}
