import Foundation
import JSON
import TestSupport
import Testing
import TrendStore

/// Jobs, leases, retries and the runs that go with them, at times that the tests choose.
@Suite struct JobTests {
    private static let start = Timestamp("2026-05-01T12:00:00Z")!
    private static func at(_ seconds: Double) -> Timestamp { start.adding(seconds: seconds) }

    private func enqueue(
        _ storage: Storage, _ type: String = "scout", priority: JobPriority = .medium, attempts: Int = 3,
        at seconds: Double = 0, key: String? = nil
    ) throws -> Job {
        try storage.store.writeRows {
            try $0.enqueue(
                Job(
                    type: type, params: ["n": 1], priority: priority, maxAttempts: attempts, backoffSeconds: 10,
                    idempotencyKey: key, createdAt: Self.at(seconds))
            ).job
        }
    }

    private func claim(
        _ storage: Storage, _ types: [String] = ["scout"], at seconds: Double, lease: Double = 60
    ) throws -> (job: Job, execution: UUID)? {
        try storage.store.writeRows {
            try $0.claim(.init(types: types, worker: "w", leaseSeconds: lease), at: Self.at(seconds))
        }
    }

    private func state(_ storage: Storage, _ job: Job) throws -> Job { try #require(try storage.store.job(job.id)) }

    @Test func claimedByPriorityAndAge() throws {
        let storage = try Storage()
        let low = try enqueue(storage, priority: .low, at: 0)
        let second = try enqueue(storage, at: 2)
        let first = try enqueue(storage, "writer", at: 1)
        let high = try enqueue(storage, priority: .high, at: 3)
        _ = try enqueue(storage, "another", priority: .high, at: 0)
        let later = try enqueue(storage, priority: .high, at: 100)
        let order = try (0..<5).map { _ in try claim(storage, ["scout", "writer"], at: 10)?.job.id }
        #expect(order == [high.id, first.id, second.id, low.id, nil])
        #expect(try claim(storage, at: 99)?.job == nil)
        #expect(try claim(storage, at: 100)?.job.id == later.id)
    }

    /// A job is in one worker's hands, whatever many of them ask for at once.
    @Test func eachJobIsClaimedOnce() throws {
        let storage = try Storage()
        for place in 0..<200 { _ = try enqueue(storage, at: Double(place)) }
        let store = storage.store
        nonisolated(unsafe) var claimed: [[UUID]] = Array(repeating: [], count: 8)
        DispatchQueue.concurrentPerform(iterations: 8) { worker in
            var mine: [UUID] = []
            while let job = try? store.writeRows({
                try $0.claim(.init(types: ["scout"], worker: "\(worker)"), at: Self.at(1_000))
            }) {
                mine.append(job.job.id)
            }
            claimed[worker] = mine
        }
        let all = claimed.flatMap { $0 }
        #expect(all.count == 200 && Set(all).count == 200)
    }

    @Test func progressCompletionAndItsRepetition() throws {
        let storage = try Storage()
        let job = try enqueue(storage)
        let (held, execution) = try #require(try claim(storage, at: 1))
        let lease = try #require(held.lease)
        let reported = try storage.store.writeRows {
            try $0.report(
                .init(progress: 0.5, message: "half", checkpoint: ["step": 2], leaseSeconds: 100), on: job.id,
                lease: lease,
                at: Self.at(50))
        }
        #expect(reported.leasedUntil == Self.at(150) && reported.checkpoint == ["step": 2])
        let done = try storage.store.writeRows {
            try $0.complete(job.id, lease: lease, result: ["found": 3], at: Self.at(120))
        }
        #expect(
            done.status == .completed && done.progress == 1 && done.result == ["found": 3] && done.leasedUntil == nil)
        // An answer that was lost on its way is asked for again.
        let again = try storage.store.writeRows {
            try $0.complete(job.id, lease: lease, result: ["found": 4], at: Self.at(130))
        }
        #expect(again == done)
        let run = try #require(try storage.store.execution(execution))
        #expect(run.status == .completed && run.output == ["found": 3] && run.durationSeconds == 119)
        for other in [lease, UUID()] {
            #expect(throws: TrendStoreError.self) {
                try storage.store.writeRows { try $0.report(.init(), on: job.id, lease: other, at: Self.at(131)) }
            }
        }
    }

    /// Attempts wait 10, 20, 40 … seconds, until they are used up.
    @Test func failuresAreRetriedBehindTheirBackoff() throws {
        let storage = try Storage()
        let job = try enqueue(storage, attempts: 4)
        var now = 0.0
        for (attempt, wait) in [10.0, 20, 40].enumerated() {
            let held = try #require(try claim(storage, at: now)?.job)
            #expect(held.attempts == attempt + 1)
            let failed = try storage.store.writeRows {
                try $0.fail(job.id, lease: held.lease!, error: "no luck", at: Self.at(now + 1))
            }
            #expect(
                failed.status == .queued && failed.availableAt == Self.at(now + 1 + wait) && failed.error == "no luck")
            #expect(try claim(storage, at: now + wait + 0.9)?.job == nil)
            now += 1 + wait
        }
        let held = try #require(try claim(storage, at: now)?.job)
        let failed = try storage.store.writeRows {
            try $0.fail(job.id, lease: held.lease!, error: "again", at: Self.at(now + 1))
        }
        #expect(failed.status == .failed && failed.finishedAt == Self.at(now + 1))
        #expect(try claim(storage, at: 1e6)?.job == nil)
        let runs = try storage.store.listExecutions().rows
        #expect(runs.count == 4 && runs.allSatisfy { $0.status == .failed && $0.completedAt != nil })
    }

    @Test func aFinalFailureIsNotRetried() throws {
        let storage = try Storage()
        let job = try enqueue(storage)
        let lease = try #require(try claim(storage, at: 0)?.job.lease)
        let failed = try storage.store.writeRows {
            try $0.fail(job.id, lease: lease, error: "bad params", isFinal: true, at: Self.at(1))
        }
        #expect(failed.status == .failed && failed.attempts == 1)
    }

    /// A worker that vanishes loses its job; the next one goes on at the checkpoint, and the old one's reports are refused.
    @Test func aLostLeaseIsGivenToAnother() throws {
        let storage = try Storage()
        let job = try enqueue(storage)
        let old = try #require(try claim(storage, at: 0, lease: 30)?.job.lease)
        _ = try storage.store.writeRows {
            try $0.report(.init(checkpoint: ["row": 7], leaseSeconds: 30), on: job.id, lease: old, at: Self.at(10))
        }
        #expect(try claim(storage, at: 39)?.job == nil)
        // The claim at 40 gives it back; it is available behind its backoff.
        #expect(try claim(storage, at: 40)?.job == nil)
        #expect(try state(storage, job).status == .queued)
        let next = try #require(try claim(storage, at: 50)?.job)
        #expect(next.id == job.id && next.attempts == 2 && next.checkpoint == ["row": 7] && next.lease != old)
        for attempt in [
            { try $0.report(.init(), on: job.id, lease: old, at: Self.at(51)) },
            { try $0.complete(job.id, lease: old, result: [:], at: Self.at(51)) },
            { try $0.fail(job.id, lease: old, error: "", at: Self.at(51)) },
        ] as [@Sendable (TrendTransaction) throws -> Job] {
            #expect(throws: TrendStoreError.self) { try storage.store.writeRows(attempt) }
        }
        #expect(try state(storage, job).lease == next.lease)
    }

    /// A report extends a lease, and shortens none that was claimed for longer.
    @Test func reportsKeepLongLeases() throws {
        let storage = try Storage()
        let job = try enqueue(storage)
        let lease = try #require(try claim(storage, at: 0, lease: 3_600)?.job.lease)
        func report(_ report: TrendTransaction.Report, at seconds: Double) throws -> Timestamp? {
            try storage.store.writeRows { try $0.report(report, on: job.id, lease: lease, at: Self.at(seconds)) }
                .leasedUntil
        }
        #expect(try report(.init(progress: 0.1), at: 300) == Self.at(3_600))
        #expect(try report(.init(), at: 3_590) == Self.at(3_650))
        #expect(try report(.init(leaseSeconds: 5), at: 3_600) == Self.at(3_605))
    }

    /// What is said of an attempt whose lease ran out is refused, also while nobody else has the job.
    @Test func lostAttemptsCanNotFail() throws {
        let storage = try Storage()
        let job = try enqueue(storage)
        let lease = try #require(try claim(storage, at: 0, lease: 30)?.job.lease)
        _ = try storage.store.tend(at: Self.at(31))
        #expect(throws: TrendStoreError.self) {
            try storage.store.writeRows {
                try $0.fail(job.id, lease: lease, error: "x", isFinal: true, at: Self.at(32))
            }
        }
        #expect(try state(storage, job).status == .queued)
    }

    /// Each duty is done, whatever came of the others; schedules wait for room in the queue.
    @Test func upkeepGoesPastAFullQueue() throws {
        let storage = try Storage()
        let schedule = Schedule(name: "s", jobType: "t", time: CronTime("@hourly")!)
        _ = try storage.store.writeRows { try $0.setSchedule(schedule, at: Self.start) }
        try storage.engine.write { transaction in
            try transaction.database.execute(
                sql: """
                    INSERT INTO jobs (id, type, params, priority, status, attempts, max_attempts, backoff_seconds, available_at,
                        progress, created_at)
                    WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
                    SELECT printf('00000000-0000-4000-8000-%012d', n), 'full', '{}', 1, 'queued', 0, 3, 10, 0, 0, 0 FROM n
                    """, arguments: [50_000])
        }
        let run = try storage.store.writeRows {
            try $0.createExecution(AgentExecution(agentType: "scout", startedAt: Self.start))
        }
        let month = 30.0 * 86_400 + 2 * 3_600
        _ = try storage.store.tend(at: Self.at(month))
        #expect(try storage.store.execution(run.id) == nil)
        #expect(try storage.store.schedule("s")?.jobID == nil)
        try storage.engine.write { try $0.database.execute(sql: "DELETE FROM jobs WHERE type = 'full'") }
        _ = try storage.store.tend(at: Self.at(month))
        #expect(try storage.store.schedule("s")?.jobID != nil)
    }

    /// The same params in another order, or with numbers written in another way, are the same.
    @Test func idempotencyKeysLookAtWhatIsSaid() throws {
        let storage = try Storage()
        func enqueue(_ params: JSONValue) throws -> (job: Job, isNew: Bool) {
            var job = Job(type: "t", params: params)
            job.idempotencyKey = "k"
            return try storage.store.writeRows { [job] in try $0.enqueue(job) }
        }
        let first = try enqueue(["a": 1, "b": ["c": [1, 2.5], "d": nil]])
        let again = try enqueue(["b": ["d": nil, "c": [1.0, 2.5]], "a": 1])
        #expect(first.isNew && !again.isNew && again.job.id == first.job.id)
        for other: JSONValue in [
            ["a": 1], ["a": 1, "b": ["c": [2.5, 1], "d": nil]], ["a": true, "b": ["c": [1, 2.5], "d": nil]],
        ] {
            #expect(throws: TrendStoreError.self) { try enqueue(other) }
        }
    }

    /// A report that comes after the lease's end is too late also if nobody has claimed the job meanwhile.
    @Test func reportsBehindTheLeaseAreRefused() throws {
        let storage = try Storage()
        let job = try enqueue(storage)
        let lease = try #require(try claim(storage, at: 0, lease: 30)?.job.lease)
        #expect(throws: TrendStoreError.self) {
            try storage.store.writeRows { try $0.complete(job.id, lease: lease, result: [:], at: Self.at(30)) }
        }
    }

    @Test func leasesRunOutByThemselves() throws {
        let storage = try Storage()
        let job = try enqueue(storage, attempts: 1)
        _ = try claim(storage, at: 0, lease: 30)
        _ = try storage.store.tend(at: Self.at(29))
        #expect(try state(storage, job).status == .running)
        _ = try storage.store.tend(at: Self.at(30))
        #expect(try state(storage, job).status == .failed)
        #expect(try storage.store.listExecutions().rows.map(\.status) == [.failed])
    }

    @Test func postponedJobsHaveTheirAttemptsStill() throws {
        let storage = try Storage()
        let job = try enqueue(storage, attempts: 1)
        for round in 0..<3 {
            let start = Double(round * 1_000)
            #expect(try storage.store.isJobWaiting("scout", at: Self.at(start)))
            let (held, execution) = try #require(try claim(storage, at: start))
            let lease = try #require(held.lease)
            func postpone() throws -> Job {
                try storage.store.writeRows {
                    try $0.postpone(
                        job.id, lease: lease, until: Self.at(start + 1_000), message: "wait", at: Self.at(start + 1))
                }
            }
            let waiting = try postpone()
            #expect(waiting.status == .queued && waiting.attempts == 0 && waiting.message == "wait")
            #expect(waiting.availableAt == Self.at(start + 1_000) && waiting.leasedUntil == nil)
            #expect(try postpone() == waiting, "Said again it changes nothing")
            #expect(try !storage.store.isJobWaiting("scout", at: Self.at(start + 999)))
            #expect(try claim(storage, at: start + 999) == nil)
            #expect(try storage.store.execution(execution)?.error == "wait")
        }
        #expect(throws: TrendStoreError.self) {
            try storage.store.writeRows { try $0.postpone(job.id, lease: UUID(), until: Self.start, message: "") }
        }
    }

    @Test func jobsOfAGoneWorkerAreGivenBack() throws {
        let storage = try Storage()
        let jobs = try (0..<3).map { try enqueue(storage, at: Double($0)) }
        let other = try enqueue(storage, "writer")
        for _ in 0..<2 { _ = try claim(storage, at: 10) }
        _ = try claim(storage, ["writer"], at: 10)
        func release(_ worker: String) throws -> Int {
            try storage.store.writeRows {
                try $0.releaseJobs(of: worker, type: "scout", message: "gone", at: Self.at(20))
            }
        }
        #expect(try release("another") == 0)
        #expect(try release("w") == 2)
        #expect(try release("w") == 0)
        #expect(try jobs.map { try state(storage, $0).attempts } == [0, 0, 0])
        #expect(try state(storage, jobs[0]).availableAt == Self.at(20))
        #expect(try state(storage, other).status == .running)
        #expect(try claim(storage, at: 20)?.job.attempts == 1)
    }

    /// Each run that ends is told once it is committed, whoever ended it.
    @Test func endedRunsAreObserved() throws {
        let storage = try Storage()
        nonisolated(unsafe) var seen: [AgentExecution] = []
        storage.store.observeEndedExecutions { seen.append($0) }
        let job = try enqueue(storage)
        let (held, execution) = try #require(try claim(storage, at: 1))
        struct Undone: Error {}
        #expect(throws: Undone.self) {
            try storage.store.writeRows {
                _ = try $0.complete(job.id, lease: held.lease!, result: [:], at: Self.at(2))
                throw Undone()
            }
        }
        #expect(seen.isEmpty)
        for _ in 0..<2 {
            _ = try storage.store.writeRows {
                try $0.complete(job.id, lease: held.lease!, result: [:], at: Self.at(3))
            }
        }
        #expect(seen.map(\.id) == [execution] && seen[0].durationSeconds == 2)
        let own = try storage.store.writeRows { try $0.createExecution(AgentExecution(agentType: "scout")) }
        #expect(seen.count == 1)
        for _ in 0..<2 {
            _ = try storage.store.writeRows { try $0.updateExecution(own.id) { $0.output = ["n": 1] } }
            _ = try? storage.store.writeRows { try $0.updateExecution(own.id) { $0.status = .failed } }
        }
        #expect(seen.count == 2 && seen[1].id == own.id && seen[1].status == .failed)
    }

    @Test func idempotencyKeys() throws {
        let storage = try Storage()
        let job = try enqueue(storage, key: "k")
        #expect(try enqueue(storage, at: 9, key: "k").id == job.id)
        #expect(throws: TrendStoreError.self) { try enqueue(storage, "other", key: "k") }
        #expect(try enqueue(storage, key: "l").id != job.id)
        #expect(try storage.store.countJobs() == 2)
        try storage.reopen()
        #expect(try enqueue(storage, key: "k").id == job.id)
    }

    @Test func cancelled() throws {
        let storage = try Storage()
        let (waiting, running) = (try enqueue(storage, at: 5), try enqueue(storage))
        let lease = try #require(try claim(storage, at: 1)?.job.lease)
        for job in [waiting, running] {
            let done = try storage.store.writeRows { try $0.cancel(job.id, at: Self.at(2)) }
            #expect(done.status == .cancelled)
        }
        #expect(throws: TrendStoreError.self) {
            try storage.store.writeRows { try $0.complete(running.id, lease: lease, result: [:], at: Self.at(3)) }
        }
        #expect(try claim(storage, at: 100)?.job == nil)
        #expect(try storage.store.listExecutions().rows.map(\.status) == [.failed])
    }

    /// Which end each step of an execution may have.
    @Test func executionsWithoutAJob() throws {
        let storage = try Storage()
        let run = try storage.store.writeRows {
            try $0.createExecution(AgentExecution(agentType: "scout", startedAt: Self.start))
        }
        let done = try storage.store.writeRows {
            try $0.updateExecution(run.id, at: Self.at(2.5)) {
                $0.status = .completed
                $0.output = ["n": 1]
            }
        }
        #expect(done.durationSeconds == 2.5)
        #expect(throws: TrendStoreError.self) {
            try storage.store.writeRows { try $0.updateExecution(run.id) { $0.status = .running } }
        }
        let job = try enqueue(storage)
        let (_, ofJob) = try #require(try claim(storage, at: 1))
        #expect(throws: TrendStoreError.self) {
            try storage.store.writeRows { try $0.updateExecution(ofJob) { $0.status = .completed } }
        }
        #expect(try state(storage, job).status == .running)
    }

    @Test func statesOfAgents() throws {
        let storage = try Storage()
        #expect(try storage.store.agentStates() == [])
        for type in ["a", "b", "c", "d"] { _ = try enqueue(storage, type) }
        _ = try claim(storage, ["b"], at: 1)
        for (type, isFailed) in [("c", true), ("d", false)] {
            let job = try #require(try claim(storage, [type], at: 2)?.job)
            _ = try storage.store.writeRows {
                isFailed
                    ? try $0.fail(job.id, lease: job.lease!, error: "x", isFinal: true, at: Self.at(3))
                    : try $0.complete(job.id, lease: job.lease!, result: [:], at: Self.at(3))
            }
        }
        let states = try storage.store.agentStates()
        #expect(states.map(\.agentType) == ["a", "b", "c", "d"])
        #expect(states.map(\.activity) == [.queued, .running, .failed, .idle])
        #expect(states.map(\.lastRun) == [nil, Self.at(1), Self.at(2), Self.at(2)])
        #expect(states.map(\.queuedJobs) == [1, 0, 0, 0])
    }

    @Test func oldOnesGo() throws {
        let storage = try Storage()
        let job = try enqueue(storage)
        let lease = try #require(try claim(storage, at: 0)?.job.lease)
        _ = try storage.store.writeRows { try $0.complete(job.id, lease: lease, result: [:], at: Self.at(1)) }
        let waiting = try enqueue(storage)
        let month = 30.0 * 86_400
        _ = try storage.store.tend(at: Self.at(month))
        #expect(try storage.store.countJobs() == 2)
        _ = try storage.store.tend(at: Self.at(month + 2 * 3_600))
        #expect(try storage.store.listJobs().rows.map(\.id) == [waiting.id])
        #expect(try storage.store.countExecutions() == 0)
    }
}

