import Foundation
import JSON
import Services
import TrendStore

/// Bodies of `/api/v1/jobs…`, `/schedules…` and `/agents…`. Unknown members are refused.
extension JSONReader {
    /// A job to be queued. The idempotency key may come as the header `Idempotency-Key` as well.
    ///
    /// - Parameter type: the name of the member that tells the job's type.
    mutating func readNewJob(_ call: Call, type name: StaticString) throws -> Job {
        let name = name.description
        var fields = FieldReader()
        var job = Job(type: "-")
        var type: String?
        var key = call.headers.first(name: "idempotency-key")
        try readMembers { reader, member in
            switch member {
            case "params": job.params = try fields.object(&reader, "params") ?? job.params
            case "priority": job.priority = try fields.member(&reader, "priority") ?? job.priority
            case "max_attempts": job.maxAttempts = try fields.integer(&reader, "max_attempts") ?? job.maxAttempts
            case "backoff_seconds":
                job.backoffSeconds = try fields.double(&reader, "backoff_seconds") ?? job.backoffSeconds
            case "available_at": job.availableAt = try fields.time(&reader, "available_at") ?? job.availableAt
            case "idempotency_key": key = try fields.nullable(&reader, "idempotency_key") ?? key
            default:
                if member.string == name {
                    type = try fields.string(&reader, name)
                } else {
                    try fields.unknown(&reader, member.string)
                }
            }
        }
        fields.require(name, type != nil)
        job.type = type ?? job.type
        job.idempotencyKey = key
        if let checked = try fields.check(renaming: ["type": name], { try job.validated() }) { job = checked }
        try fields.throwAny()
        return job
    }

    mutating func readClaim() throws -> TrendTransaction.Claim {
        var fields = FieldReader()
        var types: [String]?
        var worker: String?
        var seconds: Double?
        try readMembers { reader, key in
            switch key {
            case "types": types = try fields.strings(&reader, "types", most: FieldRules.claimedTypes.upperBound)
            case "worker": worker = try fields.string(&reader, "worker")
            case "lease_seconds": seconds = try fields.double(&reader, "lease_seconds")
            default: try fields.unknown(&reader, key.string)
            }
        }
        fields.require("types", types != nil)
        fields.require("worker", worker != nil)
        let claim = TrendTransaction.Claim(types: types ?? ["-"], worker: worker ?? "-", leaseSeconds: seconds ?? 60)
        let checked = try fields.check { try claim.validated() }
        try fields.throwAny()
        return checked ?? claim
    }

    mutating func readReport(on id: UUID) throws -> JobOperations.Held<TrendTransaction.Report> {
        var fields = FieldReader()
        var lease: UUID?
        var report = TrendTransaction.Report()
        try readMembers { reader, key in
            switch key {
            case "lease": lease = try fields.id(&reader, "lease")
            case "progress": report.progress = try fields.double(&reader, "progress")
            case "message": report.message = try fields.string(&reader, "message")
            case "checkpoint": report.checkpoint = try fields.object(&reader, "checkpoint")
            case "lease_seconds": report.leaseSeconds = try fields.double(&reader, "lease_seconds")
            default: try fields.unknown(&reader, key.string)
            }
        }
        fields.require("lease", lease != nil)
        _ = try fields.check { try report.validated() }
        try fields.throwAny()
        return .init(id: id, lease: lease ?? id, report)
    }

    mutating func readCompletion(of id: UUID) throws -> JobOperations.Held<JSONValue> {
        var fields = FieldReader()
        var lease: UUID?
        var result: JSONValue = [:]
        try readMembers { reader, key in
            switch key {
            case "lease": lease = try fields.id(&reader, "lease")
            case "result": result = try fields.object(&reader, "result") ?? result
            default: try fields.unknown(&reader, key.string)
            }
        }
        fields.require("lease", lease != nil)
        try fields.throwAny()
        return .init(id: id, lease: lease ?? id, result)
    }

