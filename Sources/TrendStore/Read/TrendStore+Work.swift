import Foundation
import GRDB
import SearchEngine

extension TrendStore {
    /// The business; `nil` when there is none.
    public func business(_ id: UUID) throws -> Business? { try engine.read { try Business.fetch(id, $0) } }

    /// The job; `nil` when there is none.
    public func job(_ id: UUID) throws -> Job? { try engine.read { try Job.fetch(id, $0) } }

    /// The run of an agent; `nil` when there is none.
    public func execution(_ id: UUID) throws -> AgentExecution? { try engine.read { try AgentExecution.fetch(id, $0) } }

    /// A page of the businesses that match; otherwise as `listTrends`. Complexity: O(page) without a filter or with one status
    /// by the time of making; other filters read the rows on the way.
    public func listBusinesses(
        _ filter: BusinessFilter = BusinessFilter(), by order: BusinessOrder = .createdAt,
        _ direction: SortDirection = .descending, limit: Int = 50, offset: Int = 0, after: PageCursor? = nil
    ) throws -> Page<Business> {
        try list(filter, by: order.rawValue, direction, limit, offset, after) { business in
            switch order {
            case .createdAt: .integer(business.createdAt.microseconds)
            case .revenueMonthly: .integer(business.revenueMonthly.cents)
            }
        }
    }

    /// A page of the jobs that match; otherwise as `listTrends`. Complexity: O(page) without a filter, with one status or one
    /// type; other filters read the rows on the way.
    public func listJobs(
        _ filter: JobFilter = JobFilter(), _ direction: SortDirection = .descending, limit: Int = 50, offset: Int = 0,
        after: PageCursor? = nil
    ) throws -> Page<Job> {
        try list(filter, by: JobOrder.createdAt.rawValue, direction, limit, offset, after) {
            .integer($0.createdAt.microseconds)
        }
    }

    /// A page of the runs of agents that match; otherwise as `listTrends`. Complexity: O(page) without a filter, with one status
    /// or one type; other filters read the rows on the way.
    public func listExecutions(
        _ filter: ExecutionFilter = ExecutionFilter(), _ direction: SortDirection = .descending, limit: Int = 50,
        offset: Int = 0, after: PageCursor? = nil
    ) throws -> Page<AgentExecution> {
        try list(filter, by: ExecutionOrder.startedAt.rawValue, direction, limit, offset, after) {
            .integer($0.startedAt.microseconds)
        }
    }

    public func countBusinesses(_ filter: BusinessFilter = BusinessFilter()) throws -> Int { try count(filter) }
    public func countJobs(_ filter: JobFilter = JobFilter()) throws -> Int { try count(filter) }
    public func countExecutions(_ filter: ExecutionFilter = ExecutionFilter()) throws -> Int { try count(filter) }

    /// The schedule; `nil` when there is none of the name.
    public func schedule(_ name: String) throws -> Schedule? {
        // As rows store it.
        try engine.read { try Schedule.fetch(name.precomposedStringWithCanonicalMapping, $0) }
    }

    /// All schedules, by name; at most 1,000.
    public func schedules() throws -> [Schedule] {
        try engine.read { db in
            try Row.fetchAll(db, sql: "SELECT \(Schedule.selection) FROM schedules ORDER BY name LIMIT 1000")
                .map { try Schedule($0) }
        }
    }

