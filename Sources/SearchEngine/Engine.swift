import Foundation
import GRDB
import JSON
import Logging
import Synchronization
import VectorIndex

/// How an engine is opened.
public struct EngineConfiguration: Sendable {
    public enum Durability: String, Sendable {
        /// An acknowledged write is synced to disk.
        case full
        /// An acknowledged write survives a killed process, not a power loss.
        case normal
    }
    public var storagePath: String
    public var snapshotsPath: String
    public var durability: Durability = .full
    /// Threads that link points into graphs; 0 means one a core.
    public var indexingThreads: Int = 0
    /// Bytes that payload indexes made on first use may take.
    public var implicitIndexBudgetBytes: Int = 512 << 20
    /// Collections that there may be; `nil` for no limit.
    public var maxCollections: Int?
    /// Bytes of points and payloads that may wait for the writer. A fourth of it may be kept of changes for the index builds and
    /// the compaction of one collection.
    public var writeQueueBytes: Int = 256 << 20
    /// Whether the background measures recall, and recent queries are kept in memory for it.
    public var measuresRecall: Bool {
        get { recallAudits.isOn }
        set { (recallAudits.isOn, recallAudits.keepsQueries) = (newValue, newValue) }
    }
    package var indexLimits = IndexLimits()
    package var fieldKinds = FieldKinds.standard
    /// When the background measures recall, and by how many queries.
    package var recallAudits = RecallAuditor.Settings()

    public init(storagePath: String, snapshotsPath: String) {
        self.storagePath = storagePath
        self.snapshotsPath = snapshotsPath
    }
}

/// A vector search engine over one storage folder. Thread-safe.
///
/// Every call blocks until it is done, except the `async` ones; call it on worker threads, not on event loops.
/// Collections are named by name or alias. All errors are `EngineError`.
public final class Engine: Sendable {
    public let configuration: EngineConfiguration
    package let logger: Logger
    let layout: StorageLayout
    package let environment: Environment
    let database: EngineDatabase
    let queue: WriteQueue
    let loader: StorageLoader
    let reader: IndexedReader
    let indexer: Indexer
    private let audits: AuditLoop
    let indexBuilds: IndexBuilds
    let reclaimer: Reclaimer
    /// Measurements of recall on request that are under way.
    package let recallMeasurements = Atomic(0)
    let keeper = Mutex(KeeperReference())
    let catalog: Mutex<Catalog>
    private let storageLock: (any FileLock)?
    private let isClosed = Atomic(false)

    /// Opens the storage folder or creates it, and recovers what is committed.
    ///
    /// Throws `.storage` when the folder is in use by another process, is of a newer format, or is damaged.
    public convenience init(configuration: EngineConfiguration, logger: Logger) throws {
        try self.init(configuration: configuration, logger: logger, environment: Environment())
    }

    package init(configuration: EngineConfiguration, logger: Logger, environment: Environment) throws {
        self.configuration = configuration
        self.logger = logger
        self.environment = environment
        let fileSystem = environment.files
        layout = StorageLayout(root: configuration.storagePath)
        try fileSystem.createDirectory(layout.root)
        storageLock = try fileSystem.lock(layout.lock, create: true)
        try fileSystem.remove(layout.temporary)
        for folder in [layout.temporary, layout.vectors, layout.derived, configuration.snapshotsPath] {
            try fileSystem.createDirectory(folder)
        }
        try fileSystem.syncDirectory(layout.root)
        // A start writes, too.
        let reserve = DiskReserve(layout, fileSystem)
        reserve.release()
        let loader = StorageLoader(
            layout: layout, environment: environment, logger: logger,
            implicitIndexBudgetBytes: configuration.implicitIndexBudgetBytes, indexLimits: configuration.indexLimits,
            kinds: configuration.fieldKinds, changeLogBytes: configuration.writeQueueBytes / 4)
        self.loader = loader
        try loader.requireDatabase()
        database = try EngineDatabase(
            path: layout.database, durability: configuration.durability, environment: environment)
        var unowned: [String] = []
        try database.write { db in
            unowned = try StorageLoader.removeUnfinished(db)
            try loader.deleteLostPoints(db)
        }
        let loaded = try database.read { try loader.load($0) }
        catalog = Mutex(loaded)
        // Loading has synced the vectors. Files go only when the commit that dropped them can't be lost any more.
        try database.write { try StorageLoader.markSynced($0) }
        try database.syncLog()
        try loader.clearOrphans(loaded, highestCollection: database.read { try StorageLoader.highestCollection($0) })
        try SnapshotFolder.removeRemains(below: configuration.snapshotsPath, environment)
        queue = WriteQueue(
            database: database, durability: configuration.durability, environment: environment, reserve: reserve,
            budget: ByteBudget(configuration.writeQueueBytes), logger: logger)
        reclaimer = Reclaimer(queue, environment: environment, logger: logger)
        reclaimer.start(unowned, loaded.inOrder)
        indexBuilds = IndexBuilds(
            database: database, publication: queue.publication, environment: environment, logger: logger)
        indexBuilds.start()
        reader = IndexedReader(builds: indexBuilds, environment: environment)
        indexer = Indexer(
            threads: configuration.indexingThreads > 0 ? configuration.indexingThreads : environment.executor.cores,
            environment: environment, logger: logger)
        audits = AuditLoop(configuration.recallAudits, environment: environment, logger: logger)
        for collection in loaded.inOrder { indexer.watch(collection) }
        indexer.start(
            indexBuilds,
            compactor: Compactor(
                loader: loader, database: database, queue: queue, reclaimer: reclaimer, reserve: reserve, logger: logger
            ))
        audits.start { [weak self] in
            self.map { engine in engine.catalog.withLock { $0.inOrder } } ?? []
        }
    }

