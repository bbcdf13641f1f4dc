import GRDB
import JSON
import SearchEngine
import Synchronization

/// Trends and business ideas as rows, each with its embedding, over one engine. Thread-safe.
///
/// A row lives in the table `trends` or `ideas` of the engine's database; its embedding and a mirror of its filterable
/// fields are the point of the same id in the collection of the same name. A row, its payload and its vector change
/// in one transaction: after a kill at any moment they agree.
///
/// Every call blocks until it is done, and a change until it is durable; call it on worker threads, not on event
/// loops. Errors are `TrendStoreError` for what the caller can mend and `EngineError` for the rest.
///
/// The collections are made by the first change, with 768 dimensions, cosine, and int8 codes at quantile 0.99; empty ones that
/// fit are taken over, and others of these names are left alone. Points that have no row may stand beside those of rows:
/// searches pass over them, and `check` reports them.
public final class TrendStore: Sendable {
    /// Dimensions of every embedding.
    public static let embeddingDimensions = 768

    public let engine: Engine
    /// What happened, in order.
    public let events: EventLog
    /// The collections that are the store's own.
    let kept = Mutex<Set<String>>([])
    /// Of restores under way, by collection; `nil` where nothing was read yet.
    let staged = Mutex<[String: StagedRows?]>([:])
    /// Commits that may have changed rows of jobs and of what runs, and of anything else.
    private let (workChanges, rowChanges) = (AtomicCount(), AtomicCount())
    let statistics = FreshCache<StatisticsKey, TrendStatistics>(capacity: 1)
    let movements = FreshCache<MovementKey, [CategoryMovement]>(capacity: 64)
    let counts = FreshCache<CountKey, Int>(capacity: 1_024)
    /// What was seen lately. Those of a change that is rolled back stay in it, which costs a look at the table.
    package let seen: Mutex<SeenFingerprints>
    private let executionObserver = Mutex<(@Sendable (AgentExecution) -> Void)?>(nil)

    /// Uses the engine's storage, creates the tables if they are missing, and takes those of an earlier format over. From then
    /// on the store keeps its collections (``CollectionKeeper``), as long as it lives.
    ///
    /// Throws `EngineError.storage` for tables that a newer program wrote.
    public init(engine: Engine) throws {
        self.engine = engine
        let (names, isMirrored, fingerprints) = try engine.write(mayUseReserve: true) { transaction in
            let db = transaction.database
            try Schema.prepare(db)
            try Schema.removeStaged(db)
            return (
                try Schema.keptCollections(db), try Schema.isMirrored(db), try Self.seenFingerprints(db)
            )
        }
        seen = Mutex(fingerprints)
        events = try EventLog(engine: engine)
        kept.withLock { $0 = names }
        if !isMirrored {
            _ = try repair(deletingPoints: false)
            try engine.write { try Schema.setMirrored($0.database) }
        }
        engine.setKeeper(self)
    }

    /// Runs `body` in one durable transaction: all its changes are committed together or, when it throws, none.
    ///
    /// `body` runs on the engine's writer thread and holds up every other change: keep it short, and don't call the
    /// store or the engine from it. Its errors are thrown on as they are.
    ///
    /// - Parameters:
    ///   - bytes: what `body` holds while it waits for its turn, about.
    ///   - deadline: how long this waits; then `EngineError.timeout` is thrown, and `body` may be done later all the same.
    public func write<T>(
        bytes: Int = 0, deadline: Deadline? = nil, _ body: @escaping (TrendTransaction) throws -> T
    ) throws -> T {
        try prepareCollections()
        return try engine.write(bytes: bytes, deadline: deadline) { [self] in try run(body, $0) }
    }

    /// The same for rows that have no points, which need no collections.
    public func writeRows<T>(
        bytes: Int = 0, deadline: Deadline? = nil, _ body: @escaping (TrendTransaction) throws -> T
    ) throws -> T {
        try engine.write(bytes: bytes, deadline: deadline) { [self] in try run(body, $0) }
    }

    /// The same for what only deletes: on a full disk as well, and without collections that aren't there yet.
    func writeFreeing<T>(deadline: Deadline?, _ body: @escaping (TrendTransaction) throws -> T) throws -> T {
        try engine.write(mayUseReserve: true, deadline: deadline) { [self] in try run(body, $0) }
    }

    /// Kinds of rows that are counted apart: jobs change all the time.
    enum RowKind {
        case work
        /// Trends, ideas, businesses.
        case others

        /// Of a table.
        init(_ table: String) { self = [Job.table, AgentExecution.table].contains(table) ? .work : .others }
    }

    /// Grows with each commit that may have changed rows of the kind, before whoever made it learns of it.
    func version(of kind: RowKind) -> Int { count(of: kind).value }

