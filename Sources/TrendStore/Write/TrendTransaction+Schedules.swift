import GRDB
import SearchEngine

extension TrendTransaction {
    package static let mostSchedules = 1_000

    /// Makes a schedule, or changes the one of the name, whose latest job it keeps. It is due next at its first time behind `now`.
    ///
    /// Throws `.invalid` naming the field.
    @discardableResult
    public func setSchedule(_ schedule: Schedule, at now: Timestamp = .now) throws -> Schedule {
        var schedule = try schedule.validated()
        let db = try database()
        let old = try fetchSchedule(schedule.name)
        (schedule.lastAt, schedule.jobID) = (old?.lastAt, old?.jobID)
        let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM schedules") ?? 0
        guard old != nil || count < Self.mostSchedules else {
            throw TrendStoreError.conflict("There are \(count) schedules already, which is the most that there may be")
        }
        // A due run isn't lost by a change of anything but the time.
        if let old, old.time == schedule.time, old.isEnabled == schedule.isEnabled {
            schedule.nextAt = old.nextAt
        } else {
            guard let next = schedule.time.next(after: now) else { throw invalid("time", "names no time") }
            schedule.nextAt = next
        }
        try change(of: .work) { try schedule.store(db) }
        return schedule
    }

    /// The schedule of the name as this transaction sees it.
    public func fetchSchedule(_ name: String) throws -> Schedule? {
        try Schedule.fetch(name, database())
    }

    /// Deletes a schedule, not its jobs; `false` when there is none of the name.
    @discardableResult
    public func deleteSchedule(_ name: String) throws -> Bool {
        let db = try database()
        // As rows store it.
        let name = name.precomposedStringWithCanonicalMapping
        try change(of: .work) { try db.execute(sql: "DELETE FROM schedules WHERE name = ?", arguments: [name]) }
        return db.changesCount > 0
    }

    /// Queues the jobs of all schedules that are due and whose latest job has ended. Returns them. Those for which the queue has no
    /// room stay due.
    @discardableResult
    public func runDueSchedules(at now: Timestamp = .now) throws -> [Job] {
        let db = try database()
        let due = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT \(Schedule.selection) FROM schedules
                    WHERE is_enabled = 1 AND next_at <= ? AND NOT EXISTS (
                        SELECT 1 FROM jobs WHERE jobs.id = schedules.job_id AND status IN ('queued', 'running'))
                    ORDER BY next_at LIMIT 100
                    """), arguments: [now.microseconds]
        ).map { try Schedule($0) }
        var queued: [Job] = []
        for var schedule in due {
            var job = Job(
                type: schedule.jobType, params: schedule.params, priority: schedule.priority, createdAt: now)
            job.schedule = schedule.name
            do { job = try enqueue(job).job } catch EngineError.busy { break }
            schedule.lastAt = now
            schedule.jobID = job.id
            // Missed times are made up for by this one job.
            if let next = schedule.time.next(after: now) { schedule.nextAt = next } else { schedule.isEnabled = false }
            try change(of: .work) { try schedule.store(db) }
            queued.append(job)
        }
        return queued
    }
}
