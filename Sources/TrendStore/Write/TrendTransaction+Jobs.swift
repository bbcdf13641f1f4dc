import Foundation
import GRDB
import JSON
import SearchEngine

extension TrendTransaction {
    /// Jobs that may wait: counting them takes a millisecond or so.
    static let mostQueuedJobs = 50_000

    /// Queues a job, and returns it as stored. With an idempotency key that a job has already, that job is returned, and
    /// `isNew` is `false`.
    ///
    /// Throws `.invalid` naming the field, `.conflict` when the key's job has another type or other params, and what `check` throws,
    /// which looks at a new one.
    @discardableResult
    public func enqueue(_ job: Job, check: () throws -> Void = {}) throws -> (job: Job, isNew: Bool) {
        let job = try job.validated()
        let db = try database()
        if let key = job.idempotencyKey, let known = try Job.fetch(idempotencyKey: key, db) {
            guard known.type == job.type, known.params.isSame(as: job.params) else {
                throw TrendStoreError.conflict(
                    "The idempotency key `\(key)` belongs to the job \(known.id.text), which has another type or other params"
                )
            }
            return (known, false)
        }
        try check()
        let waiting = try Int.fetchOne(
            db.cachedStatement(sql: "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE status = 'queued' LIMIT ?)"),
            arguments: [Self.mostQueuedJobs])
        guard waiting ?? 0 < Self.mostQueuedJobs else {
            throw EngineError.busy("\(Self.mostQueuedJobs) jobs wait already; try again when workers have done some")
        }
        try requireFree(job)
        try change(of: .work) {
            try job.insert(db)
            try note(.agentStatusUpdate, job.id, job.writeEvent)
        }
        return (job, true)
    }

    /// By which a report extends a lease that says nothing of its length.
    private static let shortestExtension = 60.0

    /// A worker's wish for a job.
    public struct Claim: Sendable {
        /// What it can do, 1…32 types.
        public var types: [String]
        /// Who it is, 1…200 characters.
        public var worker: String
        /// How long it has the job without a report, 1…3,600.
        public var leaseSeconds: Double

        public init(types: [String], worker: String, leaseSeconds: Double = 60) {
            self.types = types
            self.worker = worker
            self.leaseSeconds = leaseSeconds
        }

        /// Throws `.invalid` naming every field that breaks its rule.
        public func validated() throws -> Claim {
            var claim = self
            var problems = FieldProblems()
            let most = FieldRules.claimedTypes.upperBound
            if !FieldRules.claimedTypes.contains(types.count) {
                _ = problems.check { throw invalid("types", "must be 1…\(most) types, not \(types.count)") }
            }
            claim.types = types.prefix(most).indices.map { place in
                problems.check { try FieldRules.keyword(types[place], "types[\(place)]") } ?? ""
            }
            _ = problems.check { try FieldRules.text(worker, "worker", length: FieldRules.nameLength) }
            _ = problems.check { try FieldRules.seconds(leaseSeconds, "lease_seconds", FieldRules.lease) }
            try problems.throwAny()
            return claim
        }
    }

    /// Gives a worker the next job of one of the types, or `nil` where none waits. An execution begins with it.
    ///
    /// Jobs whose lease has run out are given back first. Throws `.invalid` naming the field. Complexity: O(types · log jobs).
    public func claim(_ claim: Claim, at now: Timestamp = .now) throws -> (job: Job, execution: UUID)? {
        let claim = try claim.validated()
        try expireLeases(at: now)
        let db = try database()
        let statement = try db.cachedStatement(
            sql: """
                SELECT id, available_at FROM jobs
                WHERE status = 'queued' AND type = ? AND priority = ? AND available_at <= ?
                ORDER BY available_at, id LIMIT 1
                """)
        for priority in JobPriority.allCases {
            let heads = try claim.types.compactMap { type in
                try Row.fetchOne(statement, arguments: [type, priority.place, now.microseconds])
            }
            let next = heads.min { a, b in
                (a["available_at"] as Int64, a["id"] as String) < (b["available_at"] as Int64, b["id"] as String)
            }
            guard let next, let id = UUID(uuidString: next["id"]), var job = try Job.fetch(id, db) else { continue }
            job.status = .running
            job.attempts += 1
            job.lease = .timeOrdered()
            job.leasedUntil = now.adding(seconds: claim.leaseSeconds)
            job.worker = claim.worker
            job.startedAt = now
            let execution = AgentExecution(agentType: job.type, jobID: job.id, input: job.params, startedAt: now)
            try change(of: .work) {
                try job.update(db)
                try execution.insert(db)
                try note(.agentStatusUpdate, job.id, job.writeEvent)
            }
            return (job, execution.id)
        }
        return nil
    }

