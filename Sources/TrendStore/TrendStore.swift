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
    /// The collections that are the store's own.
    let kept = Mutex<Set<String>>([])

    /// Uses the engine's storage, creates the tables if they are missing, and takes those of an earlier format over. From then
    /// on the store keeps its collections (``CollectionKeeper``), as long as it lives.
    ///
    /// Throws `EngineError.storage` for tables that a newer program wrote.
    public init(engine: Engine) throws {
        self.engine = engine
        let (names, isMirrored) = try engine.write(mayUseReserve: true) { transaction in
            let db = transaction.database
            try Schema.prepare(db)
            return (try Schema.keptCollections(db), try Schema.isMirrored(db))
        }
        kept.withLock { $0 = names }
        if !isMirrored {
            _ = try repair()
            try engine.write { try Schema.setMirrored($0.database) }
        }
        engine.setKeeper(self)
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

    /// Creates the collections that are missing. Throws `.conflict` for one that somebody else made.
    private func prepareCollections() throws {
        for name in [Trend.table, Idea.table] where !keeps(name) {
            if !engine.collectionExists(name) {
                do { try engine.createCollection(name, Self.collectionConfiguration) } catch EngineError.conflict {
                    // Another thread made it; it is looked at below.
                }
            }
            let info = try engine.collectionInfo(name, schema: false)
            guard info.configuration.isUnnamed, let vector = info.configuration.vectors[""],
                vector.size == Self.embeddingDimensions, vector.distance == .cosine, info.pointsCount == 0
            else {
                throw TrendStoreError.conflict(
                    """
                    The collection `\(name)` was made by somebody else, and is left alone. The store takes one over that is \
                    empty and has one unnamed vector of \(Self.embeddingDimensions) dimensions and cosine distance; \
                    otherwise delete it, or move its points to a collection of another name
                    """)
            }
            try engine.write { transaction in
                try transaction.database.execute(
                    sql: """
                        INSERT OR REPLACE INTO trend_store_collections (name, collection)
                        SELECT name, id FROM collections WHERE name = ?
                        """, arguments: [name])
            }
            kept.withLock { _ = $0.insert(name) }
        }
    }

    /// Deletes all trends and ideas with everything that belongs to them, and the store's collections, which the next change
    /// makes anew. If it is interrupted, it may be called again.
    public func reset() throws {
        try engine.write { try $0.database.execute(sql: "DELETE FROM trends") }
        for name in [Trend.table, Idea.table] where keeps(name) {
            _ = try engine.deleteCollection(name, isByKeeper: true)
            try engine.write { transaction in
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
