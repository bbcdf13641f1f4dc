import Foundation
import GRDB
import JSON
import SearchEngine
import Synchronization
import TestSupport
import Testing
import TrendStore

/// Each kind of change is stopped at each of its writes to a table: nothing of it may stay, in rows, points, events or memory, and
/// the next attempt succeeds.
@Suite struct FailureInjectionTests {
    /// Fails the n-th write to a table, counted from `arm` on.
    private final class Injection: Sendable {
        private struct State {
            var left: Int?
            var count = 0
        }

        private let state = Mutex(State())

        func arm(_ write: Int?) {
            state.withLock { $0 = State(left: write) }
        }

        /// Writes since `arm`.
        var writes: Int { state.withLock { $0.count } }

        /// Whether this write is the one.
        func isHit() -> Bool {
            state.withLock { state in
                state.count += 1
                guard let left = state.left else { return false }
                state.left = left - 1
                return left == 0
            }
        }

        /// Looks at all tables' writes of the connection that writes.
        func install(_ storage: Storage) throws {
            try storage.engine.write { transaction in
                let db = transaction.database
                db.add(
                    function: DatabaseFunction("inject", argumentCount: 0) { [self] _ in
                        if isHit() { throw DatabaseError(message: "injected") }
                        return nil
                    })
                let tables = try String.fetchAll(
                    db,
                    sql: """
                        SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'
                        AND name NOT LIKE 'sqlite%' AND name NOT GLOB '*_text*'
                        """)
                for table in tables {
                    for event in ["INSERT", "UPDATE", "DELETE"] {
                        try db.execute(
                            sql: """
                                CREATE TEMP TRIGGER "inject \(table) \(event)" BEFORE \(event) ON "\(table)"
                                BEGIN SELECT inject(); END
                                """)
                    }
                }
            }
        }
    }

    /// All rows of all tables.
    private func rows(_ storage: Storage) throws -> [String] {
        try storage.engine.read { db in
            let tables = try String.fetchAll(
                db, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_stat1' ORDER BY name")
            return try tables.flatMap { table in
                try Row.fetchAll(db, sql: "SELECT * FROM \"\(table)\"").map { "\(table) \($0)" }.sorted()
            }
        }
    }

    private struct World {
        var trend: Trend
        var idea: Idea
        var business: Business
        var queued: Job
        var running: Job
        var execution: UUID
    }

    private static let now = Timestamp.now

    private func fill(_ store: TrendStore) throws -> World {
        let trend = try store.createTrend(
            Trend(title: "T", url: "https://a.org/t", source: .vk, tags: ["a", "b"], discoveredAt: Self.now),
            embedding: axis(0))
        let idea = try store.createIdea(Idea(trendID: trend.id, title: "I", scores: someScores), embedding: axis(1))
        return try store.writeRows { transaction in
            let business = try transaction.createBusiness(Business(ideaID: idea.id, name: "B"))
            let running = try transaction.enqueue(Job(type: "r", createdAt: Self.now)).job
            let claimed = try #require(
                try transaction.claim(.init(types: ["r"], worker: "w", leaseSeconds: 60), at: Self.now))
            let queued = try transaction.enqueue(Job(type: "q", createdAt: Self.now)).job
            _ = try transaction.setSchedule(Schedule(name: "s", jobType: "s", time: CronTime("@hourly")!), at: Self.now)
            #expect(claimed.job.id == running.id)
            return World(
                trend: trend, idea: idea, business: business, queued: queued, running: claimed.job,
                execution: claimed.execution)
        }
    }

    private typealias Change = @Sendable (TrendTransaction, World) throws -> Void