/// Times at which something is due, against a calendar that looks at each minute.
@Suite struct CronTimeTests {
    @Test(arguments: [
        ("0 * * * *", "2026-05-01T12:00:00Z", "2026-05-01T13:00:00Z"),
        ("@hourly", "2026-05-01T12:59:59.999999Z", "2026-05-01T13:00:00Z"),
        ("0 */2 * * *", "2026-05-01T12:00:00Z", "2026-05-01T14:00:00Z"),
        ("*/15 9-17 * * 1-5", "2026-05-01T17:45:00Z", "2026-05-04T09:00:00Z"),
        ("30 4 1,15 * *", "2026-05-01T04:30:00Z", "2026-05-15T04:30:00Z"),
        ("0 0 29 2 *", "2026-05-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"),
        ("0 0 * * 7", "2026-05-01T00:00:00Z", "2026-05-03T00:00:00Z"),
        ("0 0 13 * 5", "2026-05-01T00:00:00Z", "2026-05-08T00:00:00Z"),
        ("5-10/5 0 * * *", "2026-05-01T00:05:00Z", "2026-05-01T00:10:00Z"),
        ("@weekly", "2026-05-01T00:00:00Z", "2026-05-03T00:00:00Z"),
        ("@monthly", "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z"),
        ("@daily", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("@every 90m", "2026-05-01T00:00:00Z", "2026-05-01T01:30:00Z"),
        ("@every 1m", "2026-05-01T00:00:59Z", "2026-05-01T00:01:00Z"),
    ])
    func next(_ time: String, _ after: String, _ expected: String) throws {
        let cron = try #require(CronTime(time))
        #expect(cron.next(after: try #require(Timestamp(after)))?.description == expected)
    }

    @Test(arguments: [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "0 0 31 2 *",
        "0 0 30 2 *", "-1 * * * *", "1-0 * * * *", "*/0 * * * *", "1, * * * *", "a * * * *", "@yearly", "@every",
        "@every 0m", "@every 5s", "@every 367d", "@every 99999999999999999999m", "*/99999999999999999999 * * * *",
        "1--2 * * * *", "1/2/3 * * * *", String(repeating: "1,", count: 200) + "1 * * * *",
    ])
    func refused(_ text: String) { #expect(CronTime(text) == nil) }

    /// Against a slow search, minute by minute.
    @Test func randomTimes() throws {
        var random = SeededGenerator()
        func field(_ range: ClosedRange<Int>) -> (String, Set<Int>) {
            let (a, b) = (Int.random(in: range, using: &random), Int.random(in: range, using: &random))
            let step = Int.random(in: 1...7, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: return ("*", Set(range))
            case 1: return ("\(a)", [a])
            case 2: return ("\(min(a, b))-\(max(a, b))", Set(min(a, b)...max(a, b)))
            default: return ("*/\(step)", Set(stride(from: range.lowerBound, through: range.upperBound, by: step)))
            }
        }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: "UTC")!
        for _ in 0..<60 {
            let (minute, hour) = (field(0...59), field(0...23))
            let (day, weekday) = (field(1...31), field(0...6))
            let text = "\(minute.0) \(hour.0) \(day.0) * \(weekday.0)"
            let cron = try #require(CronTime(text))
            let start = Timestamp(microseconds: Int64.random(in: 0...2_000_000_000, using: &random) * 1_000_000)
            let first = start.microseconds / 60_000_000 + 1
            let either = !day.0.hasPrefix("*") && !weekday.0.hasPrefix("*")
            var found: Int64?
            for today in first / 1_440..<first / 1_440 + 4_000 {
                guard found == nil else { break }
                let parts = calendar.dateComponents(
                    [.day, .weekday], from: Date(timeIntervalSince1970: Double(today * 86_400)))
                let isDay = day.1.contains(parts.day!)
                let isWeekday = weekday.1.contains(parts.weekday! - 1)
                guard either ? isDay || isWeekday : isDay && isWeekday else { continue }
                found = (max(first, today * 1_440)..<(today + 1) * 1_440).first { time in
                    hour.1.contains(Int(time % 1_440 / 60)) && minute.1.contains(Int(time % 60))
                }
            }
            #expect(
                cron.next(after: start) == found.map { Timestamp(microseconds: $0 * 60_000_000) },
                "\(text) after \(start)")
        }
    }
}

