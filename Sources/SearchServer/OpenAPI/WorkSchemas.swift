import JSON
import Services
import TrendStore

/// Jobs, schedules and runs of agents in requests and answers, as ``Endpoints/jobs`` and ``Endpoints/agents`` read and write them.
enum WorkSchemas {
    static let idempotencyKey = Schema.text(FieldRules.nameLength).orNull.about(
        "Asking again with the same key queues nothing new.")
    private static let priority = Schema.member(of: JobPriority.self)
    private static let message = Schema.text(FieldRules.errorLength)
    private static let attempts = Schema.integer(FieldRules.attempts)
    private static let backoff = Schema.number(FieldRules.backoff)
    private static let leaseSeconds = Schema.number(FieldRules.lease).byDefault(60).about(
        "For how long the worker has the job from now on.")
    private static let lease = Schema.id.about("The `lease` of the claim.")

    private static let queueing: Schema.Members = [
        "params": Schema.storedObject.byDefault([:]), "priority": priority.byDefault("medium"),
        "max_attempts": attempts.byDefault(3),
        "backoff_seconds": backoff.byDefault(10).about(
            "Until the second attempt; each further one waits twice as long, up to an hour."),
        "available_at": Schema.time.about("When it may be claimed; now, if it isn't given."),
        "idempotency_key": idempotencyKey,
    ]
    static let newJob = Schema.request(["type": .keyword], queueing, required: ["type"])
    static let agentRun = Schema.request(["agent_type": .keyword], queueing, required: ["agent_type"])

    static let job = Schema.answer([
        "id": .id, "type": .keyword, "params": .anyObject, "priority": priority,
        "status": .member(of: JobStatus.self), "attempts": .integer(atLeast: 0), "max_attempts": attempts,
        "backoff_seconds": backoff, "available_at": .toldTime, "leased_until": Schema.toldTime.orNull,
        "worker": Schema.text(FieldRules.nameLength).orNull, "progress": .number(0...1), "message": message.orNull,
        "checkpoint": Schema.anyObject.orNull.about("What the next attempt goes on with."),
        "result": Schema.anyObject.orNull, "error": message.orNull.about("Why the latest attempt failed."),
        "idempotency_key": Schema.text(FieldRules.nameLength).orNull, "schedule": Schema.keyword.orNull,
        "created_at": .toldTime, "started_at": Schema.toldTime.orNull, "finished_at": Schema.toldTime.orNull,
    ])
    static let queued = Schema.answer(
        ["job_id": .id, "status": .member(of: JobStatus.self)],
        optional: ["note": Schema.string.about("Who has to do it.")])

    static let claim = Schema.request(
        [
            "types": .array(
                of: .keyword, most: FieldRules.claimedTypes.upperBound, least: FieldRules.claimedTypes.lowerBound),
            "worker": .text(FieldRules.nameLength), "lease_seconds": leaseSeconds,
        ], required: ["types", "worker"])
    static let claimed = Schema.answer(["lease": .id, "execution_id": .id, "job": .reference("Job")])
    static let report = Schema.request(
        [
            "lease": lease, "progress": .number(0...1), "message": message, "checkpoint": .storedObject,
            "lease_seconds": leaseSeconds,
        ], required: ["lease"])
    static let completion = Schema.request(
        ["lease": lease, "result": Schema.storedObject.byDefault([:])], required: ["lease"])
    static let failure = Schema.request(
        [
            "lease": lease, "error": message,
            "final": Schema.boolean.byDefault(false).about("Whether it isn't tried again."),
        ], required: ["lease", "error"])

    // MARK: Schedules

    private static let cron = Schema.string(
        pattern: #"^(@hourly|@daily|@weekly|@monthly|@every [0-9]{1,6}[mhd]| *[0-9*,/-]+( +[0-9*,/-]+){4} *)$"#
    ).with("maxLength", JSONValue(CronTime.mostBytes)).about(
        "Five fields of cron in UTC that name a time, or one of the names; `@every` is one minute to 366 days."
    ).examples("0 */2 * * *", "@hourly", "@every 90m", "15,45 8-18 * * 1-5")
    static let newSchedule = Schema.request(
        [
            "job_type": .keyword, "time": cron, "params": Schema.storedObject.byDefault([:]),
            "priority": priority.byDefault("medium"), "enabled": Schema.boolean.byDefault(true),
        ], required: ["job_type", "time"])
    static let schedule = Schema.answer([
        "name": .keyword, "job_type": .keyword, "params": .anyObject, "priority": priority, "time": cron,
        "enabled": .boolean, "next_at": .toldTime, "last_at": Schema.toldTime.orNull, "job_id": Schema.id.orNull,
    ])

    // MARK: Agents

    private static let executionStatus = Schema.member(of: ExecutionStatus.self)
    private static let course: Schema.Members = [
        "output_data": .storedObject, "status": executionStatus, "error": message,
        "completed_at": Schema.time.about("Of what has ended; not before `started_at`."),
    ]
    static let newExecution = Schema.request(
        [
            "id": Schema.id.about("Made, if it isn't given."), "agent_type": .keyword,
            "input_data": Schema.storedObject.byDefault([:]), "started_at": Schema.time,
        ], course, required: ["agent_type"]
    ).with(
        "dependentSchemas",
        [
            "completed_at": [
                "required": ["status"], "properties": ["status": ["enum": ["completed", "failed"]]],
            ]
        ])
    static let executionChange = Schema.request(course)
    static let execution = Schema.answer([
        "id": .id, "agent_type": .keyword, "job_id": Schema.id.orNull, "input_data": .anyObject,
        "output_data": Schema.anyObject.orNull, "status": executionStatus, "error": message.orNull,
        "started_at": .toldTime, "completed_at": Schema.toldTime.orNull,
        "duration_seconds": Schema.number(atLeast: 0).orNull,
    ])
    static let agentState = Schema.answer([
        "status": .member(of: AgentState.Activity.self), "last_run": Schema.toldTime.orNull,
        "last_status": executionStatus.orNull, "queued_jobs": .integer(atLeast: 0),
    ])

    static let all: Schema.Members = [
        "Job": job, "NewJob": newJob, "AgentRun": agentRun, "QueuedJob": queued, "Claim": claim, "ClaimedJob": claimed,
        "JobProgress": report, "JobCompletion": completion, "JobFailure": failure, "Schedule": schedule,
        "NewSchedule": newSchedule, "Execution": execution, "NewExecution": newExecution,
        "ExecutionChange": executionChange, "AgentState": agentState,
    ]
}