    mutating func readFailure(of id: UUID) throws -> JobOperations.Held<JobOperations.Failure> {
        var fields = FieldReader()
        var lease: UUID?
        var error: String?
        var isFinal: Bool?
        try readMembers { reader, key in
            switch key {
            case "lease": lease = try fields.id(&reader, "lease")
            case "error": error = try fields.string(&reader, "error")
            case "final": isFinal = try fields.bool(&reader, "final")
            default: try fields.unknown(&reader, key.string)
            }
        }
        fields.require("lease", lease != nil)
        fields.require("error", error != nil)
        try fields.throwAny()
        return .init(id: id, lease: lease ?? id, .init(error: error ?? "", isFinal: isFinal ?? false))
    }

    mutating func readSchedule(_ name: String) throws -> Schedule {
        var fields = FieldReader()
        var type: String?
        var text: String?
        var params: JSONValue?
        var priority: JobPriority?
        var isEnabled: Bool?
        try readMembers { reader, key in
            switch key {
            case "job_type": type = try fields.string(&reader, "job_type")
            case "time": text = try fields.string(&reader, "time")
            case "params": params = try fields.object(&reader, "params")
            case "priority": priority = try fields.member(&reader, "priority")
            case "enabled": isEnabled = try fields.bool(&reader, "enabled")
            default: try fields.unknown(&reader, key.string)
            }
        }
        fields.require("job_type", type != nil)
        fields.require("time", text != nil)
        let time = text.flatMap { CronTime($0) }
        if let text, time == nil {
            fields.note("time", "must be \(CronTime.form), not `\(text.prefix(100))`")
        }
        guard let time = time ?? CronTime("@hourly") else { preconditionFailure("@hourly is a time") }
        let schedule = Schedule(
            name: name, jobType: type ?? "-", params: params ?? [:], priority: priority ?? .medium, time: time,
            isEnabled: isEnabled ?? true)
        let checked = try fields.check { try schedule.validated() }
        try fields.throwAny()
        return checked ?? schedule
    }

    mutating func readNewExecution() throws -> AgentExecution {
        var fields = FieldReader()
        var execution = AgentExecution(agentType: "-")
        var id: UUID?
        var type: String?
        var started: Timestamp?
        let change = try readExecutionMembers(&fields) { reader, key, fields in
            switch key {
            case "id": id = try fields.id(&reader, "id")
            case "agent_type": type = try fields.string(&reader, "agent_type")
            case "input_data": execution.input = try fields.object(&reader, "input_data") ?? execution.input
            case "started_at": started = try fields.time(&reader, "started_at")
            default: return false
            }
            return true
        }
        fields.require("agent_type", type != nil)
        execution = AgentExecution(
            id: id ?? .timeOrdered(), agentType: type ?? "-", input: execution.input, startedAt: started ?? .now)
        change.apply(to: &execution)
        if execution.status != .running, execution.completedAt == nil {
            execution.completedAt = max(.now, execution.startedAt)
        }
        execution = try fields.check { try execution.validated() } ?? execution
        try fields.throwAny()
        return execution
    }

    mutating func readExecutionChange() throws -> AgentOperations.Change {
        var fields = FieldReader()
        let change = try readExecutionMembers(&fields) { reader, key, fields in
            switch key {
            case "id", "agent_type", "job_id", "input_data", "started_at": fields.note(key.string, "can't be changed")
            default: return false
            }
            try reader.skipValue()
            return true
        }
        try fields.throwAny()
        return change
    }

    /// - Parameter other: reads a member that isn't one of a change, and returns whether it knows it.
    private mutating func readExecutionMembers(
        _ fields: inout FieldReader, _ other: (inout JSONReader, JSONKey, inout FieldReader) throws -> Bool
    ) throws -> AgentOperations.Change {
        var change = AgentOperations.Change()
        try readMembers { reader, key in
            switch key {
            case "output_data": change.output = try fields.object(&reader, "output_data")
            case "status": change.status = try fields.member(&reader, "status")
            case "error": change.error = try fields.string(&reader, "error")
            case "completed_at": change.completedAt = try fields.time(&reader, "completed_at")
            case "duration_seconds":
                fields.note("duration_seconds", "is computed from the times")
                try reader.skipValue()
            default: if try !other(&reader, key, &fields) { try fields.unknown(&reader, key.string) }
            }
        }
        return change
    }
}
