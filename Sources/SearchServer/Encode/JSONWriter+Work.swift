import Foundation
import JSON
import Services
import TrendStore

extension JSONWriter {
    mutating func write(_ business: Business) {
        object { writer in
            writer.key("id")
            writer.write(business.id)
            writer.key("idea_id")
            writer.write(business.ideaID)
            writer.key("name")
            writer.write(business.name)
            writer.key("domain")
            writer.write(business.domain)
            writer.key("status")
            writer.write(business.status.rawValue)
            writer.key("revenue_monthly")
            // A number with its two places.
            writer.write(raw: Array(business.revenueMonthly.description.utf8))
            writer.key("users_count")
            writer.write(business.usersCount)
            writer.key("developed_at")
            writer.write(business.developedAt)
            writer.key("launched_at")
            writer.write(business.launchedAt)
            writer.key("created_at")
            writer.write(business.createdAt)
            writer.key("metadata")
            writer.write(business.metadata)
        }
    }

    mutating func write(_ job: Job) {
        object { writer in
            writer.key("id")
            writer.write(job.id)
            writer.key("type")
            writer.write(job.type)
            writer.key("params")
            writer.write(job.params)
            writer.key("priority")
            writer.write(job.priority.rawValue)
            writer.key("status")
            writer.write(job.status.rawValue)
            writer.key("attempts")
            writer.write(job.attempts)
            writer.key("max_attempts")
            writer.write(job.maxAttempts)
            writer.key("backoff_seconds")
            writer.write(job.backoffSeconds)
            writer.key("available_at")
            writer.write(job.availableAt)
            writer.key("leased_until")
            writer.write(job.leasedUntil)
            writer.key("worker")
            writer.write(job.worker)
            writer.key("progress")
            writer.write(job.progress)
            writer.key("message")
            writer.write(job.message)
            writer.key("checkpoint")
            writer.write(job.checkpoint)
            writer.key("result")
            writer.write(job.result)
            writer.key("error")
            writer.write(job.error)
            writer.key("idempotency_key")
            writer.write(job.idempotencyKey)
            writer.key("schedule")
            writer.write(job.schedule)
            writer.key("created_at")
            writer.write(job.createdAt)
            writer.key("started_at")
            writer.write(job.startedAt)
            writer.key("finished_at")
            writer.write(job.finishedAt)
        }
    }

    mutating func write(_ execution: AgentExecution) {
        object { writer in
            writer.key("id")
            writer.write(execution.id)
            writer.key("agent_type")
            writer.write(execution.agentType)
            writer.key("job_id")
            writer.write(execution.jobID)
            writer.key("input_data")
            writer.write(execution.input)
            writer.key("output_data")
            writer.write(execution.output)
            writer.key("status")
            writer.write(execution.status.rawValue)
            writer.key("error")
            writer.write(execution.error)
            writer.key("started_at")
            writer.write(execution.startedAt)
            writer.key("completed_at")
            writer.write(execution.completedAt)
            writer.key("duration_seconds")
            writer.write(execution.durationSeconds)
        }
    }

    mutating func write(_ schedule: Schedule) {
        object { writer in
            writer.key("name")
            writer.write(schedule.name)
            writer.key("job_type")
            writer.write(schedule.jobType)
            writer.key("params")
            writer.write(schedule.params)
            writer.key("priority")
            writer.write(schedule.priority.rawValue)
            writer.key("time")
            writer.write(schedule.time.description)
            writer.key("enabled")
            writer.write(schedule.isEnabled)
            writer.key("next_at")
            writer.write(schedule.nextAt)
            writer.key("last_at")
            writer.write(schedule.lastAt)
            writer.key("job_id")
            writer.write(schedule.jobID)
        }
    }

    mutating func writeMembers(_ state: AgentState) {
        object { writer in
            writer.key("status")
            writer.write(state.activity.rawValue)
            writer.key("last_run")
            writer.write(state.lastRun)
            writer.key("last_status")
            writer.write(state.lastStatus?.rawValue)
            writer.key("queued_jobs")
            writer.write(state.queuedJobs)
        }
    }
}

extension JSONWriter {
    mutating func write(_ text: String?) {
        if let text { write(text) } else { writeNull() }
    }

    mutating func write(_ number: Double?) {
        if let number { write(number) } else { writeNull() }
    }

    mutating func write(_ id: UUID?) {
        if let id { write(id) } else { writeNull() }
    }

    mutating func write(_ time: Timestamp?) {
        if let time { write(time) } else { writeNull() }
    }

    mutating func write(_ value: JSONValue?) {
        if let value { write(value) } else { writeNull() }
    }
}
