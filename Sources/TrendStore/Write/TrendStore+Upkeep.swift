import GRDB
import SearchEngine

extension TrendStore {
    /// Does what is due at a time: gives jobs back whose lease ran out, queues jobs of schedules, and lets a part go of what has
    /// grown old (events, fingerprints, ended jobs and executions). Returns whether there is more to do at once.
    ///
    /// Where nothing is due, nothing is written. Each duty is tried, whatever came of the others; the first error is thrown then.
    public func tend(at now: Timestamp = .now) throws -> Bool {
        let due = try engine.read { try Due(at: now, newest: events.last, $0) }
        var failure: (any Error)?
        var removed = 0
        func attempt(_ isDue: Bool, _ duty: () throws -> Int) {
            guard isDue else { return }
            do { removed += try duty() } catch { failure = failure ?? error }
        }
        attempt(due.leases) {
            try writeRows { _ = try $0.expireLeases(at: now) }
            return 0
        }
        attempt(due.schedules) {
            try writeRows { _ = try $0.runDueSchedules(at: now) }
            return 0
        }
        attempt(due.events) { try trimEvents() }
        attempt(due.fingerprints) { try trimFingerprints(at: now) }
        attempt(due.jobs) { try trimJobs(at: now) }
        attempt(due.executions) { try trimExecutions(at: now) }
        if let failure { throw failure }
        return removed > 0
    }

    /// Trimming begins when so many are too many, so that it isn't done for each.
    private static let slackEvents: Int64 = 5_000

    private struct Due {
        var leases: Bool
        var schedules: Bool
        var events: Bool
        var fingerprints: Bool
        var jobs: Bool
        var executions: Bool

        init(at now: Timestamp, newest: Int64, _ db: GRDB.Database) throws {
            func exists(_ sql: String, _ argument: Int64) throws -> Bool {
                try Bool.fetchOne(db.cachedStatement(sql: "SELECT EXISTS (\(sql))"), arguments: [argument]) == true
            }
            let now = now.microseconds
            leases = try exists("SELECT 1 FROM jobs WHERE status = 'running' AND leased_until <= ?", now)
            schedules = try exists(
                """
                SELECT 1 FROM schedules WHERE is_enabled = 1 AND next_at <= ? AND NOT EXISTS (
                    SELECT 1 FROM jobs WHERE jobs.id = schedules.job_id AND status IN ('queued', 'running'))
                """, now)
            events = try exists(
                "SELECT 1 FROM events WHERE sequence <= ?", newest - TrendStore.keptEvents - TrendStore.slackEvents)
            // An hour late, many at once.
            let day = Int64(TrendTransaction.knownForSeconds) * 1_000_000
            fingerprints = try exists("SELECT 1 FROM trend_fingerprints WHERE seen_at <= ?", now - day - day / 24)
            let days = Int64(TrendStore.endedStayDays) * 86_400_000_000
            let hour: Int64 = 3_600_000_000
            jobs = try exists("SELECT 1 FROM jobs WHERE finished_at < ?", now - days - hour)
            executions = try exists("SELECT 1 FROM agent_executions WHERE started_at < ?", now - days - hour)
        }
    }
}
