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

    /// Whatever only takes away is done on a full disk.
    @Test func everyDeletionIsMade() throws {
        machine.files.free = 64 << 20
        let engine = try machine.open()
        try engine.createCollection(
            "c",
            CollectionConfiguration(vectors: [
                "a": VectorParameters(size: 64, distance: .dot), "b": VectorParameters(size: 64, distance: .dot),
            ]))
        let vector = [Float](repeating: 1, count: 64)
        let points = (0..<UInt64(6_000)).map { id in
            PointStruct(
                id: .number(id), vectors: ["a": .dense(vector), "b": .dense(vector)],
                payload: Payload(["n": .integer(Int64(id))]))
        }
        _ = try engine.updateBlocking("c", [.upsert(points)])
        _ = try engine.createPayloadIndex("c", key: PayloadPath("n"), schema: PayloadFieldSchema(type: .integer))
        try engine.updateAliases([.create(alias: "x", collection: "c"), .create(alias: "y", collection: "c")])
        machine.files.free = 0
        func full(_ what: String, _ body: () throws -> Void) {
            #expect(throws: Never.self, "\(what)", performing: body)
        }
        full("a vector of a point") {
            _ = try engine.updateBlocking("c", [.deleteVectors(.ids([.number(1)]), names: ["a"])])
        }
        full("a vector of many points") {
            let filter = Filter(must: [.field(try PayloadPath("n"), .range(RangeBounds(lt: 500)))])
            _ = try engine.updateBlocking("c", [.deleteVectors(.filter(filter), names: ["a"])])
        }
        // Each of them is written anew: that must not take what drops need.
        for _ in 0..<3 {
            #expect(throws: EngineError.self) {
                _ = try engine.updateBlocking(
                    "c", [.deleteVectors(.ids((0..<6_000).map { .number($0) }), names: ["b"])])
            }
        }
        #expect(try engine.count("c", filter: Filter(must: [.hasVector("b")]), exact: true) == 6_000)
        full("aliases") { try engine.updateAliases([.delete(alias: "x"), .delete(alias: "y")]) }
        full("a payload index") { _ = try engine.deletePayloadIndex("c", key: PayloadPath("n")) }
        full("a vector's name") { _ = try engine.deleteVector("c", "b") }
        full("points") { _ = try engine.updateBlocking("c", [.delete(.ids([.number(1), .number(2)]))]) }
        let info = try engine.collectionInfo("c")
        #expect(try info.payloadSchema.isEmpty && engine.aliases(of: nil).isEmpty)
        #expect(try engine.count("c", filter: Filter(must: [.hasVector("a")]), exact: true) == 5_500)
        #expect(try engine.count("c", filter: nil, exact: true) == 5_998)
        #expect(try engine.deleteCollection("c"))
        try engine.close()
    }

    private func deleteNearlyAll(_ engine: Engine) throws {
        try engine.createCollection("c", .unnamed(256))
        let points = (0..<UInt64(12_000)).map { id in
            PointStruct(id, (0..<256).map { Float(($0 &+ Int(id)) % 7) }, [:])
        }
        for start in stride(from: 0, to: points.count, by: 2_000) {
            _ = try engine.updateBlocking("c", [.upsert(Array(points[start..<start + 2_000]))])
        }
        // Nothing but what is set aside.
        machine.files.free = 0
        _ = try engine.updateBlocking("c", [.delete(.ids((0..<11_900).map { .number($0) }))])
    }

    /// What is left takes little, and what has gone comes back, without any space but what is set aside.
    @Test func aFullDiskIsFreedByACompaction() throws {
        machine.files.free = 64 << 20
        let engine = try machine.open()
        try deleteNearlyAll(engine)
        machine.executor.run(for: .seconds(5))
        #expect(try engine.collection("c").generation.number == 1)
        #expect(try engine.count("c", filter: nil, exact: true) == 100)
        #expect(machine.files.free! > 8 << 20)
        #expect(machine.files.exists("/storage/reserve"))
        try engine.close()
    }

    /// A compaction that has failed and is to be tried again keeps nothing of a collection that is dropped, and holds up no other.
    @Test func aFailedCompactionKeepsNothing() throws {
        machine.files.free = 64 << 20
        let engine = try machine.open()
        try deleteNearlyAll(engine)
        machine.files.free = 0
        try machine.files.remove("/storage/reserve")
        machine.files.free = 0
        // Not even for what little the compaction wants.
        machine.executor.run(for: .seconds(1))
        #expect(try engine.collection("c").generation.number == 0)
        #expect(try engine.collectionInfo("c").status == .red)
        machine.files.free = 4 << 20
        let released = try engine.collection("c").generation.denseFields[0].file.released
        let start = machine.time.now
        #expect(try engine.deleteCollection("c"))
        #expect(released.isOpen && machine.time.now - start < .seconds(1))
        try engine.close()
    }
}
