import Foundation
import GRDB
import WordIndex

/// `trendex.sqlite3`: the only commit point. One serialized writer, a pool of readers.
package final class EngineDatabase: Sendable {
    package static let formatVersion = 4
    /// As much of the file is mapped rather than read.
    static let mappedBytes = 4 << 30
    /// For locks that another connection holds.
    static let busyMilliseconds = 10_000

    package let pool: DatabasePool
    private let path: String
    private let environment: Environment
    private let payloads: PayloadReader

    package init(path: String, durability: EngineConfiguration.Durability, environment: Environment) throws {
        self.path = path
        self.environment = environment
        var configuration = Configuration()
        payloads = PayloadReader(database: environment.databaseName(path))
        configuration.label = "trendex"
        configuration.maximumReaderCount = 16
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { db in
            if durability == .normal { try db.execute(sql: "PRAGMA wal_autocheckpoint = 0") }
            // Debian's SQLite zeroes what is deleted: on a full disk there is no room for that, and dropping takes as long as
            // writing did.
            try db.execute(sql: "PRAGMA secure_delete = OFF")
            // Has an effect before the first table alone. Free pages can be given back to the disk then.
            if !db.configuration.readonly { try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL") }
            try db.execute(sql: "PRAGMA cache_size = -65536")
            try db.execute(sql: "PRAGMA mmap_size = \(Self.mappedBytes)")
            try db.execute(sql: "PRAGMA journal_size_limit = \(64 << 20)")
            TextIndexes.prepare(db)
        }
        do {
            pool = try DatabasePool(path: environment.databaseName(path), configuration: configuration)
            try pool.writeWithoutTransaction { try Self.setDurability(durability, $0) }
            try pool.write { db in try Self.migrate(db) }
        } catch let error as EngineError {
            throw error
        } catch {
            throw EngineError.storage("Can't open the database \(path): \(error)")
        }
    }

    /// `full`: a commit returns after the log is synced. `normal`: the log is synced at checkpoints. Set on the writer
    /// once it is in WAL mode, because entering that mode sets it, too.
    private static func setDurability(_ durability: EngineConfiguration.Durability, _ db: GRDB.Database) throws {
        let level = durability == .full ? 2 : 1
        try db.execute(sql: "PRAGMA synchronous = \(level)")
        guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == level else {
            throw EngineError.storage("The database doesn't take the durability `\(durability.rawValue)`")
        }
    }

    /// A connection that only reads, whatever the format.
    static func reader(path: String, _ environment: Environment) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { TextIndexes.prepare($0) }
        return try DatabaseQueue(path: environment.databaseName(path), configuration: configuration)
    }

    /// The format's version; 0 for an empty database. Throws `.storage` for one that is newer than this program.
    static func knownVersion(_ db: GRDB.Database) throws -> Int {
        let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        guard version <= formatVersion else {
            throw EngineError.storage(
                "The storage has format \(version), which is newer than this program's format \(formatVersion)")
        }
        return version
    }

    private static func migrate(_ db: GRDB.Database) throws {
        let version = try knownVersion(db)
        if version == formatVersion { return }
        if version == 0 { try createTables(db) }
        if version == 1 { try db.execute(sql: "ALTER TABLE collections ADD COLUMN synced INTEGER NOT NULL DEFAULT 0") }
        if 1...2 ~= version {
            for table in try PointsTable.allNames(db) {
                try db.execute(sql: "ALTER TABLE \(table) ADD COLUMN payload_checksum INTEGER")
            }
        }
        try db.execute(sql: "PRAGMA user_version = \(formatVersion)")
    }

    private static func createTables(_ db: GRDB.Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE collections (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    name TEXT NOT NULL UNIQUE,
                    configuration TEXT NOT NULL,
                    generation INTEGER NOT NULL DEFAULT 0,
                    version INTEGER NOT NULL DEFAULT 0,
                    slots INTEGER NOT NULL DEFAULT 0,
                    synced INTEGER NOT NULL DEFAULT 0
                ) STRICT;
                CREATE TABLE aliases (
                    alias TEXT PRIMARY KEY,
                    collection INTEGER NOT NULL REFERENCES collections(id) ON DELETE CASCADE
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE payload_indexes (
                    collection INTEGER NOT NULL REFERENCES collections(id) ON DELETE CASCADE,
                    key TEXT NOT NULL,
                    schema TEXT NOT NULL,
                    PRIMARY KEY (collection, key)
                ) STRICT, WITHOUT ROWID;
                """)
    }

    /// `withoutLog`: moves the log into the database file before, which then is whole without it; wants the vectors on
    /// disk.
    package func close(withoutLog: Bool) throws {
        payloads.close()
        // A reader that is still at work keeps the log; the next start reads it.
        if withoutLog { _ = try? pool.writeWithoutTransaction { try $0.checkpoint(.truncate) } }
        try pool.close()
    }

    /// Makes every commit so far durable, also with durability `normal`. SQLite holds no lock on the log's own file, so
    /// that opening and closing it here loses none.
    package func syncLog() throws {
        let log = path + "-wal"
        if environment.files.exists(log) { try environment.files.open(log, create: false).sync() }
    }

    /// Runs `body` against one consistent snapshot. Blocks; about 13 µs beyond the body's own work.
    package func read<T>(_ body: (GRDB.Database) throws -> T) throws -> T {
        do {
            return try pool.read(body)
        } catch let error as DatabaseError {
            throw EngineError.storage("The database can't be read: \(error)")
        }
    }

    /// Calls `body` with the payloads at some slots in their order, `nil` where the row is gone, all of one snapshot.
    /// Throws `DatabaseError` with `SQLITE_ERROR` when there is no such table, and `ReadWouldWait` instead of waiting if it
    /// may not. Never waits for another reader.
    func forEachPayload(
        in table: PointsTable, at slots: some Collection<UInt32>, mayWait: Bool = true,
        _ body: (Payload?) throws -> Void
    ) throws {
        do {
            try payloads.forEachPayload(in: table, at: slots, mayWait: mayWait, body)
        } catch let error as DatabaseError where error.resultCode != .SQLITE_ERROR {
            throw EngineError.storage("The database can't be read: \(error)")
        }
    }

    /// Runs `body` in a transaction on the writer. While a `WriteQueue` is open, that is the queue's alone.
    package func write(_ body: (GRDB.Database) throws -> Void) throws {
        do {
            try pool.write(body)
        } catch let error as DatabaseError {
            throw engineError(error)
        }
    }
}