    /// Whether a job of a type may be claimed. Complexity: O(log jobs).
    public func isJobWaiting(_ type: String, at now: Timestamp = .now) throws -> Bool {
        try engine.read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT EXISTS (
                        SELECT 1 FROM jobs WHERE status = 'queued' AND type = ? AND priority IN (0, 1, 2) AND available_at <= ?)
                    """)
            return try Bool.fetchOne(statement, arguments: [type, now.microseconds]) == true
        }
    }

    /// Jobs by status; for metrics. Complexity: O(jobs).
    public func jobCounts() throws -> [JobStatus: Int] {
        try engine.read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT status, count(*) FROM jobs GROUP BY status")
            var counts: [JobStatus: Int] = [:]
            for row in rows { if let status = JobStatus(rawValue: row[0]) { counts[status] = row[1] } }
            return counts
        }
    }

    /// How agents of each type are doing, by type; at most 1,000 types. Complexity: O(types · log rows).
    public func agentStates() throws -> [AgentState] {
        try engine.read { db in
            let types = try String.fetchAll(
                db,
                sql: """
                    WITH RECURSIVE
                        run(type) AS (
                            SELECT min(agent_type) FROM agent_executions
                            UNION ALL SELECT (SELECT min(agent_type) FROM agent_executions WHERE agent_type > type)
                            FROM run WHERE type IS NOT NULL),
                        asked(type) AS (
                            SELECT min(type) FROM jobs
                            UNION ALL SELECT (SELECT min(jobs.type) FROM jobs WHERE jobs.type > asked.type)
                            FROM asked WHERE asked.type IS NOT NULL)
                    SELECT type FROM run WHERE type IS NOT NULL UNION SELECT type FROM asked WHERE type IS NOT NULL
                    ORDER BY 1 LIMIT 1000
                    """)
            return try types.map { try AgentState($0, db) }
        }
    }
}

/// How agents of a type are doing.
public struct AgentState: Sendable, Hashable {
    public enum Activity: String, Sendable, Hashable, CaseIterable {
        /// One of them works.
        case running
        /// A job waits for one.
        case queued
        /// The latest run failed.
        case failed
        case idle
    }

    public var agentType: String
    public var activity: Activity
    /// When the latest run began.
    public var lastRun: Timestamp?
    public var lastStatus: ExecutionStatus?
    public var queuedJobs: Int

    fileprivate init(_ type: String, _ db: GRDB.Database) throws {
        agentType = type
        let latest = try Row.fetchOne(
            db,
            sql: """
                SELECT started_at, status FROM agent_executions WHERE agent_type = ? ORDER BY started_at DESC, id DESC LIMIT 1
                """, arguments: [type])
        lastRun = (latest?[0] as Int64?).map { Timestamp(microseconds: $0) }
        lastStatus = (latest?[1] as String?).flatMap { ExecutionStatus(rawValue: $0) }
        let isRunning = try Bool.fetchOne(
            db,
            sql: """
                SELECT EXISTS (SELECT 1 FROM agent_executions WHERE agent_type = ? AND status = 'running')
                """, arguments: [type])
        queuedJobs =
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM jobs WHERE type = ? AND status = 'queued'", arguments: [type]) ?? 0
        activity =
            isRunning == true
            ? .running : queuedJobs > 0 ? .queued : lastStatus == .failed ? .failed : .idle
    }
}

extension TrendStore {
    /// For how long ended jobs, and executions from their beginning, stay.
    public static let endedStayDays = 30

    /// Deletes jobs that ended more than 30 days ago, at most `limit` of them. Returns how many.
    public func trimJobs(at now: Timestamp = .now, limit: Int = 1_000) throws -> Int {
        try trim("jobs", "finished_at", at: now, limit)
    }

    /// Deletes executions that began more than 30 days ago, at most `limit` of them, also those of which no end was told. Returns
    /// how many.
    public func trimExecutions(at now: Timestamp = .now, limit: Int = 1_000) throws -> Int {
        try trim("agent_executions", "started_at", at: now, limit)
    }

    private func trim(_ table: String, _ column: String, at now: Timestamp, _ limit: Int) throws -> Int {
        let before = now.adding(seconds: -Double(Self.endedStayDays) * 86_400).microseconds
        return try engine.write(mayUseReserve: true) { [self] transaction in
            noteChange(of: .work, transaction)
            let db = transaction.database
            try db.execute(
                sql: """
                    DELETE FROM \(table) WHERE id IN (SELECT id FROM \(table) WHERE \(column) < ? ORDER BY \(column) LIMIT ?)
                    """, arguments: [before, limit])
            return db.changesCount
        }
    }
}
