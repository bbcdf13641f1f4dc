import GRDB
import Logging
import Synchronization

/// Empties and drops the tables of collections and generations that are no longer, a few rows at a time: dropping a large table
/// in one transaction would hold up the writer for as long as its pages take. A start goes on with what is left.
///
/// It takes the bits of deleted vectors from the rows, some rows at a time, and then removes the vectors' files. And
/// it gives free pages back to the disk, if the database keeps many.
final class Reclaimer: Sendable {
    private static let rowsPerTransaction = 2_000
    private static let pagesPerTransaction = 1_000
    /// Free pages are given back when they are this part of the file.
    private static let freeShare = 4
    /// 4 MiB: so few stay for the next writes.
    private static let leastFreePages = 1_024
    /// After a failure: the disk may be full.
    private static let retryDelay = Duration.seconds(5)

    private let queue: WriteQueue
    private let logger: Logger
    private let executor: any Executor

    /// A deleted vector that rows of a collection's table may still have.
    private struct Vector {
        let id: VectorID
        let collection: PointCollection
        /// Rows below have it no more.
        var slot = 0
    }

    private struct State {
        var tables: [String] = []
        var vectors: [Vector] = []
        var isStopping = false
        var loop: BackgroundLoop?
    }

    private let state = Mutex(State())

    init(_ queue: WriteQueue, environment: Environment, logger: Logger) {
        self.queue = queue
        executor = environment.executor
        self.logger = logger
    }

    /// - Parameters:
    ///   - tables: what an earlier run has left.
    ///   - collections: looked through for deleted vectors.
    func start(_ tables: [String], _ collections: [PointCollection]) {
        let loop = BackgroundLoop("trendex-reclaim", .background(nice: 10)) { [self] in step() }
        state.withLock { state in
            state.tables = tables
            state.vectors = collections.flatMap { collection in
                collection.configuration.vectorRegistry.leaving.map { Vector(id: $0.entry.id, collection: collection) }
            }
            state.loop = loop
        }
        executor.start(loop)
    }

    func stop() {
        let loop = state.withLock { state in
            state.isStopping = true
            return state.loop
        }
        if let loop { executor.end([loop]) }
    }

    /// Takes over tables that the database must no longer name as a collection's.
    func reclaim(_ tables: [String]) {
        let loop = state.withLock { state in
            state.tables += tables
            return state.loop
        }
        loop?.wake()
    }

    /// Takes over a vector that points have no more, but rows of the table.
    func reclaim(_ vector: VectorID, of collection: PointCollection) {
        let loop = state.withLock { state in
            state.vectors.append(Vector(id: vector, collection: collection))
            return state.loop
        }
        loop?.wake()
    }

    /// Called on the writer thread by whoever makes a table of that name anew.
    func forget(_ table: String) { state.withLock { $0.tables.removeAll { $0 == table } } }

    private func step() -> BackgroundLoop.Next {
        let (table, vector, isStopping) = state.withLock { ($0.tables.first, $0.vectors.first, $0.isStopping) }
        if isStopping { return .ended }
        do {
            if let vector {
                try clear(vector)
                return .again
            }
            guard let table else { return try shrink() ? .again : .whenWoken }
            if try isGone(table) { state.withLock { $0.tables.removeAll { $0 == table } } }
            return .again
        } catch {
            // The engine may be stopping.
            if state.withLock({ $0.isStopping }) { return .ended }
            logger.warning("Free space can't be reclaimed yet", metadata: ["why": "\(error)"])
            return .after(Self.retryDelay)
        }
    }

    /// Takes the vector's bit from some rows, or ends it when there are none.
    private func clear(_ vector: Vector) throws {
        let (id, collection) = (vector.id, vector.collection)
        let next: Int? = try queue.perform(freeing: FreeingJob()) { transaction in
            // A vector that is gone, or was never committed, has nothing left.
            guard !collection.isDropped, let field = collection.generation.leaving.first(where: { $0.id == id }) else {
                return nil
            }
            return try collection.generation.clear(
                field, from: vector.slot, most: Self.rowsPerTransaction, transaction.database)
        }
        if let next { return state.withLock { $0.vectors[0].slot = next } }
        try forget(vector)
        state.withLock { _ = $0.vectors.removeFirst() }
    }

