import JSON
import SearchEngine
import Simulation
import Synchronization
import TestSupport
import Testing

/// What waits for the writer is bounded in bytes.
@Suite struct WriteBudgetTests {
    private let machine = SimulatedMachine(seed: SeededGenerator().seed)

    @Test func aFullQueueRefuses() throws {
        let engine = try machine.open { $0.writeQueueBytes = 1 << 20 }
        try engine.createCollection("c", .unnamed(4))
        let text = JSONValue.string(String(repeating: "x", count: 10_000))
        let results = Mutex<[Result<[UpdateResult], any Error>]>([])
        var next: UInt64 = 0
        func submit() throws {
            let points = (next..<next + 10).map { PointStruct($0, [1, 2, 3, 4], ["text": text]) }
            next += 10
            engine.update(try engine.prepare("c", [.upsert(points)]), deadline: nil) { result in
                results.withLock { $0.append(result) }
            }
        }
        // Nobody steps the writer. Each change has 100 kB.
        for _ in 0..<30 { try submit() }
        #expect(engine.writeQueueBytes <= 1 << 20)
        let refused = results.withLock { $0 }
        #expect((15...21).contains(refused.count))
        for result in refused {
            #expect {
                try result.get()
            } throws: { error in
                if case EngineError.busy = error { true } else { false }
            }
        }
        machine.executor.run(for: .seconds(1))
        #expect(engine.writeQueueBytes == 0)
        #expect(results.withLock { $0.count } == 30)
        #expect(try engine.count("c", filter: nil, exact: true) == (30 - refused.count) * 10)
        // There is room again, and for one that is too large alone.
        try submit()
        machine.executor.run(for: .seconds(1))
        let large = (0..<200).map { PointStruct(1_000 + $0, [1, 2, 3, 4], ["text": text]) }
        _ = try engine.updateBlocking("c", [.upsert(large)])
        #expect(try engine.count("c", filter: nil, exact: true) == (31 - refused.count) * 10 + 200)
        #expect(engine.writeQueueBytes == 0)
        try engine.close()
    }

    /// What a compaction keeps of the changes that come meanwhile has a budget: past it the collection's changes are refused,
    /// and are taken again when it is done. Those of other collections are not.
    @Test func whatACompactionKeepsCounts() throws {
        let engine = try machine.open { $0.writeQueueBytes = 4 << 20 }
        try engine.createCollection("c", .unnamed(4))
        try engine.createCollection("other", .unnamed(4))
        for start in stride(from: 0, to: 20_000, by: 1_000) {
            let points = (start..<start + 1_000).map { PointStruct(UInt64($0), [Float($0), 2, 3, 4], [:]) }
            _ = try engine.updateBlocking("c", [.upsert(points)])
        }
        machine.executor.run(for: .seconds(5))
        _ = try engine.updateBlocking("c", [.delete(.ids((0..<15_000).map { .number($0) }))])
        let collection = try engine.collection("c")
        let generation = collection.generation.number
        let text = JSONValue.string(String(repeating: "x", count: 100_000))
        var refused = 0
        var made = 0
        var kept = 0
        for turn in 0..<2_000 where collection.generation.number == generation {
            // A step of a background loop, the compaction's or another's.
            machine.executor.run(steps: 1)
            do {
                _ = try engine.updateBlocking(
                    "c", [.upsert([PointStruct(UInt64(30_000 + turn), [1, 2, 3, 4], ["t": text])])])
                made += 1
            } catch EngineError.busy {
                refused += 1
                _ = try engine.updateBlocking("other", [.upsert([PointStruct(1, [1, 2, 3, 4], ["t": text])])])
            }
            kept = max(kept, engine.keptChangeBytes)
        }
        #expect(collection.generation.number > generation, "the compaction has ended")
        #expect(refused > 0 && kept <= (1 << 20) + 200_000)
        #expect(engine.keptChangeBytes == 0)
        #expect(try engine.count("c", filter: nil, exact: true) == 5_000 + made)
        _ = try engine.updateBlocking("c", [.upsert([PointStruct(1, [1, 2, 3, 4], ["t": text])])])
        try engine.close()
    }

    /// The same of a payload index that is built.
    @Test func whatAnIndexBuildKeepsCounts() throws {
        let budget = ByteBudget(1_000)
        let indexes = PayloadIndexes(implicitBudgetBytes: 1 << 20)
        let key = FieldIndexKey.keywords(try PayloadPath("k"))
        let payload: JSONValue = ["k": .string(String(repeating: "x", count: 2_000))]
        var builder: FieldIndexBuilder? = indexes.makeBuilder(for: [key], budget: budget)
        indexes.apply([PayloadChange(slot: 0, new: payload)])
        #expect(budget.usedBytes > 2_000 && !budget.take(1))
        indexes.apply([PayloadChange(slot: 1, old: payload, new: ["k": "y"])])
        #expect(budget.usedBytes > 4_000)
        indexes.install(try #require(builder))
        #expect(budget.usedBytes == 0)
        // One that is given up gives it back, too.
        builder = indexes.makeBuilder(for: [.integers(try PayloadPath("k"))], budget: budget)
        indexes.apply([PayloadChange(slot: 2, new: payload)])
        #expect(budget.usedBytes > 2_000)
        builder = nil
        #expect(budget.usedBytes == 0)
    }
}
