import JSON
import SearchEngine
import Simulation
import Synchronization
import TestSupport
import Testing
import VectorIndex

/// What a disk without space does to those that need little of it.
@Suite struct FullDiskTests {
    private let machine = SimulatedMachine(seed: SeededGenerator().seed)

    private func points(_ count: Int, text: Int) -> [PointStruct] {
        let text = JSONValue.string(String(repeating: "x", count: text))
        return (0..<UInt64(count)).map { PointStruct($0, [1, 2, 3, 4], ["text": text]) }
    }

    /// Writes that come together are one transaction.
    @Test func aLargeWriteFailsAlone() throws {
        let engine = try machine.open()
        for name in ["a", "b", "c", "old"] { try engine.createCollection(name, .unnamed(4)) }
        _ = try engine.updateBlocking("old", [.upsert(points(10, text: 10))])
        let results = Mutex<[String: Result<[UpdateResult], any Error>]>([:])
        func submit(_ name: String, _ update: UpdateOperation) throws {
            engine.update(try engine.prepare(name, [update]), deadline: nil) { result in
                results.withLock { $0[name] = result }
            }
        }
        machine.files.free = 1 << 20
        try submit("a", .upsert(points(1, text: 10)))
        try submit("b", .upsert(points(2_000, text: 1_000)))
        try submit("old", .delete(.ids([.number(3)])))
        try submit("c", .upsert(points(1, text: 10)))
        machine.executor.run(for: .seconds(1))
        let found = results.withLock { $0 }
        #expect(throws: EngineError.self) { try found["b"]?.get() }
        for name in ["a", "c", "old"] { #expect(throws: Never.self) { try #require(found[name]).get() } }
        #expect(try engine.count("a", filter: nil, exact: true) == 1)
        #expect(try engine.count("b", filter: nil, exact: true) == 0)
        #expect(try engine.count("c", filter: nil, exact: true) == 1)
        #expect(try engine.count("old", filter: nil, exact: true) == 9)
        try engine.close()
    }

    /// A latch that opens when nothing uses the collection's vectors any more, and a reader that does.
    private func used(_ engine: Engine, _ name: String) throws -> (Latch, Reader) {
        let file = try engine.collection(name).generation.denseFields[0].file
        return (file.released, Reader(file.matrix))
    }

    private final class Reader: Sendable {
        private let matrix: Mutex<RowMatrix?>

        init(_ matrix: RowMatrix) { self.matrix = Mutex(matrix) }

        var isReading: Bool { matrix.withLock { $0 != nil } }
        func end() { matrix.withLock { $0 = nil } }
    }

    /// Whoever deletes a collection needs its space.
    @Test(arguments: [1, 4, 60]) func aDeletionWaitsForTheLastReader(seconds: Int) throws {
        // Something can be set aside for deletions.
        machine.files.free = 64 << 20
        let engine = try machine.open()
        try engine.createCollection("c", .unnamed(4))
        _ = try engine.updateBlocking("c", [.upsert(points(10, text: 10))])
        let (released, reader) = try used(engine, "c")
        _ = machine.environment.executor.schedule(at: machine.time.now + .seconds(seconds)) { reader.end() }
        let start = machine.time.now
        machine.files.free = 0
        #expect(try engine.deleteCollection("c"))
        let isRead = reader.isReading
        #expect(isRead == (seconds == 60), "the reader is waited for, but not for long")
        #expect(machine.time.now - start < .seconds(6))
        #expect(released.isOpen == !isRead)
        machine.executor.run(for: .seconds(60))
        #expect(released.isOpen)
        try engine.close()
    }
}