@Suite struct ScheduleTests {
    private static let start = Timestamp("2026-05-01T12:00:00Z")!
    private static func at(_ minutes: Double) -> Timestamp { start.adding(seconds: minutes * 60) }

    private func set(_ storage: Storage, _ time: String = "@hourly", at minutes: Double = 0) throws {
        let time = try #require(CronTime(time))
        try storage.store.writeRows {
            try $0.setSchedule(
                Schedule(name: "embed", jobType: "embedder", params: ["n": 1], time: time), at: Self.at(minutes))
        }
    }

    private func finish(_ storage: Storage, at minutes: Double) throws {
        _ = try storage.store.writeRows { transaction in
            let held = try #require(
                try transaction.claim(.init(types: ["embedder"], worker: "w"), at: Self.at(minutes)))
            return try transaction.complete(held.job.id, lease: held.job.lease!, result: [:], at: Self.at(minutes))
        }
    }

    @Test func oneRunAtATimeAndMissedOnesOnce() throws {
        let storage = try Storage()
        try set(storage)
        _ = try storage.store.tend(at: Self.at(59))
        #expect(try storage.store.countJobs() == 0)
        _ = try storage.store.tend(at: Self.at(60))
        _ = try storage.store.tend(at: Self.at(61))
        let job = try #require(try storage.store.listJobs().rows.first)
        #expect(job.type == "embedder" && job.params == ["n": 1] && job.schedule == "embed")
        // Its job takes three hours: the two runs that were missed are one.
        _ = try storage.store.tend(at: Self.at(190))
        #expect(try storage.store.countJobs() == 1)
        try finish(storage, at: 200)
        _ = try storage.store.tend(at: Self.at(201))
        #expect(try storage.store.countJobs() == 2)
        try finish(storage, at: 202)
        _ = try storage.store.tend(at: Self.at(239))
        #expect(try storage.store.countJobs() == 2)
        // The process didn't run for a day.
        try storage.reopen()
        _ = try storage.store.tend(at: Self.at(1_700))
        try finish(storage, at: 1_701)
        _ = try storage.store.tend(at: Self.at(1_702))
        #expect(try storage.store.countJobs() == 3)
    }

    @Test func changesOfASchedule() throws {
        let storage = try Storage()
        try set(storage)
        try set(storage, "@daily", at: 10)
        #expect(try storage.store.schedules().map(\.nextAt) == [Timestamp("2026-05-02T00:00:00Z")!])
        // The same again doesn't put a due run off.
        try set(storage, "@daily", at: 24 * 60)
        #expect(try storage.store.schedules().map(\.nextAt) == [Timestamp("2026-05-02T00:00:00Z")!])
        #expect(try storage.store.writeRows { try $0.deleteSchedule("embed") })
        #expect(try !storage.store.writeRows { try $0.deleteSchedule("embed") })
        _ = try storage.store.tend(at: Self.at(1e6))
        #expect(try storage.store.countJobs() == 0)
    }
}
