import Embedding
import Foundation
import JSON
import Logging
import SearchEngine
import Synchronization
import TrendStore

/// The server's embedder at work: it embeds what is searched for, and in the background what lacks an embedding, at once or, with
/// a schedule, when a job of ``jobType`` is due.
public final class TextEmbedding: Sendable {
    /// The type of the jobs that have all embedded that lacks an embedding, and the name of their schedule.
    public static let jobType = "embed_missing"
    package static let worker = "trendex-embedder"

    private static let rest = Duration.seconds(1)
    /// For a batch of the background.
    private static let patience = Duration.seconds(120)
    /// Longer than a batch takes.
    private static let leaseSeconds = 600.0
    /// For a search without a time limit of its own.
    private static let patienceOfSearches = Duration.seconds(30)

    public let model: EmbeddingModel
    private let embedder: any Embedder
    /// When jobs are queued; without it what lacks an embedding gets one at once.
    private let schedule: CronTime?
    private let trends: TrendStore
    private let failures: FailureNotice
    private let loop = Mutex<BackgroundLoop?>(nil)
    private let isStopping = Atomic(false)
    private let isPrepared = Atomic(false)
    private let embedded = Atomic(0)
    private let failedCount = Atomic(0)
    /// What lacks an embedding, by table.
    private let missing: Mutex<[MissingEmbeddings]>

    init(_ embedder: any Embedder, schedule: CronTime?, _ trends: TrendStore, logger: Logger) {
        self.embedder = embedder
        self.schedule = schedule
        self.trends = trends
        failures = FailureNotice("Texts can't be embedded", logger: logger)
        model = embedder.model
        let identity = model.identity
        missing = Mutex([
            .of(Trend.self, in: trends, by: identity) { try $0.embedTrends($1, by: identity) },
            .of(Idea.self, in: trends, by: identity) { try $0.embedIdeas($1, by: identity) },
        ])
    }

    /// Texts that were embedded since the start.
    public var embeddedTexts: Int { embedded.load(ordering: .relaxed) }
    /// Attempts that failed.
    public var failedAttempts: Int { failedCount.load(ordering: .relaxed) }

    func start() {
        let loop = BackgroundLoop("trendex-embed", .background(nice: 10)) { [self] in step() }
        self.loop.withLock { $0 = loop }
        trends.engine.environment.executor.start(loop)
    }

    /// What the schedule of the configuration is known by. One that somebody made under its name stays theirs.
    private static let configured: JSONValue = ["set_by": "trendex.embedder.schedule"]

    /// Takes a job back that an earlier run of the process had, and brings the stored schedule to what is configured; whether it
    /// is enabled stays as it is.
    private func prepareJobs() throws {
        guard !isPrepared.load(ordering: .relaxed) else { return }
        try trends.writeRows { [self] transaction in
            try transaction.releaseJobs(
                of: Self.worker, type: Self.jobType, message: "The server ended; the next attempt goes on", at: now)
            let stored = try transaction.fetchSchedule(Self.jobType)
            guard let schedule else {
                if stored?.params == Self.configured { try transaction.deleteSchedule(Self.jobType) }
                return
            }
            try transaction.setSchedule(
                Schedule(
                    name: Self.jobType, jobType: Self.jobType, params: Self.configured, time: schedule,
                    isEnabled: stored?.isEnabled ?? true), at: now)
        }
        isPrepared.store(true, ordering: .relaxed)
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        embedder.close()
        if let loop = loop.withLock({ $0 }) { trends.engine.environment.executor.end([loop]) }
    }

    /// The vector of a text that somebody searches for.
    func vector(of text: String, deadline: Deadline?) throws -> [Float] {
        try vectors(of: [text], deadline: deadline ?? .now + Self.patienceOfSearches)[0]
    }

    /// The vectors of texts that a request gives, in their order.
    func vectors(of texts: [String], deadline: Deadline) throws -> [[Float]] {
        do {
            let vectors = try embedder.embed(texts, deadline: deadline)
            embedded.add(texts.count, ordering: .relaxed)
            return vectors
        } catch {
            failedCount.add(1, ordering: .relaxed)
            throw ServiceError(error)
        }
    }

    // MARK: The background

    private var now: Timestamp { Timestamp(trends.engine.environment.time.date) }
    private var stops: Bool { isStopping.load(ordering: .acquiring) }

    private func step() -> BackgroundLoop.Next {
        guard !stops else { return .ended }
        do {
            try prepareJobs()
            if try runJob() { return .again }
        } catch {
            guard !stops else { return .ended }
            failures.tell(error)
        }
        guard schedule == nil else { return .after(Self.rest) }
        return embedBatch().hasWorked ? .again : .after(Self.rest)
    }

    private struct Batch {
        /// There may be more to do at once.
        var hasWorked = false
        /// Texts that were embedded.
        var count = 0
        /// What failed.
        var error: (any Error)?
        /// Until when a table waits, if one does.
        var pausedUntil: MissingEmbeddings.Instant?
    }

