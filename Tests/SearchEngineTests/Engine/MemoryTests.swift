import JSON
import SearchEngine
import TestSupport
import Testing

/// What an engine tells of a collection's memory. That it is what the process takes, the compatibility suite tests with a
/// process of its own.
@Suite struct MemoryTests {
    @Test func eachVectorAndKeyHasItsFigures() throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection(
            "c",
            CollectionConfiguration(vectors: [
                "a": VectorParameters(size: 64, distance: .cosine),
                "b": VectorParameters(size: 3, distance: .dot, datatype: .uint8),
            ]))
        let empty = try fixture.engine.memory("c")
        #expect(empty.vectors.map(\.name) == ["a", "b"])
        #expect(empty.payloadIndexes.isEmpty && empty.codes == 0 && empty.vectors.allSatisfy { $0.rows == 0 })
        var random = SeededGenerator()
        let points = (0..<2000).map { n in
            PointStruct(
                id: .number(UInt64(n)), vectors: ["a": .dense(random.vector(64)), "b": [1, 2, 3]],
                payload: Payload(["n": JSONValue(n)]))
        }
        _ = try fixture.engine.updateBlocking("c", [.upsert(points)])
        _ = try fixture.engine.createPayloadIndex(
            "c", key: PayloadPath("n"), schema: PayloadFieldSchema(type: .integer))
        try fixture.waitUntilGreen("c")
        let memory = try fixture.engine.memory("c")
        let (a, b) = (memory.vectors[0], memory.vectors[1])
        #expect((a.rows, b.rows) == (2000 * 256, 2000 * 3))
        for vector in memory.vectors {
            #expect(vector.file >= vector.rows && (0...vector.file).contains(vector.cached))
        }
        #expect(a.codes >= 2000 * 68 && a.links >= 2000 * 132 && a.reducedCodes == 0)
        // Codes of three bytes are padded to a cache line.
        #expect(b.codes >= 2000 * 68 && b.links >= 2000 * 132)
        #expect(memory.payloadIndexes.keys.map(\.string) == ["n"])
        #expect(memory.allPayloadIndexes >= 2000 * 16)
        #expect((2000 * 32...2000 * 64).contains(memory.ids))
        #expect(memory.resident == memory.codes + memory.links + memory.ids + memory.allPayloadIndexes)
        #expect((memory.mapped, memory.cached) == (a.file + b.file, a.cached + b.cached))
        #expect(fixture.engine.databaseMemory > 0)
        // The derived file appears with the next save.
        try fixture.reopen()
        let reopened = try fixture.engine.memory("c")
        #expect(reopened.vectors[0].savedIndex >= 2000 * 196)
        #expect(reopened.vectors[0].codes >= 2000 * 68)
        #expect(throws: EngineError.self) { _ = try fixture.engine.memory("none") }
    }
}
