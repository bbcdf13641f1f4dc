import Foundation
import JSON
import SearchEngine
import TrendStore

/// Work that is kept until somebody has done it.
public enum JobOperations {
    public typealias Listing = RowListing<JobFilter, JobOrder>

    public static let list = Operation<Listing, RowPage<Job>>(.read) { services, _, listing in
        let page = try renaming(["offset": "skip"]) {
            try services.trends.listJobs(
                listing.filter, listing.direction, limit: listing.limit, offset: listing.skip, after: listing.after)
        }
        return RowPage(page, total: try services.trends.countJobs(listing.filter))
    }

    public static let get = Operation<UUID, Job>(.read) { services, _, id in
        guard let job = try services.trends.job(id) else {
            throw ServiceError(TrendStoreError.notFound(table: "jobs", id: id))
        }
        return job
    }

    /// A job as it is stored, and whether it was made by this request.
    public struct Enqueued: Sendable {
        public var job: Job
        public var isNew: Bool
    }

    public static let enqueue = Operation<Job, Enqueued>(.write) { services, caller, job in
        let (job, isNew) = try services.trends.writeRows(deadline: caller.deadline) { try $0.enqueue(job) }
        return Enqueued(job: job, isNew: isNew)
    }

    /// A job in the hands of a worker.
    public struct Claimed: Sendable {
        public var job: Job
        public var lease: UUID
        /// The run of the agent that began with it.
        public var execution: UUID
    }

    /// Answers `nil` where no job of these types waits.
    public static let claim = Operation<TrendTransaction.Claim, Claimed?>(.work) { services, caller, claim in
        try services.trends.writeRows(deadline: caller.deadline) { transaction in
            // Nobody would learn of the lease.
            if let deadline = caller.deadline, services.engine.environment.time.now >= deadline {
                throw EngineError.timeout("The claim came to its turn too late")
            }
            guard let (job, execution) = try transaction.claim(claim), let lease = job.lease else { return nil }
            return Claimed(job: job, lease: lease, execution: execution)
        }
    }

    /// What a worker says of a job that it holds.
    public struct Held<Body: Sendable>: Sendable {
        public var id: UUID
        public var lease: UUID
        public var body: Body

        public init(id: UUID, lease: UUID, _ body: Body) {
            self.id = id
            self.lease = lease
            self.body = body
        }
    }

    public static let report = Operation<Held<TrendTransaction.Report>, Job>(.work) { services, caller, held in
        try services.trends.writeRows(deadline: caller.deadline) {
            try $0.report(held.body, on: held.id, lease: held.lease)
        }
    }

    public static let complete = Operation<Held<JSONValue>, Job>(.work) { services, caller, held in
        try services.trends.writeRows(deadline: caller.deadline) {
            try $0.complete(held.id, lease: held.lease, result: held.body)
        }
    }

    public struct Failure: Sendable {
        public var error: String
        /// Whether it isn't tried again.
        public var isFinal: Bool

        public init(error: String, isFinal: Bool = false) {
            self.error = error
            self.isFinal = isFinal
        }
    }

    public static let fail = Operation<Held<Failure>, Job>(.work) { services, caller, held in
        try services.trends.writeRows(deadline: caller.deadline) {
            try $0.fail(held.id, lease: held.lease, error: held.body.error, isFinal: held.body.isFinal)
        }
    }

    public static let cancel = Operation<UUID, Job>(.write) { services, caller, id in
        try services.trends.writeRows(deadline: caller.deadline) { try $0.cancel(id) }
    }
}

/// Types of job that are queued again and again.
public enum ScheduleOperations {
    public static let list = Operation<Void, [Schedule]>(.read) { services, _, _ in try services.trends.schedules() }

    public static let get = Operation<String, Schedule>(.read) { services, _, name in
        guard let schedule = try services.trends.schedule(name) else {
            throw missing(name)
        }
        return schedule
    }

    public static let set = Operation<Schedule, Schedule>(.write) { services, caller, schedule in
        try services.trends.writeRows(deadline: caller.deadline) { try $0.setSchedule(schedule) }
    }

    /// Throws `.notFound` for a schedule that isn't there.
    public static let delete = Operation<String, Void>(.write) { services, caller, name in
        guard try services.trends.writeRows(deadline: caller.deadline, { try $0.deleteSchedule(name) }) else {
            throw missing(name)
        }
    }

    private static func missing(_ name: String) -> ServiceError { ServiceError(TrendStoreError.noSchedule(name)) }
}