    private static let changes: [(name: String, change: Change)] = [
        (
            "create",
            { transaction, _ in
                try transaction.createTrend(Trend(title: "U", source: .vk, tags: ["c"]), embedding: axis(2))
            }
        ),
        (
            "ingest a known one",
            { transaction, _ in
                _ = try transaction.ingest(
                    FoundTrend(Trend(title: "t!", url: "https://a.org/u", source: .reddit)), at: now)
            }
        ),
        (
            "ingest a new one",
            { transaction, _ in
                _ = try transaction.ingest(
                    FoundTrend(Trend(title: "U", url: "https://a.org/u", source: .vk), embedding: axis(3)))
            }
        ),
        (
            "update",
            { transaction, world in
                try transaction.updateTrend(world.trend.id, embedding: axis(4)) {
                    $0.title = "changed"
                    $0.tags = ["z"]
                    $0.engagementScore = 7
                }
            }
        ),
        (
            "observe",
            { transaction, world in
                try transaction.observe(
                    Observation(observedAt: now.adding(seconds: 9_000), engagementScore: 9, source: .vk),
                    of: world.trend.id)
            }
        ),
        ("embed", { transaction, world in _ = try transaction.embedTrends([(world.trend.id, axis(5))]) }),
        ("delete", { transaction, world in try transaction.deleteTrend(world.trend.id) }),
        (
            "create an idea",
            { transaction, world in
                try transaction.createIdea(
                    Idea(trendID: world.trend.id, title: "J", scores: someScores), embedding: axis(6))
            }
        ),
        (
            "update an idea",
            { transaction, world in
                try transaction.updateIdea(world.idea.id, embedding: axis(7)) { $0.status = .approved }
            }
        ),
        ("delete an idea", { transaction, world in try transaction.deleteIdea(world.idea.id) }),
        (
            "create a business",
            { transaction, world in
                try transaction.createBusiness(Business(ideaID: world.idea.id, name: "C"))
            }
        ),
        (
            "update a business",
            { transaction, world in
                try transaction.updateBusiness(world.business.id) { $0.status = .launched }
            }
        ),
        ("delete a business", { transaction, world in try transaction.deleteBusiness(world.business.id) }),
        ("enqueue", { transaction, _ in try transaction.enqueue(Job(type: "n")) }),
        (
            "claim",
            { transaction, _ in
                _ = try transaction.claim(.init(types: ["q"], worker: "v"), at: now.adding(seconds: 1))
            }
        ),
        (
            "report",
            { transaction, world in
                _ = try transaction.report(
                    .init(progress: 0.5, checkpoint: ["a": 1]), on: world.running.id, lease: world.running.lease!,
                    at: now.adding(seconds: 1))
            }
        ),
        (
            "complete",
            { transaction, world in
                _ = try transaction.complete(
                    world.running.id, lease: world.running.lease!, result: ["n": 1], at: now.adding(seconds: 1))
            }
        ),
        (
            "fail",
            { transaction, world in
                _ = try transaction.fail(
                    world.running.id, lease: world.running.lease!, error: "x", at: now.adding(seconds: 1))
            }
        ),
        ("cancel", { transaction, world in _ = try transaction.cancel(world.running.id, at: now.adding(seconds: 1)) }),
        ("leases", { transaction, _ in _ = try transaction.expireLeases(at: now.adding(seconds: 120)) }),
        ("schedules", { transaction, _ in _ = try transaction.runDueSchedules(at: now.adding(seconds: 7_200)) }),
        (
            "set a schedule",
            { transaction, _ in
                _ = try transaction.setSchedule(Schedule(name: "t", jobType: "t", time: CronTime("@daily")!), at: now)
            }
        ),
        ("delete a schedule", { transaction, _ in _ = try transaction.deleteSchedule("s") }),
        ("execution", { transaction, _ in _ = try transaction.createExecution(AgentExecution(agentType: "e")) }),
    ]

    @Test(arguments: changes.indices)
    func nothingStays(_ place: Int) throws {
        let (name, change) = Self.changes[place]
        let storage = try Storage()
        let world = try fill(storage.store)
        let injection = Injection()
        try injection.install(storage)
        let before = try rows(storage)
        let events = storage.store.events.last
        struct Stop: Error {}
        // How many writes it takes, undone.
        injection.arm(nil)
        #expect(throws: Stop.self) {
            try storage.store.write { transaction in
                try change(transaction, world)
                throw Stop()
            }
        }
        let writes = injection.writes
        #expect(writes > 0, "\(name)")
        for write in 0..<writes {
            injection.arm(write)
            #expect(throws: (any Error).self, "\(name), write \(write)") {
                try storage.store.write { try change($0, world) }
            }
            injection.arm(nil)
            #expect(try rows(storage) == before, "\(name), write \(write)")
            #expect(storage.store.events.last == events, "\(name), write \(write)")
            #expect(try storage.store.check().isConsistent, "\(name), write \(write)")
        }
        try storage.store.write { try change($0, world) }
        #expect(try rows(storage) != before && storage.store.check().isConsistent, "\(name)")
        try storage.reopen()
        #expect(try storage.store.check().isConsistent, "\(name)")
    }
}
