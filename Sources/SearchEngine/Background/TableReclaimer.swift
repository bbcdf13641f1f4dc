import GRDB
import Logging
import Synchronization

/// Empties and drops the tables of collections and generations that are no longer, a few rows at a time: dropping a large table
/// in one transaction would hold up the writer for as long as its pages take. A start goes on with what is left.
///
/// Then it gives free pages back to the disk, if the database keeps many.
final class TableReclaimer: Sendable {
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

    private struct State {
        var tables: [String] = []
        var isStopping = false
        var loop: BackgroundLoop?
    }

    private let state = Mutex(State())

    init(_ queue: WriteQueue, executor: any Executor, logger: Logger) {
        self.queue = queue
        self.executor = executor
        self.logger = logger
    }

    /// - Parameter tables: what an earlier run has left.
    func start(_ tables: [String]) {
        let loop = BackgroundLoop("trendex-reclaim", .background(nice: 10)) { [self] in step() }
        state.withLock { state in
            state.tables = tables
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

    /// Called on the writer thread by whoever makes a table of that name anew.
    func forget(_ table: String) { state.withLock { $0.tables.removeAll { $0 == table } } }

    private func step() -> BackgroundLoop.Next {
        let (table, isStopping) = state.withLock { ($0.tables.first, $0.isStopping) }
        if isStopping { return .ended }
        do {
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
