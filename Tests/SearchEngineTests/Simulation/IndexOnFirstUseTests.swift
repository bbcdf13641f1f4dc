import JSON
import SearchEngine
import Simulation
import Synchronization
import TestSupport
import Testing

/// Reads and writes that need payload indexes which are still to be built, on a machine whose builds can be held.
@Suite struct IndexOnFirstUseTests {
    private let machine: SimulatedMachine
    private let engine: Engine

    init() throws {
        machine = SimulatedMachine(seed: SeededGenerator().seed)
        engine = try machine.open()
        for name in ["c", "other"] {
            try engine.createCollection(name, .unnamed(1, .dot))
            _ = try engine.updateBlocking(
                name, [.upsert((0..<10).map { PointStruct($0, [1], ["n": .integer(Int64($0)), "m": 1]) })])
        }
    }

    /// Points whose `key` is at least 5.
    private func atLeastFive(_ key: String) throws -> Filter {
        Filter(must: [.field(try PayloadPath(key), .range(RangeBounds(gte: 5)))])
    }

    /// An update that nobody waits for, and its answer.
    private final class Pending: Sendable {
        let answer = Mutex<Result<[UpdateResult], any Error>?>(nil)

        var statuses: [UpdateResult.Status]? { answer.withLock { try? $0?.get().map(\.status) } }
    }

    private func submit(
        _ collection: String, _ operations: [UpdateOperation], deadline: Deadline? = nil
    ) throws -> Pending {
        let pending = Pending()
        engine.update(try engine.prepare(collection, operations), deadline: deadline) { result in
            pending.answer.withLock { $0 = result }
        }
        return pending
    }

    private func ids(_ collection: String, in engine: Engine) throws -> [PointID] {
        var all = QueryRequest(Query(), payload: .all)
        all.query.limit = 100
        return try engine.query(collection, all).points.map(\.id)
    }

    @Test func aWriteByFilterHoldsUpNoOther() throws {
        machine.executor.held = "trendex-build"
        let deletion = try submit("c", [.delete(.filter(try atLeastFive("n")))])
        machine.executor.run(steps: 100)
        // These return.
        for name in ["c", "other"] {
            _ = try engine.updateBlocking(name, [.upsert([PointStruct(20, [1], ["n": 0])])])
        }
        #expect(deletion.statuses == nil)
        #expect(try ids("c", in: engine).count == 11)
        machine.executor.held = nil
        machine.executor.run(for: .seconds(1))
        #expect(deletion.statuses == [.completed])
        #expect(try ids("c", in: engine) == [0, 1, 2, 3, 4, 20].map { .number($0) })
        try engine.close()
    }

    /// Once the client has been told that its change will be made, what it asks for next is made later.
    @Test func laterWritesWaitForOneThatIsAnswered() throws {
        machine.executor.held = "trendex-build"
        let deletion = try submit(
            "c", [.delete(.filter(try atLeastFive("n")))], deadline: machine.time.now + .seconds(1))
        machine.executor.run(for: .seconds(2))
        #expect(deletion.statuses == [.waitTimeout])
        let upsert = try submit("c", [.upsert([PointStruct(9, [1], ["n": 9])])])
        machine.executor.run(for: .seconds(2))
        #expect(upsert.statuses == nil)
        _ = try engine.updateBlocking("other", [.upsert([PointStruct(20, [1], ["n": 0])])])
        machine.executor.held = nil
        machine.executor.run(for: .seconds(2))
        #expect(upsert.statuses == [.completed])
        #expect(try ids("c", in: engine) == [0, 1, 2, 3, 4, 9].map { .number($0) })
        try engine.close()
    }

    @Test func aStopMakesWhatIsQueued() throws {
        machine.executor.held = "trendex-build"
        let deletion = try submit("c", [.delete(.filter(try atLeastFive("n")))])
        let edit = try submit(
            "other",
            [
                .upsert([PointStruct(7, [1], ["n": 0])]),
                .setPayload(.filter(try atLeastFive("n")), payload: ["seen": true], key: nil),
            ])
        machine.executor.run(steps: 100)
        machine.executor.held = nil
        try engine.close()
        #expect(deletion.statuses == [.completed])
        #expect(edit.statuses == [.completed, .completed])
        let reopened = try machine.open()
        #expect(try ids("c", in: reopened) == (0..<5).map { .number($0) })
        let seen = try reopened.query("other", QueryRequest(Query(), payload: .all)).points.filter {
            $0.payload?.value["seen"] == true
        }
        #expect(seen.map(\.id) == [5, 6, 8, 9].map { .number($0) }, "the second operation sees the first one's")
        try reopened.close()
    }

    @Test func aReadIsAnsweredInTime() throws {
        machine.executor.held = "trendex-build"
        let start = machine.time.now
        #expect(throws: EngineError.timeout("Timeout error: Operation 'Index' timed out")) {
            try engine.count("c", filter: try atLeastFive("n"), exact: true, deadline: start + .seconds(3))
        }
        #expect(machine.time.now == start + .seconds(3))
        let answer = Mutex<Result<Void, any Error>?>(nil)
        engine.build(try missing("n"), deadline: start + .seconds(5)) { result in answer.withLock { $0 = result } }
        machine.executor.run(for: .seconds(2))
        #expect(throws: EngineError.self) { try answer.withLock { $0 }?.get() }
        machine.executor.held = nil
        #expect(try engine.count("c", filter: try atLeastFive("n"), exact: true) == 5)
        try engine.close()
    }

    private func missing(_ key: String) throws -> PayloadIndexesMissing {
        try #require(throws: PayloadIndexesMissing.self) {
            try Engine.withoutWaitingForIndexes {
                _ = try engine.count("c", filter: try atLeastFive(key), exact: true)
            }
        }
    }

    /// Whatever a collection needs by the time that a build begins comes of one scan.
    @Test func oneScanBuildsAllThatIsMissing() throws {
        machine.executor.held = "trendex-build"
        let answered = Mutex<[Int]>([])
        let executor = machine.executor
        for key in ["n", "m", "k", "n"] {
            engine.build(try missing(key), deadline: nil) { _ in answered.withLock { $0.append(executor.stepsMade) } }
        }
        machine.executor.held = nil
        machine.executor.run(for: .seconds(1))
        let steps = answered.withLock { $0 }
        #expect(steps.count == 4 && Set(steps).count == 1)
        for key in ["n", "m", "k"] {
            let count = try Engine.withoutWaitingForIndexes {
                try engine.count("c", filter: try atLeastFive(key), exact: true)
            }
            #expect(count == (key == "n" ? 5 : 0))
        }
        try engine.close()
    }
}