    /// What a worker tells of the job that it holds. Each report extends the lease, and never shortens it unasked.
    public struct Report: Sendable {
        /// 0…1.
        public var progress: Double?
        /// At most 10,000 characters.
        public var message: String?
        /// An object that the next attempt gets, should this one end.
        public var checkpoint: JSONValue?
        /// From now on, 1…3,600. Without it the lease lasts for a minute more, or as long as it did.
        public var leaseSeconds: Double?

        public init(
            progress: Double? = nil, message: String? = nil, checkpoint: JSONValue? = nil, leaseSeconds: Double? = nil
        ) {
            self.progress = progress
            self.message = message
            self.checkpoint = checkpoint
            self.leaseSeconds = leaseSeconds
        }

        /// Throws `.invalid` naming every field that breaks its rule.
        public func validated() throws -> Report {
            var problems = FieldProblems()
            if let progress, !(0...1).contains(progress) {
                _ = problems.check { throw invalid("progress", "must be 0…1, not \(progress)") }
            }
            if let message {
                _ = problems.check { try FieldRules.text(message, "message", length: FieldRules.errorLength) }
            }
            if let checkpoint { _ = problems.check { try FieldRules.json(checkpoint, "checkpoint") } }
            if let leaseSeconds {
                _ = problems.check { try FieldRules.seconds(leaseSeconds, "lease_seconds", FieldRules.lease) }
            }
            try problems.throwAny()
            return self
        }
    }

    /// Takes a report, and returns the job.
    ///
    /// Throws `.notFound`, `.invalid` naming the field, and `.conflict` when somebody else holds the job or nobody does: the
    /// worker has to give it up.
    public func report(_ report: Report, on id: UUID, lease: UUID, at now: Timestamp = .now) throws -> Job {
        let report = try report.validated()
        var job = try held(id, lease, at: now)
        if let progress = report.progress { job.progress = progress }
        if let message = report.message { job.message = message }
        if let checkpoint = report.checkpoint { job.checkpoint = checkpoint }
        if let seconds = report.leaseSeconds {
            job.leasedUntil = now.adding(seconds: seconds)
        } else {
            job.leasedUntil = max(job.leasedUntil ?? now, now.adding(seconds: Self.shortestExtension))
        }
        try change(of: .work) {
            try job.update(database())
            try note(.agentStatusUpdate, job.id, job.writeEvent)
        }
        return job
    }

    /// Ends a job with its result, an object. Saying so again, with the same lease, changes nothing.
    ///
    /// Throws as `report`.
    public func complete(_ id: UUID, lease: UUID, result: JSONValue, at now: Timestamp = .now) throws -> Job {
        try FieldRules.json(result, "result")
        if let job = try ended(id, lease), job.status == .completed { return job }
        var job = try held(id, lease, at: now)
        job.status = .completed
        job.progress = 1
        job.result = result
        job.error = nil
        job.finishedAt = now
        try end(&job, output: result, at: now)
        return job
    }

    /// Ends a job with the ideas that it has made, all in one: whatever happens meanwhile and however often this is said, each is
    /// there once. `result` tells of those that were kept; ideas of trends that are gone are left out.
    ///
    /// Throws as `report`, and `.invalid` naming the field of an idea.
    public func complete(
        _ id: UUID, lease: UUID, ideas: [Idea], at now: Timestamp = .now, result: ([Idea]) -> JSONValue
    ) throws -> Job {
        if let job = try ended(id, lease), job.status == .completed { return job }
        _ = try held(id, lease, at: now)
        let kept = try ideas.filter { try trend($0.trendID) != nil }.map { try createIdea($0) }
        return try complete(id, lease: lease, result: result(kept), at: now)
    }

