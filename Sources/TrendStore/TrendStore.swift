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
/// The collections are made by the first change, with 768 dimensions, cosine, and int8 codes at quantile 0.99; existing
/// ones are used if they have one unnamed vector of that size and distance. Points that have no row may stand beside
/// those of rows: searches pass over them, and `check` reports them.
public final class TrendStore: Sendable {
    /// Dimensions of every embedding.
    public static let embeddingDimensions = 768

    public let engine: Engine
    /// The collections whose settings are known to fit.
    private let prepared = Mutex<Set<String>>([])

    /// Uses the engine's storage, and creates the tables if they are missing.
    ///
    /// Throws `EngineError.storage` for tables that a newer program wrote.
    public init(engine: Engine) throws {
        self.engine = engine
        try engine.write { try Schema.prepare($0.database) }
    }

    /// Runs `body` in one durable transaction: all its changes are committed together or, when it throws, none.
    ///
    /// `body` runs on the engine's writer thread and holds up every other change: keep it short, and don't call the
    /// store or the engine from it. Its errors are thrown on as they are.
    public func write<T>(_ body: @escaping (TrendTransaction) throws -> T) throws -> T {
        try prepareCollections()
        return try engine.write { transaction in
            let transaction = TrendTransaction(transaction)
            defer { transaction.isOver = true }
            let result = try body(transaction)
            // A change that failed half-way must not be committed, also if `body` caught its error.
            if let failure = transaction.failure { throw failure }
            return result
        }
    }

    /// Creates the collections that are missing. Throws `.conflict` for one that can't hold the embeddings.
    private func prepareCollections() throws {
        for name in [Trend.table, Idea.table] {
            if !engine.collectionExists(name) {
                do {
                    try engine.createCollection(name, Self.collectionConfiguration)
                } catch EngineError.conflict {
                    // Another thread made it; it is looked at below.
                    prepared.withLock { _ = $0.remove(name) }
                }
            }
            guard !prepared.withLock({ $0.contains(name) }) else { continue }
            let configuration = try engine.collectionInfo(name, schema: false).configuration
            guard configuration.isUnnamed, let vector = configuration.vectors[""],
                vector.size == Self.embeddingDimensions, vector.distance == .cosine
            else {
                throw TrendStoreError.conflict(
                    """
                    The collection `\(name)` can't hold the embeddings of \(name): \
                    it must have one unnamed vector of \(Self.embeddingDimensions) dimensions and cosine distance
                    """)
            }
            prepared.withLock { _ = $0.insert(name) }
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
