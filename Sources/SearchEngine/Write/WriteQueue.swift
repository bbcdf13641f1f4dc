import Foundation
import GRDB
import Logging
import Synchronization

/// The one writer: takes the waiting jobs as a group, runs each in a savepoint of one SQLite transaction,
/// syncs the vector files, commits, publishes the changes in memory, and only then answers.
///
/// Concurrent callers so share one sync and one commit (group commit). A job that throws is rolled back
/// alone. When a sync or the commit itself fails in a way that leaves the disk's state unknown, the queue
/// stops for good: nothing is retried, and a restart recovers what is committed.
package final class WriteQueue: @unchecked Sendable {
    package typealias Body = (WriteTransaction) throws -> Void

    private struct Job {
        /// Runs in a group of its own.
        var isAlone: Bool
        var body: Body
        var completion: (Result<Void, any Error>) -> Void
    }

    /// More jobs than this wait for the next group, so that a burst can't hold back its first answer for long.
    private static let maximumGroupSize = 256

    private let database: EngineDatabase
    private let durability: EngineConfiguration.Durability
    private let fileSystem: any FileSystem
    private let logger: Logger
    /// Held from before a commit until memory shows it: whoever holds it finds the two equal.
    package let publication = NSLock()
    private let condition = NSCondition()
    private var jobs: [Job] = []
    private var isClosing = false
    private var isStopped = false
    private var isSaved = false
    private var failure: EngineError?
    /// Writer thread only; `normal` durability.
    private var unsyncedFiles: [ObjectIdentifier: VectorFile] = [:]
    private var groupsSinceCheckpoint = 0
    private static let groupsPerCheckpoint = 64

    package init(
        database: EngineDatabase, durability: EngineConfiguration.Durability, fileSystem: any FileSystem, logger: Logger
    ) {
        self.database = database
        self.durability = durability
        self.fileSystem = fileSystem
        self.logger = logger
        let thread = Thread { [self] in run() }
        thread.name = "trendex-writer"
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Queues a job. `completion` is called on the writer thread once the job is durable and published, or failed.
    package func submit(
        alone: Bool = false, _ body: @escaping Body, completion: @escaping (Result<Void, any Error>) -> Void
    ) {
        condition.lock()
        if let failure {
            condition.unlock()
            completion(.failure(failure))
        } else if isClosing {
            condition.unlock()
            completion(.failure(EngineError.unavailable("The engine is stopping")))
        } else {
            jobs.append(Job(isAlone: alone, body: body, completion: completion))
            condition.signal()
            condition.unlock()
        }
    }

    /// Runs a job and waits for it, but not beyond the deadline: then it throws `.timeout`, and the job is done later.
    /// Must not be called from inside a job.
    package func perform<T>(
        alone: Bool = false, until deadline: Deadline? = nil, _ body: @escaping (WriteTransaction) throws -> T
    ) throws -> T {
        let done = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var value: T?
        nonisolated(unsafe) var outcome: Result<Void, any Error> = .success(())
        submit(alone: alone) {
            value = try body($0)
        } completion: {
            outcome = $0
            done.signal()
        }
        if let deadline {
            guard done.wait(timeout: deadline.dispatchTime) == .success else { throw timedOut("Update") }
        } else {
            done.wait()
        }
        try outcome.get()
        return value!
    }

    /// Waits for the queued jobs and ends the thread. Answers whether all that is committed is on disk.
    package func close() -> Bool {
        condition.lock()
        defer { condition.unlock() }
        isClosing = true
        condition.broadcast()
        while !isStopped { condition.wait() }
        return isSaved
    }

    private func run() {
        while true {
            condition.lock()
            while jobs.isEmpty && !isClosing { condition.wait() }
            if jobs.isEmpty {
                condition.unlock()
                finish()
                return
            }
            let together = jobs.prefix(Self.maximumGroupSize).prefix { !$0.isAlone }
            let group = together.isEmpty ? [jobs[0]] : Array(together)
            jobs.removeFirst(group.count)
            condition.unlock()
            commit(group)
        }
    }

    /// Closing the database checkpoints it, so the vectors go first.
    private func finish() {
        var isSaved = false
        do {
            if failure == nil {
                try syncFiles()
                try database.write { try StorageLoader.markSynced($0) }
                isSaved = true
            }
        } catch {
            logger.error("The vectors can't be synced; the next start checks them", metadata: ["error": "\(error)"])
        }
        condition.lock()
        self.isSaved = isSaved
        isStopped = true
        condition.broadcast()
        condition.unlock()
    }

    private func commit(_ group: [Job]) {
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
                        if durability == .full { for file in transaction.files { try file.sync() } }
                        return .commit
                    }
                    if durability == .normal {
                        for file in transaction.files { unsyncedFiles[ObjectIdentifier(file)] = file }
                        if transaction.needsDurableCommit {
                            try syncFiles()
                            try database.syncLog(fileSystem)
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
        for (job, result) in zip(group, results) { job.completion(result) }
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
                return .rollback
            }
        }
        return outcome
    }

    /// With `normal` durability the log may reach the database only after the vectors that it names are on
    /// disk, so checkpoints are made here and not by SQLite.
    private func checkpointLater(_ db: GRDB.Database) {
        groupsSinceCheckpoint += 1
        guard groupsSinceCheckpoint >= Self.groupsPerCheckpoint else { return }
        do {
            try syncFiles()
            try StorageLoader.markSynced(db)
            groupsSinceCheckpoint = 0
            _ = try db.checkpoint(.passive)
        } catch {
            stop(after: error)
        }
    }

    private func syncFiles() throws {
        for file in unsyncedFiles.values { try file.sync() }
        unsyncedFiles = [:]
    }

    private func stop(after error: any Error) {
        let failure = EngineError.unavailable("Storage failed and must be recovered by a restart: \(error)")
        logger.critical("Storage failed; no more writes are accepted", metadata: ["error": "\(error)"])
        condition.lock()
        self.failure = failure
        let waiting = jobs
        jobs = []
        condition.unlock()
        for job in waiting { job.completion(.failure(failure)) }
    }
}

private func isOutOfSpace(_ error: any Error) -> Bool {
    (error as? DatabaseError)?.resultCode == .SQLITE_FULL
}

/// What callers see of any error.
package func engineError(_ error: any Error) -> any Error {
    switch error {
    case is EngineError: error
    case let error as DatabaseError where error.resultCode == .SQLITE_FULL:
        EngineError.storage("The disk is full: \(error)")
    case let error as DatabaseError: EngineError.storage("The database failed: \(error)")
    default: error
    }
}
