import GRDB
import Logging
import Synchronization

/// The one writer: takes the waiting jobs as a group, runs each in a savepoint of one SQLite transaction,
/// syncs the vector files, commits, publishes the changes in memory, and only then answers.
///
/// Concurrent callers so share one sync and one commit (group commit). A job that throws is rolled back
/// alone. An update whose filter needs payload indexes that are not there keeps its place until they are built (`WriteGate`).
/// When a sync or the commit itself fails in a way that leaves the disk's state unknown, the queue
/// stops for good: nothing is retried, and a restart recovers what is committed.
package final class WriteQueue: @unchecked Sendable {
    package typealias Body = (WriteTransaction) throws -> Void

    /// Handed from the thread that submits it to the writer, and never shared.
    private struct Job: @unchecked Sendable {
        /// Runs in a group of its own.
        var isAlone: Bool
        var freeing: FreeingJob?
        /// Of what it writes.
        var bytes = 0
        var gate: WriteGate?
        var body: Body
        var completion: (Result<Void, any Error>) -> Void
    }

    /// More jobs than this wait for the next group, so that a burst can't hold back its first answer for long.
    private static let maximumGroupSize = 256

    /// A row touches a page of the table, one of the ids' index, and some of its payload's.
    private static let reserveBytesPerRow = 16 << 10
    private static let fewestRows = 16
    /// Of the space that is set aside, for those that add vectors first: a part of what drops don't need.
    private static let reserveForDrops = 1 << 20
    private static let shareForGrowth = 4

    private let database: EngineDatabase
    private let durability: EngineConfiguration.Durability
    private let executor: any Executor
    private let reserve: DiskReserve
    /// Of the jobs that wait, or are being made.
    let budget: ByteBudget
    private let logger: Logger
    /// Held from before a commit until memory shows it: whoever holds it finds the database and memory equal.
    package let publication = TimedLock()

    private struct State {
        var jobs: [Job] = []
        var isClosing = false
        var isSaved = false
        var failure: EngineError?
    }

    private let state = Mutex(State())
    /// Set once by `init`.
    private var loop: BackgroundLoop?
    /// Writer thread only; `normal` durability.
    private var unsyncedFields: [any VectorField] = []
    private var groupsSinceCheckpoint = 0
    private static let groupsPerCheckpoint = 64
    /// They stay open until they are synced.
    private static let mostUnsyncedFields = 64

    init(
        database: EngineDatabase, durability: EngineConfiguration.Durability, environment: Environment,
        reserve: DiskReserve,
        budget: ByteBudget, logger: Logger
    ) {
        self.database = database
        self.durability = durability
        executor = environment.executor
        self.reserve = reserve
        self.budget = budget
        reserve.make()
        self.logger = logger
        let loop = BackgroundLoop("trendex-writer", .foreground) { [self] in step() }
        self.loop = loop
        executor.start(loop)
    }

    /// Queues a job. `completion` is called on the writer thread once the job is durable and published, or failed.
    ///
    /// - Parameters:
    ///   - freeing: for a job that only takes things away, and so may use the space that is set aside for a full disk.
    ///   - bytes: of what the job writes. When too many wait already, the job fails with `.busy`.
    ///   - gate: of an update that is tried again when it throws `PayloadIndexesMissing`.
    func submit(
        alone: Bool = false, freeing: FreeingJob? = nil, bytes: Int = 0, gate: WriteGate? = nil, _ body: @escaping Body,
        completion: @escaping (Result<Void, any Error>) -> Void
    ) {
        let job = Job(isAlone: alone, freeing: freeing, bytes: bytes, gate: gate, body: body, completion: completion)
        let refusal: EngineError? = state.withLock { state in
            if let failure = state.failure { return failure }
            if state.isClosing { return EngineError.unavailable("The engine is stopping") }
            guard bytes == 0 || budget.take(bytes) else {
                return EngineError.busy(
                    "Changes of \(budget.usedBytes >> 20) MiB wait for the writer already; try again when they are made"
                )
            }
            state.jobs.append(job)
            return nil
        }
        if let refusal { completion(.failure(refusal)) } else { loop?.wake() }
    }

    /// Runs a job and waits for it, but not beyond the deadline: then it throws `.timeout`, and the job is done later.
    /// Must not be called from inside a job.
    func perform<T>(
        alone: Bool = false, freeing: FreeingJob? = nil, bytes: Int = 0, gate: WriteGate? = nil,
        until deadline: Deadline? = nil,
        _ body: @escaping (WriteTransaction) throws -> T
    ) throws -> T {
        let done = Latch()
        nonisolated(unsafe) var value: T?
        nonisolated(unsafe) var outcome: Result<Void, any Error> = .success(())
        submit(alone: alone, freeing: freeing, bytes: bytes, gate: gate) {
            value = try body($0)
        } completion: {
            outcome = $0
            done.open()
        }
        guard executor.wait(for: done, until: deadline) else { throw timedOut("Update") }
        try outcome.get()
        return value!
    }

    /// Waits for the queued jobs and ends the thread. Answers whether all that is committed is on disk.
    package func close() -> Bool {
        state.withLock { $0.isClosing = true }
        if let loop { executor.end([loop]) }
        return state.withLock { $0.isSaved }
    }

    private func step() -> BackgroundLoop.Next {
        let (group, isOver) = state.withLock { state in
            (Self.takeGroup(&state), state.isClosing && state.jobs.isEmpty)
        }
        if group.isEmpty {
            guard isOver else { return .whenWoken }
            finish()
            return .ended
        }
        commit(group)
        return .again
    }

    /// The next jobs that can be made together, in their order.
    private static func takeGroup(_ state: inout State) -> [Job] {
        var group: [Job] = []
        var left: [Job] = []
        // Collections whose later updates wait for one whose client has its answer.
        var heldUp: Set<ObjectIdentifier> = []
        for (place, job) in state.jobs.enumerated() {
            if let gate = job.gate, !state.isClosing {
                if !gate.isOpen {
                    if gate.isAnswered { heldUp.insert(gate.collection) }
                    left.append(job)
                    continue
                }
                if heldUp.contains(gate.collection) {
                    left.append(job)
                    continue
                }
            }
            if job.isAlone && group.isEmpty {
                state.jobs = left + state.jobs[(place + 1)...]
                return [job]
            }
            if job.isAlone || group.count == maximumGroupSize {
                state.jobs = left + state.jobs[place...]
                return group
            }
            group.append(job)
        }
        state.jobs = left
        return group
    }

    /// Closing the database checkpoints it, so the vectors go first.
    private func finish() {
        var isSaved = false
        do {
            if state.withLock({ $0.failure == nil }) {
                try syncFields()
                try database.write { try StorageLoader.markSynced($0) }
                isSaved = true
            }
        } catch {
            logger.error("The vectors can't be synced; the next start checks them", metadata: ["error": "\(error)"])
        }
        state.withLock { $0.isSaved = isSaved }
    }

    private func commit(_ group: [Job]) {
        var results = results(of: group)
        let isRefused = group.count > 1 && results.allSatisfy(\.isDiskFull)
        for (place, job) in group.enumerated() where results[place].isDiskFull {
            // One that needs much space must not fail the others.
            if isRefused { results[place] = self.results(of: [job])[0] }
            guard results[place].isDiskFull, let freeing = job.freeing else { continue }
            results[place] = resultWithReserve(of: job, freeing)
        }
        answer(group, results)
    }

    /// Tries a job again with the space that is set aside for it.
    private func resultWithReserve(of job: Job, _ freeing: FreeingJob) -> Result<Void, any Error> {
        if let growth = freeing.growth {
            let bytes = try? database.pool.writeWithoutTransaction { try growth(WriteTransaction(database: $0)) }
            guard let bytes, bytes <= (reserve.bytes - Self.reserveForDrops) / Self.shareForGrowth else {
                return .failure(
                    EngineError.diskFull(
                        "A point that loses a vector is written anew, for which there is no space; delete points or collections first"
                    ))
            }
        }
        let rows = max(Self.fewestRows, reserve.bytes / Self.reserveBytesPerRow)
        reserve.release()
        // What the log holds goes to its place in the database, and the log begins anew.
        emptyLog()
        var result = results(of: [job])[0]
        emptyLog()
        if let part = freeing.part, result.isDiskFull {
            var isLast = false
            repeat {
                let job = Job(isAlone: true) {
                    isLast = try part($0, rows)
                } completion: { _ in
                }
                result = results(of: [job])[0]
                emptyLog()
            } while !isLast && !result.isFailure
        }
        if !reserve.make() {
            logger.warning("The disk is full, and has no room for further deletions; free some space")
        }
        return result
    }

    /// Without waiting for readers that need the log.
    private func emptyLog() {
        try? database.pool.writeWithoutTransaction { db in
            if durability == .normal { try syncFields() }
            try db.execute(sql: "PRAGMA busy_timeout = 0")
            defer { try? db.execute(sql: "PRAGMA busy_timeout = \(EngineDatabase.busyMilliseconds)") }
            _ = try db.checkpoint(.truncate)
        }
    }

    /// Makes one transaction of the jobs.
    private func results(of group: [Job]) -> [Result<Void, any Error>] {
        var results: [Result<Void, any Error>] = []
        do {
            try database.pool.writeWithoutTransaction { db in
                let transaction = WriteTransaction(database: db)
                var committing = false
                do {
                    defer { if committing { publication.unlock() } }
                    try db.inTransaction(.immediate) {
                        for job in group { results.append(try run(job, in: transaction, db)) }
                        try transaction.finish(isSynced: durability == .full)
                        publication.lock()
                        committing = true
                        if durability == .full { for field in transaction.fields { try field.sync() } }
                        return .commit
                    }
                    if durability == .normal {
                        for field in transaction.fields where !unsyncedFields.contains(where: { $0 === field }) {
                            unsyncedFields.append(field)
                        }
                        if transaction.needsDurableCommit {
                            try syncFields()
                            try database.syncLog()
                        }
                    }
                    transaction.publish()
                } catch {
                    transaction.abandon()
                    // Before this point nothing was asked of the disk but SQLite's own log, which it rolls back.
                    if committing && !isOutOfSpace(error) { stop(after: error) }
                    throw error
                }
                if durability == .normal { checkpointLater(db) }
            }
        } catch {
            let reported = engineError(error)
            results = group.map { _ in .failure(reported) }
        }
        return results
    }

    private func answer(_ group: [Job], _ results: [Result<Void, any Error>]) {
        var delayed: [Job] = []
        for (job, result) in zip(group, results) {
            if let gate = job.gate, case .failure(let missing as PayloadIndexesMissing) = result {
                delayed.append(job)
                gate.wait(for: missing) { [self] in loop?.wake() }
            } else {
                end(job, result)
            }
        }
        guard !delayed.isEmpty else { return }
        let first = delayed
        // In front of all that came later. When storage has failed, nothing is made any more.
        let failure: EngineError? = state.withLock { state in
            if state.failure == nil { state.jobs.insert(contentsOf: first, at: 0) }
            return state.failure
        }
        if let failure { for job in delayed { end(job, .failure(failure)) } }
    }

    private func end(_ job: Job, _ result: Result<Void, any Error>) {
        if job.bytes > 0 { budget.give(job.bytes) }
        job.completion(result)
    }

    /// One job in its savepoint. Throws only what ends the whole group.
    private func run(_ job: Job, in transaction: WriteTransaction, _ db: GRDB.Database) throws -> Result<
        Void, any Error
    > {
        transaction.mark()
        var outcome: Result<Void, any Error> = .success(())
        try db.inSavepoint {
            do {
                try job.body(transaction)
                return .commit
            } catch {
                outcome = .failure(engineError(error))
                transaction.rollbackToMark()
                // SQLite has rolled back everything where the disk was full in the middle.
                guard db.isInsideTransaction else { throw error }
                return .rollback
            }
        }
        return outcome
    }

    /// With `normal` durability the log may reach the database only after the vectors that it names are on
    /// disk, so checkpoints are made here and not by SQLite.
    private func checkpointLater(_ db: GRDB.Database) {
        groupsSinceCheckpoint += 1
        guard groupsSinceCheckpoint >= Self.groupsPerCheckpoint || unsyncedFields.count > Self.mostUnsyncedFields else {
            return
        }
        do {
            try syncFields()
            try StorageLoader.markSynced(db)
            groupsSinceCheckpoint = 0
            _ = try db.checkpoint(.passive)
        } catch {
            stop(after: error)
        }
    }

    private func syncFields() throws {
        for field in unsyncedFields { try field.sync() }
        unsyncedFields = []
    }

    private func stop(after error: any Error) {
        let failure = EngineError.unavailable("Storage failed and must be recovered by a restart: \(error)")
        logger.critical("Storage failed; no more writes are accepted", metadata: ["error": "\(error)"])
        let waiting = state.withLock { state in
            state.failure = failure
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in waiting { end(job, .failure(failure)) }
    }
}

private func isOutOfSpace(_ error: any Error) -> Bool {
    if case EngineError.diskFull = engineError(error) { true } else { false }
}

/// What a job needs that only takes things away, so that it is done on a full disk.
struct FreeingJob {
    /// Does the next part of the job, of so many rows, and returns whether nothing was left. For a disk without room for the
    /// log of the whole.
    let part: ((WriteTransaction, Int) throws -> Bool)?
    /// Bytes of vectors that the job adds before a compaction gives more back: it must not use up what drops need.
    let growth: ((WriteTransaction) throws -> Int)?

    init(part: ((WriteTransaction, Int) throws -> Bool)? = nil, growth: ((WriteTransaction) throws -> Int)? = nil) {
        self.part = part
        self.growth = growth
    }
}

extension Result {
    fileprivate var isFailure: Bool {
        if case .failure = self { true } else { false }
    }

    fileprivate var isDiskFull: Bool {
        if case .failure(let error) = self { isOutOfSpace(error) } else { false }
    }
}

/// What callers see of any error.
package func engineError(_ error: any Error) -> any Error {
    guard let error = error as? DatabaseError else { return error }
    // The index of the log is a file as well.
    let isFull = error.resultCode == .SQLITE_FULL || error.extendedResultCode == .SQLITE_IOERR_SHMSIZE
    return isFull
        ? EngineError.diskFull("The disk is full: \(error)") : EngineError.storage("The database failed: \(error)")
}