    /// Ends an attempt that isn't its job's fault, such as one that a limit of cost stopped: it isn't counted, and the job is queued
    /// again until `time`. Saying so again, with the same lease, changes nothing.
    ///
    /// Throws as `report`.
    public func postpone(
        _ id: UUID, lease: UUID, until time: Timestamp, message: String, at now: Timestamp = .now
    ) throws -> Job {
        try FieldRules.text(message, "message", length: FieldRules.errorLength)
        if let job = try ended(id, lease), job.status != .completed { return job }
        var job = try held(id, lease, at: now)
        try postpone(&job, until: time, message: message, at: now)
        return job
    }

    /// Gives jobs of a worker back that is gone, such as an earlier run of this process; the attempts aren't counted. Returns
    /// how many.
    @discardableResult
    public func releaseJobs(of worker: String, type: String, message: String, at now: Timestamp = .now) throws -> Int {
        let statement = try database().cachedStatement(
            sql: "SELECT \(Job.selection) FROM jobs WHERE status = 'running' AND type = ? AND worker = ?")
        let jobs = try Row.fetchAll(statement, arguments: [type, worker]).map { try Job($0) }
        for var job in jobs { try postpone(&job, until: now, message: message, at: now) }
        return jobs.count
    }

    /// Has jobs of a type that wait for a later time wait no longer, if their message begins so. Returns how many.
    @discardableResult
    public func hastenJobs(of type: String, messageBeginning text: String, at now: Timestamp = .now) throws -> Int {
        let statement = try database().cachedStatement(
            sql: """
                UPDATE jobs SET available_at = ?1
                WHERE status = 'queued' AND type = ?2 AND priority IN (0, 1, 2) AND available_at > ?1
                    AND substr(message, 1, length(?3)) = ?3
                """)
        try change(of: .work) { try statement.execute(arguments: [now.microseconds, type, text]) }
        return try database().changesCount
    }

    private func postpone(_ job: inout Job, until time: Timestamp, message: String, at now: Timestamp) throws {
        job.status = .queued
        job.attempts -= 1
        job.availableAt = time
        job.message = message
        try end(&job, error: message, at: now)
    }

    /// Ends an attempt that failed. The job is queued again behind its backoff, unless it has been tried as often as it may, or
    /// `isFinal`. Saying so again, with the same lease, changes nothing.
    ///
    /// Throws as `report`.
    public func fail(
        _ id: UUID, lease: UUID, error: String, isFinal: Bool = false, at now: Timestamp = .now
    ) throws -> Job {
        try FieldRules.text(error, "error", length: FieldRules.errorLength)
        if let job = try ended(id, lease), job.status != .completed { return job }
        var job = try held(id, lease, at: now)
        try giveBack(&job, error: error, isFinal: isFinal, at: now)
        return job
    }

    /// Takes a job that isn't done yet out of the queue, or from its worker. One that has ended stays as it is.
    ///
    /// Throws `.notFound`, and `.conflict` for one that has completed or failed.
    public func cancel(_ id: UUID, at now: Timestamp = .now) throws -> Job {
        guard var job = try Job.fetch(id, database()) else { throw TrendStoreError.notFound(table: Job.table, id: id) }
        switch job.status {
        case .cancelled: return job
        case .completed, .failed:
            throw TrendStoreError.conflict("The job \(id.text) has \(job.status.rawValue) already")
        case .queued, .running: break
        }
        job.status = .cancelled
        job.finishedAt = now
        try end(&job, error: "The job was cancelled", at: now)
        return job
    }