    /// Notes that a transaction changes rows.
    func noteChange(of kind: RowKind = .others, _ transaction: WriteTransaction) {
        transaction.afterCommit { [self] in count(of: kind).add() }
    }

    private func count(of kind: RowKind) -> AtomicCount { kind == .work ? workChanges : rowChanges }

    private func run<T>(_ body: (TrendTransaction) throws -> T, _ transaction: WriteTransaction) throws -> T {
        let transaction = TrendTransaction(transaction, of: self)
        defer { transaction.isOver = true }
        let result = try body(transaction)
        // A change that failed half-way must not be committed, also if `body` caught its error.
        if let failure = transaction.failure { throw failure }
        publishLater(transaction)
        return result
    }

    /// Once the changes are committed, whoever waits for events learns of them.
    func publishLater(_ transaction: TrendTransaction) {
        guard !transaction.noted.isEmpty else { return }
        let (noted, ended) = (transaction.noted, transaction.endedExecutions)
        transaction.transaction.afterCommit { [self] in
            events.append(noted)
            if let observe = executionObserver.withLock({ $0 }) { ended.forEach(observe) }
        }
    }

    /// Calls `observe` on the writer thread with each run of an agent that has ended, once that is committed. It must not block. There
    /// is one observer: a later one takes its place.
    public func observeEndedExecutions(_ observe: @escaping @Sendable (AgentExecution) -> Void) {
        executionObserver.withLock { $0 = observe }
    }

    /// Creates the collections that are missing. Throws `.conflict` for one that somebody else made.
    private func prepareCollections() throws {
        for name in [Trend.table, Idea.table] where !keeps(name) {
            // Another one may go or come between the two steps.
            for _ in 0..<3 where !keeps(name) {
                do { try engine.createCollection(name, Self.collectionConfiguration) } catch EngineError.conflict {
                    // It is there, or an alias is.
                }
                do { try engine.write { [self] in try takeOver(name, $0) } } catch {
                    // The row that says so isn't there.
                    kept.withLock { _ = $0.remove(name) }
                    throw error
                }
            }
            guard keeps(name) else {
                throw TrendStoreError.conflict(
                    "The collection `\(name)` can't be made: something else has the name, perhaps an alias")
            }
        }
    }

    /// Whether a collection has the vectors that embeddings are stored as.
    static func fits(_ configuration: CollectionConfiguration) -> Bool {
        guard configuration.isUnnamed, let vector = configuration.vectors[""] else { return false }
        return vector.size == embeddingDimensions && vector.distance == .cosine
    }

    /// Makes a collection the store's own, if there is one of this very name.
    private func takeOver(_ name: String, _ transaction: WriteTransaction) throws {
        guard !keeps(name), let (configuration, isEmpty) = try transaction.settings(of: name) else { return }
        guard isEmpty, Self.fits(configuration) else {
            throw TrendStoreError.conflict(
                """
                The collection `\(name)` was made by somebody else, and is left alone. The store takes one over that is \
                empty and has one unnamed vector of \(Self.embeddingDimensions) dimensions and cosine distance; \
                otherwise delete it, or move its points to a collection of another name
                """)
        }
        try transaction.database.execute(
            sql: """
                INSERT OR REPLACE INTO trend_store_collections (name, collection)
                SELECT name, id FROM collections WHERE name = ?
                """, arguments: [name])
        // At once: the next job of the same group may be one that deletes the collection.
        kept.withLock { _ = $0.insert(name) }
    }

    /// Deletes all trends and ideas with everything that belongs to them, and the store's collections, which the next change
    /// makes anew. If it is interrupted, it may be called again.
    public func reset() throws {
        try engine.write(mayUseReserve: true) { [self] transaction in
            noteChange(transaction)
            try transaction.database.execute(sql: "DELETE FROM trends")
        }
        for name in [Trend.table, Idea.table] where keeps(name) {
            _ = try engine.deleteCollection(name, isByKeeper: true)
            try engine.write(mayUseReserve: true) { transaction in
                try transaction.database.execute(
                    sql: "DELETE FROM trend_store_collections WHERE name = ?", arguments: [name])
            }
            kept.withLock { _ = $0.remove(name) }
        }
    }

    static var collectionConfiguration: CollectionConfiguration {
        CollectionConfiguration(
            vectors: ["": VectorParameters(size: embeddingDimensions, distance: .cosine)],
            quantization: .scalar(ScalarQuantizationConfiguration(quantile: 0.99)),
            // What a collection reports that was created without settings of its own.
            optimizers: [
                "deleted_threshold": 0.2, "vacuum_min_vector_number": 1000, "default_segment_number": 0,
                "max_segment_size": nil, "memmap_threshold": nil, "indexing_threshold": 10000,
                "flush_interval_sec": 5, "max_optimization_threads": nil,
            ],
            wal: ["wal_capacity_mb": 32, "wal_segments_ahead": 0, "wal_retain_closed": 1])
    }
}
