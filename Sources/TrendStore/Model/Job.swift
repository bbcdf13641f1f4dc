import Foundation
import JSON

public enum JobStatus: String, Sendable, Hashable, CaseIterable {
    /// It waits for a worker, or for its time.
    case queued
    /// A worker holds its lease.
    case running
    case completed
    /// It failed as often as it may, or for good.
    case failed
    case cancelled
}

/// Who is claimed first; equal ones by the time from which they may be.
public enum JobPriority: String, Sendable, Hashable, CaseIterable {
    case high, medium, low

    var place: Int { Self.allCases.firstIndex(of: self)! }
}

/// Work that somebody is to do, kept until it is done.
///
/// A worker claims it and holds its lease for some time, which each report of progress extends. Who lets the lease run out
/// loses it: the job is queued again, behind its backoff, until it was tried `maxAttempts` times.
public struct Job: Sendable, Hashable, Identifiable {
    public let id: UUID
    /// What kind of work it is, 1…100 characters: the type of the agent that does it.
    public var type: String
    /// A JSON object.
    public var params: JSONValue
    public var priority: JobPriority
    public var status: JobStatus
    /// Times that it was claimed.
    public var attempts: Int
    /// 1…100.
    public var maxAttempts: Int
    /// Seconds until the second attempt, 0…86,400; each further one waits twice as long, an hour at most.
    public var backoffSeconds: Double
    /// When it may be claimed.
    public var availableAt: Timestamp
    /// Names the latest claim. Who reports has to present it.
    public var lease: UUID?
    public var leasedUntil: Timestamp?
    public var worker: String?
    /// 0…1.
    public var progress: Double
    /// What the worker said last.
    public var message: String?
    /// What the next attempt goes on with.
    public var checkpoint: JSONValue?
    public var result: JSONValue?
    /// Why the latest attempt failed.
    public var error: String?
    /// Asking twice with the same key makes one job.
    public var idempotencyKey: String?
    /// The schedule that made it.
    public var schedule: String?
    public var createdAt: Timestamp
    public var startedAt: Timestamp?
    public var finishedAt: Timestamp?

    public init(
        id: UUID = .timeOrdered(), type: String, params: JSONValue = [:], priority: JobPriority = .medium,
        maxAttempts: Int = 3, backoffSeconds: Double = 10, availableAt: Timestamp? = nil, idempotencyKey: String? = nil,
        createdAt: Timestamp = .now
    ) {
        self.id = id
        self.type = type
        self.params = params
        self.priority = priority
        status = .queued
        attempts = 0
        self.maxAttempts = maxAttempts
        self.backoffSeconds = backoffSeconds
        self.availableAt = availableAt ?? createdAt
        progress = 0
        self.idempotencyKey = idempotencyKey
        self.createdAt = createdAt
    }

    /// Seconds that a job waits after its latest attempt has failed.
    var delay: Double { min(backoffSeconds * Double(1 << min(max(attempts - 1, 0), 30)), max(3_600, backoffSeconds)) }
}

public enum ExecutionStatus: String, Sendable, Hashable, CaseIterable {
    case running, completed, failed
}

/// A row of the table `agent_executions`: one run of an agent.
public struct AgentExecution: Sendable, Hashable, Identifiable {
    public let id: UUID
    /// 1…100 characters.
    public var agentType: String
    /// The job that it was an attempt of; `nil` where an agent ran by itself, or the job is gone.
    public var jobID: UUID?
    /// A JSON object of at most 1 MiB.
    public var input: JSONValue
    /// A JSON object of at most 1 MiB.
    public var output: JSONValue?
    public var status: ExecutionStatus
    /// At most 10,000 characters.
    public var error: String?
    public var startedAt: Timestamp
    /// Set when it isn't running any more.
    public var completedAt: Timestamp?

    /// The generated column `duration_seconds`.
    public var durationSeconds: Double? {
        completedAt.map { Double($0.microseconds - startedAt.microseconds) / 1_000_000 }
    }

    public init(
        id: UUID = .timeOrdered(), agentType: String, jobID: UUID? = nil, input: JSONValue = [:],
        output: JSONValue? = nil, status: ExecutionStatus = .running, error: String? = nil,
        startedAt: Timestamp = .now, completedAt: Timestamp? = nil
    ) {
        self.id = id
        self.agentType = agentType
        self.jobID = jobID
        self.input = input
        self.output = output
        self.status = status
        self.error = error
        self.startedAt = startedAt
        self.completedAt = completedAt
    }
}

/// A type of job that is queued again and again.
///
/// One run at a time: while its latest job is queued or running, the schedule waits. Times that were missed, by that or because
/// the process didn't run, are made up for by one job.
public struct Schedule: Sendable, Hashable {
    /// 1…100 characters.
    public var name: String
    public var jobType: String
    public var params: JSONValue
    public var priority: JobPriority
    public var time: CronTime
    public var isEnabled: Bool
    /// When the next job is due.
    public internal(set) var nextAt: Timestamp
    /// When the latest job was made.
    public internal(set) var lastAt: Timestamp?
    public internal(set) var jobID: UUID?

    public init(
        name: String, jobType: String, params: JSONValue = [:], priority: JobPriority = .medium, time: CronTime,
        isEnabled: Bool = true
    ) {
        self.name = name
        self.jobType = jobType
        self.params = params
        self.priority = priority
        self.time = time
        self.isEnabled = isEnabled
        nextAt = Timestamp(microseconds: 0)
    }
}