    /// Ends a vector that no row has any more.
    private func forget(_ vector: Vector) throws {
        let (id, collection) = (vector.id, vector.collection)
        try queue.perform(alone: true, freeing: FreeingJob()) { transaction in
            let generation = collection.generation
            guard !collection.isDropped, let field = generation.leaving.first(where: { $0.id == id }) else { return }
            var new = collection.configuration
            var registry = new.vectorRegistry
            registry.forget(id)
            new.registry = registry
            try transaction.store(new, of: collection)
            transaction.afterCommit(durably: true) {
                collection.lock.write {
                    collection.configuration = new
                    generation.forget(id)
                }
                try? field.site.removeFiles()
                // A compaction may have waited for this.
                collection.onChange.withLock { $0 }?()
            }
        }
    }

    /// Deletes some rows, or the table when there are none. Returns whether it is gone.
    private func isGone(_ table: String) throws -> Bool {
        try queue.perform(freeing: FreeingJob()) { [self] transaction in
            let db = transaction.database
            // It may have been made anew.
            guard state.withLock({ $0.tables.contains(table) }) else { return true }
            guard try db.tableExists(table) else { return true }
            let end = try Int64.fetchOne(
                db, sql: "SELECT slot FROM \(table) ORDER BY slot LIMIT 1 OFFSET \(Self.rowsPerTransaction)")
            if let end {
                try db.execute(sql: "DELETE FROM \(table) WHERE slot < ?", arguments: [end])
                return false
            }
            try db.execute(sql: "DROP TABLE \(table)")
            return true
        }
    }

    /// Gives some free pages back to the disk. Returns whether there are more.
    private func shrink() throws -> Bool {
        try queue.perform { transaction in
            let db = transaction.database
            let free = try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
            let all = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            guard free >= Self.leastFreePages, free * Self.freeShare >= all else { return false }
            // Does nothing in a database that was made before this was thought of.
            guard try Int.fetchOne(db, sql: "PRAGMA auto_vacuum") == 2 else { return false }
            try db.execute(sql: "PRAGMA incremental_vacuum(\(Self.pagesPerTransaction))")
            return true
        }
    }
}

extension Generation {
    /// Rows looked at in one transaction, most of which may lack the vector.
    private static let rowsLookedAt = 20_000

    /// Takes a deleted vector's bit from rows at a slot and behind. On the writer thread.
    ///
    /// - Returns: where to go on; `nil` when no row is left.
    fileprivate func clear(_ vector: any VectorField, from slot: Int, most: Int, _ db: GRDB.Database) throws -> Int? {
        guard slot < points.slotCount else { return nil }
        let end = min(slot + Self.rowsLookedAt, points.slotCount)
        let fields = storedFields
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT slot, vectors FROM \(table.name) WHERE slot >= ?1 AND slot < ?2 AND vectors & ?3 <> 0
                ORDER BY slot LIMIT ?4
                """, arguments: [slot, end, Int64(bitPattern: vector.bit), most])
        let update = try db.cachedStatement(
            sql: "UPDATE \(table.name) SET vectors = ?, checksum = ? WHERE slot = ?")
        for row in rows {
            let slot: Int64 = row[0]
            let vectors = UInt64(bitPattern: row[1] as Int64) & ~vector.bit
            let left = PointRow(slot: UInt32(slot), id: .number(0), version: 0, vectors: vectors)
            let checksum = Self.checksum(left, fields)
            try update.execute(arguments: [Int64(bitPattern: vectors), Int64(bitPattern: checksum), slot])
        }
        return rows.count < most ? end : Int(rows.last![0] as Int64) + 1
    }
}
