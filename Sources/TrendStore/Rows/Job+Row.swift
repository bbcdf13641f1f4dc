import GRDB
import JSON
import SearchEngine

extension Job: TableRow {
    static var table: String { "jobs" }

    static let columns = [
        "id", "type", "params", "priority", "status", "attempts", "max_attempts", "backoff_seconds", "available_at",
        "lease", "leased_until", "worker", "progress", "message", "checkpoint", "result", "error", "idempotency_key",
        "schedule", "created_at", "started_at", "finished_at",
    ]

    init(_ row: Row) throws {
        let reader = ColumnReader(row, of: Self.table)
        self.init(
            id: try reader.id("id"), type: try reader.value("type"), params: try reader.json("params"),
            priority: try reader.priority("priority"), maxAttempts: try reader.value("max_attempts"),
            backoffSeconds: try reader.value("backoff_seconds"), availableAt: try reader.time("available_at"),
            idempotencyKey: try reader.optional("idempotency_key"), createdAt: try reader.time("created_at"))
        status = try reader.member("status")
        attempts = try reader.value("attempts")
        lease = try reader.optionalID("lease")
        leasedUntil = try reader.optionalTime("leased_until")
        worker = try reader.optional("worker")
        progress = try reader.value("progress")
        message = try reader.optional("message")
        checkpoint = try reader.optionalJSON("checkpoint")
        result = try reader.optionalJSON("result")
        error = try reader.optional("error")
        schedule = try reader.optional("schedule")
        startedAt = try reader.optionalTime("started_at")
        finishedAt = try reader.optionalTime("finished_at")
    }

    var values: [(any DatabaseValueConvertible)?] {
        [
            id.text, type, params.text, priority.place, status.rawValue, attempts, maxAttempts, backoffSeconds,
            availableAt.microseconds, lease?.text, leasedUntil?.microseconds, worker, progress, message,
            checkpoint?.text, result?.text, error, idempotencyKey, schedule, createdAt.microseconds,
            startedAt?.microseconds, finishedAt?.microseconds,
        ]
    }

    /// The row as it is stored. Throws `.invalid` naming every field that breaks its rule.
    public func validated() throws -> Job {
        var job = self
        var problems = FieldProblems()
        job.type = problems.check { try FieldRules.keyword(type, "type") } ?? type
        _ = problems.check { try FieldRules.json(params, "params") }
        _ = problems.check { try FieldRules.integer(maxAttempts, "max_attempts", FieldRules.attempts) }
        _ = problems.check { try FieldRules.seconds(backoffSeconds, "backoff_seconds", FieldRules.backoff) }
        _ = problems.check { try FieldRules.time(availableAt, "available_at") }
        if let key = idempotencyKey {
            _ = problems.check { try FieldRules.text(key, "idempotency_key", length: FieldRules.nameLength) }
        }
        try problems.throwAny()
        return job
    }
}

extension AgentExecution: TableRow {
    static var table: String { "agent_executions" }

    static let columns = [
        "id", "agent_type", "job_id", "input_data", "output_data", "status", "error", "started_at", "completed_at",
    ]

    init(_ row: Row) throws {
        let reader = ColumnReader(row, of: Self.table)
        self.init(
            id: try reader.id("id"), agentType: try reader.value("agent_type"), jobID: try reader.optionalID("job_id"),
            input: try reader.json("input_data"), output: try reader.optionalJSON("output_data"),
            status: try reader.member("status"), error: try reader.optional("error"),
            startedAt: try reader.time("started_at"), completedAt: try reader.optionalTime("completed_at"))
    }

    var values: [(any DatabaseValueConvertible)?] {
        [
            id.text, agentType, jobID?.text, input.text, output?.text, status.rawValue, error, startedAt.microseconds,
            completedAt?.microseconds,
        ]
    }

    /// The row as it is stored. Throws `.invalid` naming every field that breaks its rule.
    public func validated() throws -> AgentExecution {
        var execution = self
        var problems = FieldProblems()
        execution.agentType = problems.check { try FieldRules.keyword(agentType, "agent_type") } ?? agentType
        _ = problems.check { try FieldRules.json(input, "input_data") }
        if let output { _ = problems.check { try FieldRules.json(output, "output_data") } }
        if let error {
            _ = problems.check { try FieldRules.text(error, "error", length: FieldRules.errorLength) }
        }
        _ = problems.check { try FieldRules.time(startedAt, "started_at") }
        if let completedAt {
            _ = problems.check { try FieldRules.time(completedAt, "completed_at") }
            if completedAt < startedAt {
                _ = problems.check { throw invalid("completed_at", "must not be before started_at") }
            }
        }
        if (status == .running) != (completedAt == nil) {
            _ = problems.check { throw invalid("completed_at", "must be there for all but what is running") }
        }
        try problems.throwAny()
        return execution
    }
}

extension Schedule {
    static let selection = "name, job_type, params, priority, time, is_enabled, next_at, last_at, job_id"

    init(_ row: Row) throws {
        let reader = ColumnReader(row, of: "schedules")
        guard let time = CronTime(try reader.value("time")) else { throw reader.damaged("time") }
        self.init(
            name: try reader.value("name"), jobType: try reader.value("job_type"), params: try reader.json("params"),
            priority: try reader.priority("priority"), time: time, isEnabled: try reader.value("is_enabled"))
        nextAt = try reader.time("next_at")
        lastAt = try reader.optionalTime("last_at")
        jobID = try reader.optionalID("job_id")
    }

    static func fetch(_ name: String, _ db: GRDB.Database) throws -> Schedule? {
        try Row.fetchOne(db, sql: "SELECT \(selection) FROM schedules WHERE name = ?", arguments: [name])
            .map { try Schedule($0) }
    }

    func store(_ db: GRDB.Database) throws {
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO schedules (\(Self.selection)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                name, jobType, params.text, priority.place, time.description, isEnabled, nextAt.microseconds,
                lastAt?.microseconds, jobID?.text,
            ])
    }

    /// The schedule as it is stored. Throws `.invalid` naming every field that breaks its rule.
    public func validated() throws -> Schedule {
        var schedule = self
        var problems = FieldProblems()
        schedule.name = problems.check { try FieldRules.keyword(name, "name") } ?? name
        schedule.jobType = problems.check { try FieldRules.keyword(jobType, "job_type") } ?? jobType
        _ = problems.check { try FieldRules.json(params, "params") }
        try problems.throwAny()
        return schedule
    }
}

extension ColumnReader {
    func priority(_ column: String) throws -> JobPriority {
        let place: Int = try value(column)
        guard JobPriority.allCases.indices.contains(place) else { throw damaged(column) }
        return JobPriority.allCases[place]
    }
}
