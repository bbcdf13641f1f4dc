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
}