    /// Embeds a batch of each table.
    private func embedBatch() -> Batch {
        var batch = Batch()
        missing.withLock { tables in
            for place in tables.indices {
                let step = tables[place].step(at: .now) { texts in
                    let vectors = try embedder.embed(texts, deadline: .now + Self.patience)
                    embedded.add(texts.count, ordering: .relaxed)
                    batch.count += texts.count
                    return vectors
                }
                switch step {
                case .idle: break
                case .worked: batch.hasWorked = true
                case .leftAlone(let error):
                    batch.hasWorked = true
                    batch.error = batch.error ?? error
                case .paused(let end, let error):
                    batch.pausedUntil = min(batch.pausedUntil ?? end, end)
                    batch.error = batch.error ?? error
                }
            }
        }
        if let error = batch.error, !stops {
            failedCount.add(1, ordering: .relaxed)
            failures.tell(error, ["model": "\(model.name)"])
        }
        if batch.count > 0, batch.error == nil { failures.clear() }
        return batch
    }

    /// Does a job, if one waits: embeds until nothing lacks an embedding. Where nothing can be embedded for a while, the job waits as
    /// long. Returns whether there was one.
    private func runJob() throws -> Bool {
        guard try trends.isJobWaiting(Self.jobType, at: now),
            let (job, _) = try trends.writeRows({ [self] transaction in
                try transaction.claim(
                    .init(types: [Self.jobType], worker: Self.worker, leaseSeconds: Self.leaseSeconds), at: now)
            }), let lease = job.lease
        else { return false }
        var count = 0
        var leftAlone = 0
        while !stops {
            let batch = embedBatch()
            count += batch.count
            if let end = batch.pausedUntil, !batch.hasWorked, !stops {
                // The log has the reason: a service's own words may have parts of its key.
                let until = now.adding(seconds: (end - .now) / .seconds(1))
                let message = "Texts can't be embedded; the job goes on at \(until), and the log says why"
                _ = try trends.writeRows { [self] in
                    try $0.postpone(job.id, lease: lease, until: until, message: message, at: now)
                }
                return true
            }
            guard batch.hasWorked else { break }
            if batch.count == 0, batch.error != nil { leftAlone += 1 }
            let message = "\(count) texts embedded"
            _ = try trends.writeRows { [self] in
                try $0.report(
                    .init(message: message, leaseSeconds: Self.leaseSeconds), on: job.id, lease: lease, at: now)
            }
        }
        let result: JSONValue = [
            "embedded": JSONValue(count), "left_alone": JSONValue(leftAlone), "model": .string(model.identity),
        ]
        _ = try trends.writeRows { [self] transaction in
            stops
                ? try transaction.postpone(job.id, lease: lease, until: now, message: "The server ended", at: now)
                : try transaction.complete(job.id, lease: lease, result: result, at: now)
        }
        return true
    }

    /// Dollars that a service has cost today; `nil` for what costs nothing.
    public var dollarsToday: Double? { embedder.spendingToday?.dollars }
}

extension MissingEmbeddings {
    /// Those of a type of row.
    ///
    /// - Parameter embed: stores vectors that the model has made.
    fileprivate static func of<R>(
        _: R.Type, in store: TrendStore, by model: String,
        embed: @escaping (TrendTransaction, [MadeEmbedding]) throws -> Int
    ) -> MissingEmbeddings {
        MissingEmbeddings { limit, left in
            try store.textsToEmbed(of: R.self, limit: limit, leaving: left)
        } check: {
            try store.requireComparable(model, with: R.self)
        } store: { made in
            _ = try store.write { try embed($0, made) }
        }
    }
}

/// What is said of texts that are searched for.
package enum TextEmbeddingLimits {
    package static let longestQuery = 10_000
}

extension ServiceError {
    init(_ error: EmbeddingError) {
        switch error {
        case .deadlineExceeded: self.init(.timeout, error.description)
        case .unavailable(_, let retryAfter):
            self.init(.unavailable, error.description)
            retryAfterSeconds = retryAfter.map(\.retryAfterSeconds)
        case .costLimit(let retryAfter):
            self.init(.unavailable, error.description)
            retryAfterSeconds = retryAfter.retryAfterSeconds
        case .closed: self.init(.unavailable, error.description)
        // The service's words may have parts of its key: the log has them.
        case .refused(400, _), .refused(413, _):
            self.init(.invalid, "The embedding service refuses the text: it may be too long for its model")
        case .refused(let status, _):
            self.init(.failed, "The embedding service refused the request with status \(status); the log says why")
        case .malformedAnswer, .invalidModelFolder, .invalidConfiguration:
            self.init(.failed, error.description)
        }
    }
}

extension Duration {
    /// Rounded up, 1 to a day: for `Retry-After`.
    fileprivate var retryAfterSeconds: Int {
        let (seconds, attoseconds) = components
        return Int(min(max(seconds + (attoseconds > 0 ? 1 : 0), 1), 86_400))
    }
}
