import Foundation
import JSON
import NIOHTTP1
import SearchEngine
import Services
import TrendStore

/// Jobs and schedules in the trend API, `/api/v1/jobs` and `/api/v1/schedules`.
extension Endpoints {
    static let jobs: [Endpoint] = [
        .trends(.GET, "jobs", JobOperations.list) { call in
            var parameters = TrendParameters(call.query)
            var listing = JobOperations.Listing(JobFilter(), by: .createdAt)
            if let status: JobStatus = parameters.member("status") { listing.filter.statuses = [status] }
            if let type = parameters.text("type") { listing.filter.types = [type] }
            return try parameters.finish(listing)
        } reply: { page, listing in
            listReply(page, listing) { $1.write($0) }
        },
        .trends(.POST, "jobs", JobOperations.enqueue) { call in
            try decodeBody(call.body) { try $0.readNewJob(call, type: "type") }
        } reply: { enqueued, _ in
            .success(status: enqueued.isNew ? .created : .ok) { $0.write(enqueued.job) }
        },
        .trends(.POST, "jobs/claim", JobOperations.claim) {
            try decodeBody($0.body) { try $0.readClaim() }
        } reply: { claimed, _ in
            .success { writer in
                guard let claimed else { return writer.writeNull() }
                writer.object { writer in
                    writer.key("lease")
                    writer.write(claimed.lease)
                    writer.key("execution_id")
                    writer.write(claimed.execution)
                    writer.key("job")
                    writer.write(claimed.job)
                }
            }
        },
        .trends(.GET, "jobs/{id}", JobOperations.get) {
            try rowIDAlone($0)
        } reply: { job, _ in
            .success { $0.write(job) }
        },
        .trends(.POST, "jobs/{id}/progress", JobOperations.report) { call in
            try decodeBody(call.body) { try $0.readReport(on: try rowID(call)) }
        } reply: { job, _ in
            .success { $0.write(job) }
        },
        .trends(.POST, "jobs/{id}/complete", JobOperations.complete) { call in
            try decodeBody(call.body) { try $0.readCompletion(of: try rowID(call)) }
        } reply: { job, _ in
            .success { $0.write(job) }
        },
        .trends(.POST, "jobs/{id}/fail", JobOperations.fail) { call in
            try decodeBody(call.body) { try $0.readFailure(of: try rowID(call)) }
        } reply: { job, _ in
            .success { $0.write(job) }
        },
        .trends(.DELETE, "jobs/{id}", JobOperations.cancel) {
            try rowID($0)
        } reply: { job, _ in
            .success { $0.write(job) }
        },
        .trends(.GET, "schedules", ScheduleOperations.list) {
            try requireNoParameters($0)
        } reply: { schedules, _ in
            .success { writer in writer.array { writer in for schedule in schedules { writer.write(schedule) } } }
        },
        .trends(.GET, "schedules/{name}", ScheduleOperations.get) {
            try requireNoParameters($0)
            return $0.parameters[0]
        } reply: { schedule, _ in
            .success { $0.write(schedule) }
        },
        .trends(.PUT, "schedules/{name}", ScheduleOperations.set) { call in
            try decodeBody(call.body) { try $0.readSchedule(call.parameters[0]) }
        } reply: { schedule, _ in
            .success { $0.write(schedule) }
        },
        .trends(.DELETE, "schedules/{name}", ScheduleOperations.delete) {
            $0.parameters[0]
        } reply: { _, name in
            .success { writer in
                writer.object { writer in
                    writer.key("name")
                    writer.write(name)
                }
            }
        },
    ]

    /// 202 with the job's id; 200 for one that was queued before.
    static func queuedReply(_ enqueued: JobOperations.Enqueued, note: String? = nil) -> Reply {
        .success(status: enqueued.isNew ? .accepted : .ok) { writer in
            writer.object { writer in
                writer.key("job_id")
                writer.write(enqueued.job.id)
                writer.key("status")
                writer.write(enqueued.job.status.rawValue)
                if let note {
                    writer.key("note")
                    writer.write(note)
                }
            }
        }
    }
}