    var fileSystem: any FileSystem { environment.files }

    /// Bytes of points and payloads that wait for the writer.
    public var writeQueueBytes: Int { queue.budget.usedBytes }

    /// Bytes of changes that are kept for index builds and compactions under way. Complexity: O(collections).
    public var keptChangeBytes: Int {
        catalog.withLock { $0.inOrder }.reduce(0) { $0 + $1.changeMemory.usedBytes }
    }

    /// A folder on the storage's disk for uploads; emptied at each start.
    public var temporaryPath: String { layout.temporary }

    /// Finishes the queued writes, stops the background work and saves what would be costly to derive again.
    public func close() throws {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        reclaimer.stop()
        let isSaved = queue.close()
        indexBuilds.stop()
        audits.stop()
        indexer.stop()
        for collection in catalog.withLock({ $0.inOrder }) { indexer.save(collection) }
        do {
            try database.close(withoutLog: isSaved)
        } catch {
            throw EngineError.storage("The database can't be closed: \(error)")
        }
        storageLock?.release()
    }

    /// The collection of a name or alias; throws `.notFound`.
    package func collection(_ name: String) throws -> PointCollection {
        guard !isClosed.load(ordering: .relaxed) else { throw EngineError.unavailable("The engine is stopped") }
        guard let found = catalog.withLock({ $0.resolve(name) }) else { throw PointCollection.missing(name) }
        return found
    }

    /// The name of the collection that a name or alias leads to. Throws `.notFound`.
    public func name(of collection: String) throws -> String { try self.collection(collection).name }

    /// Dimensions of a collection's vector; `nil` where it has none of the name. Throws `.notFound`.
    public func vectorSize(_ name: String, in collection: String) throws -> Int? {
        let collection = try self.collection(collection)
        return collection.lock.read { collection.configuration.vectors[name]?.size }
    }

    /// Runs `body` with the collection of a name or alias, and again with another that has taken its place meanwhile: nobody
    /// sees the swap of a restore.
    func withCollection<T>(_ name: String, _ body: (PointCollection) throws -> T) throws -> T {
        var collection = try self.collection(name)
        while true {
            do { return try body(collection) } catch EngineError.notFound where collection.isDropped {
                let next = try self.collection(name)
                guard next !== collection else { throw PointCollection.missing(name) }
                collection = next
            }
        }
    }

    /// The collection itself, or the one that has taken its place under its name. On the writer thread.
    func current(_ collection: PointCollection) throws -> PointCollection {
        guard collection.isDropped else { return collection }
        guard let next = catalog.withLock({ $0.collections[collection.name] }), !next.isDropped else {
            throw PointCollection.missing(collection.name)
        }
        return next
    }
}

/// Which collections there are, by name, and the aliases. Changed on the writer thread alone.
struct Catalog: Sendable {
    var collections: [ByteString: PointCollection] = [:]
    /// Alias to collection name.
    var aliases: [ByteString: String] = [:]

    /// All collections, the oldest first.
    var inOrder: [PointCollection] { collections.values.sorted { $0.id < $1.id } }

    func resolve(_ name: String) -> PointCollection? {
        collections[name] ?? aliases[name].flatMap { collections[$0] }
    }
}
