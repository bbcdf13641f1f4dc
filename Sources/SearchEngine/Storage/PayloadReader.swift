import GRDB
import GRDBSQLite
import Synchronization

/// Reads payloads by slot, on connections that keep their statements: what searches wait for. The database's pool has
/// queues to pass, savepoints to compile and a schema to look after, which takes longer than the rows themselves.
///
/// Never waits for a connection: one is opened when all are in use, so there are as many as threads that read at once. Who
/// may not wait at all, for a file to be opened or a lock of the database, gets `ReadWouldWait`.
final class PayloadReader: Sendable {
    private struct Idle {
        var connections: [PayloadConnection] = []
        var isClosed = false
    }

    private let database: String
    private let idle = Mutex(Idle())

    /// - Parameter database: what SQLite is to open, a path or a URI.
    init(database: String) { self.database = database }

    /// Calls `body` with the payloads at some slots in their order, `nil` where the row is gone, all of one snapshot.
    /// Throws `DatabaseError`, with `SQLITE_ERROR` when there is no such table, and what `body` throws.
    func forEachPayload(
        in table: PointsTable, at slots: some Collection<UInt32>, mayWait: Bool, _ body: (Payload?) throws -> Void
    ) throws {
        let kept = idle.withLock { $0.connections.popLast() }
        guard kept != nil || mayWait else { throw ReadWouldWait() }
        let connection = try kept ?? PayloadConnection(database)
        do {
            connection.waitForLocks(mayWait)
            try connection.forEachPayload(in: table, at: slots, body)
        } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY && !mayWait {
            keep(connection)
            throw ReadWouldWait()
        } catch let error as DatabaseError where error.resultCode != .SQLITE_ERROR {
            // The connection may be to blame, so it is not used again.
            throw error
        } catch {
            keep(connection)
            throw error
        }
        keep(connection)
    }

    private func keep(_ connection: PayloadConnection) {
        guard !connection.isInTransaction else { return }
        idle.withLock { idle in
            if !idle.isClosed { idle.connections.append(connection) }
        }
    }

    /// Closes the connections; one that is in use when its read ends.
    func close() {
        idle.withLock { idle in
            idle.isClosed = true
            idle.connections = []
        }
    }
}

/// A read would wait on a thread that must not.
struct ReadWouldWait: Error {}

/// A connection for one thread at a time.
private final class PayloadConnection: @unchecked Sendable {
    /// Of tables that were read lately, dropped ones among them.
    private static let maximumStatements = 64

    private let handle: OpaquePointer
    private var busyMilliseconds = 0
    private var begin: OpaquePointer?
    private var commit: OpaquePointer?
    private var selects: [String: OpaquePointer] = [:]

    init(_ database: String) throws {
        var handle: OpaquePointer?
        let code = sqlite3_open_v2(database, &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, nil)
        guard code == SQLITE_OK, let handle else {
            let message = handle.map { String(cString: sqlite3_errmsg($0)) }
            sqlite3_close_v2(handle)
            throw DatabaseError(resultCode: ResultCode(rawValue: code), message: message)
        }
        self.handle = handle
        // Maps the file: pages are read where the system caches them.
        sqlite3_exec(handle, "PRAGMA mmap_size = \(EngineDatabase.mappedBytes)", nil, nil, nil)
        begin = try prepare("BEGIN")
        commit = try prepare("COMMIT")
    }

    deinit {
        for statement in selects.values { sqlite3_finalize(statement) }
        sqlite3_finalize(begin)
        sqlite3_finalize(commit)
        sqlite3_close_v2(handle)
    }

    /// Whether reads from now on wait for a lock that another connection holds.
    func waitForLocks(_ waits: Bool) {
        let milliseconds = waits ? EngineDatabase.busyMilliseconds : 0
        guard milliseconds != busyMilliseconds else { return }
        sqlite3_busy_timeout(handle, Int32(milliseconds))
        busyMilliseconds = milliseconds
    }

    /// Only if ending the last one failed.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    func forEachPayload(
        in table: PointsTable, at slots: some Collection<UInt32>, _ body: (Payload?) throws -> Void
    ) throws {
        let select = try select(table)
        try run(begin)
        defer { try? run(commit) }
        try table.forEachPayload(at: slots, from: select, handle, body)
    }

    private func select(_ table: PointsTable) throws -> OpaquePointer {
        if let select = selects[table.name] { return select }
        if selects.count >= Self.maximumStatements {
            for statement in selects.values { sqlite3_finalize(statement) }
            selects = [:]
        }
        let select = try prepare(table.payloadQuery)
        selects[table.name] = select
        return select
    }

    private func prepare(_ sql: String) throws -> OpaquePointer {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw failure(code) }
        return statement
    }

    private func run(_ statement: OpaquePointer?) throws {
        let code = sqlite3_step(statement)
        sqlite3_reset(statement)
        guard code == SQLITE_DONE else { throw failure(code) }
    }

    private func failure(_ code: Int32) -> DatabaseError {
        DatabaseError(resultCode: ResultCode(rawValue: code), message: String(cString: sqlite3_errmsg(handle)))
    }
}