    /// Gives jobs back whose lease has run out, at most `limit` of them. Returns how many.
    @discardableResult
    public func expireLeases(at now: Timestamp = .now, limit: Int = 100) throws -> Int {
        let statement = try database().cachedStatement(
            sql: """
                SELECT \(Job.selection) FROM jobs WHERE status = 'running' AND leased_until <= ?
                ORDER BY leased_until LIMIT ?
                """)
        let jobs = try Row.fetchAll(statement, arguments: [now.microseconds, limit]).map { try Job($0) }
        for var job in jobs {
            // Whoever comes with it later has lost the job, however that goes on.
            job.lease = nil
            try giveBack(&job, error: "The lease of \(job.worker ?? "the worker") ran out", isFinal: false, at: now)
        }
        return jobs.count
    }

    /// The job, if the lease is the one that holds it.
    private func held(_ id: UUID, _ lease: UUID, at now: Timestamp) throws -> Job {
        guard let job = try Job.fetch(id, database()) else { throw TrendStoreError.notFound(table: Job.table, id: id) }
        guard job.status == .running, job.lease == lease, let until = job.leasedUntil, until > now else {
            let state =
                job.status == .running ? "its lease ran out, or somebody else holds it" : "it is \(job.status.rawValue)"
            throw TrendStoreError.conflict("The job \(id.text) isn't held by this lease: \(state)")
        }
        return job
    }

    /// The job, if the attempt of this lease has ended.
    private func ended(_ id: UUID, _ lease: UUID) throws -> Job? {
        guard let job = try Job.fetch(id, database()), job.lease == lease, job.status != .running,
            job.status != .cancelled
        else { return nil }
        return job
    }

    private func giveBack(_ job: inout Job, error: String, isFinal: Bool, at now: Timestamp) throws {
        job.error = error
        if isFinal || job.attempts >= job.maxAttempts {
            job.status = .failed
            job.finishedAt = now
        } else {
            job.status = .queued
            job.availableAt = now.adding(seconds: job.delay)
        }
        try end(&job, error: error, at: now)
    }

    /// Ends the attempt and its execution.
    private func end(_ job: inout Job, output: JSONValue? = nil, error: String? = nil, at now: Timestamp) throws {
        job.leasedUntil = nil
        let db = try database()
        try change(of: .work) { [job] in
            try job.update(db)
            let running = try db.cachedStatement(
                sql: "SELECT \(AgentExecution.selection) FROM agent_executions WHERE job_id = ? AND status = 'running'")
            for var execution in try Row.fetchAll(running, arguments: [job.id.text]).map({ try AgentExecution($0) }) {
                execution.status = error == nil ? .completed : .failed
                execution.output = output ?? execution.output
                execution.error = error
                // A clock that was set back must not make a run negative.
                execution.completedAt = max(now, execution.startedAt)
                try execution.update(db)
                endedExecutions.append(execution)
            }
            try note(.agentStatusUpdate, job.id, job.writeEvent)
        }
    }
}

extension Job {
    static func fetch(idempotencyKey key: String, _ db: GRDB.Database) throws -> Job? {
        let statement = try db.cachedStatement(sql: "SELECT \(selection) FROM jobs WHERE idempotency_key = ?")
        return try Row.fetchOne(statement, arguments: [key]).map { try Job($0) }
    }
}

extension JSONValue {
    /// Whether it says the same, whatever the order of members and the way numbers are written.
    func isSame(as other: JSONValue) -> Bool {
        switch (self, other) {
        case (.object(let a), .object(let b)):
            return a.count == b.count
                && a.allSatisfy { key, value in b[key].map { value.isSame(as: $0) } ?? false }
        case (.array(let a), .array(let b)):
            return a.count == b.count && zip(a, b).allSatisfy { $0.isSame(as: $1) }
        default:
            if let a = integerValue, let b = other.integerValue { return a == b }
            if let a = doubleValue, let b = other.doubleValue { return a == b }
            return self == other
        }
    }
}

extension Timestamp {
    /// Later by so much, within what can be stored.
    package func adding(seconds: Double) -> Timestamp {
        let sum = microseconds.addingReportingOverflow(Int64(seconds * 1_000_000))
        return sum.overflow
            ? Self.storable.upperBound : min(Timestamp(microseconds: sum.partialValue), Self.storable.upperBound)
    }
}
