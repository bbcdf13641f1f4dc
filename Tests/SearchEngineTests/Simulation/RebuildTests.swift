import JSON
import Quantization
import SearchEngine
import Simulation
import TestSupport
import Testing
import VectorIndex

/// A changed setting makes an index anew beside the living one, while points are read and written.
@Suite struct RebuildTests {
    private let machine = SimulatedMachine(seed: SeededGenerator().seed)
    private static let size = 24

    private func make(_ engine: Engine, _ count: Int, _ random: inout SeededGenerator) throws -> [[Float]] {
        var configuration = CollectionConfiguration(vectors: [
            "a": VectorParameters(size: Self.size, distance: .euclid), "b": VectorParameters(size: 4, distance: .dot),
        ])
        configuration.hnsw = HNSWConfiguration(m: 8, efConstruct: 40)
        try engine.createCollection("c", configuration)
        var vectors: [[Float]] = []
        try add(engine, count, &vectors, &random)
        machine.executor.run(for: .seconds(5))
        return vectors
    }

    private func add(_ engine: Engine, _ count: Int, _ vectors: inout [[Float]], _ random: inout SeededGenerator) throws
    {
        let first = vectors.count
        vectors += (0..<count).map { _ in random.vector(Self.size) }
        let points = (first..<vectors.count).map { id in
            PointStruct(id: .number(UInt64(id)), vectors: ["a": .dense(vectors[id]), "b": [Float(id), 1, 2, 3]])
        }
        for start in stride(from: 0, to: points.count, by: 1_000) {
            _ = try engine.updateBlocking("c", [.upsert(Array(points[start..<min(start + 1_000, points.count)]))])
        }
    }

    /// Share of the true ten nearest that searches find.
    private func recall(_ engine: Engine, _ vectors: [[Float]], _ random: inout SeededGenerator) throws -> Double {
        var sum = 0.0
        for _ in 0..<20 {
            let query = random.vector(Self.size)
            func distance(_ vector: [Float]) -> Float {
                zip(query, vector).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
            }
            let best = vectors.indices.sorted { distance(vectors[$0]) < distance(vectors[$1]) }.prefix(10)
            let request = QueryRequest(nearest: .vector(.dense(query)), using: "a")
            let found = try engine.query("c", request).points
            #expect(found.count == 10)
            sum += Double(Set(found.map(\.id)).intersection(best.map { PointID.number(UInt64($0)) }).count) / 10
        }
        return sum / 20
    }

    private func index(_ engine: Engine, _ name: String = "a") throws -> VectorIndexFacts {
        let collection = try engine.collection("c")
        let field = try #require(collection.generation.denseField(name))
        return VectorIndexFacts(
            m: field.index.parameters.m, efConstruct: field.index.parameters.efConstruct,
            codec: field.index.parameters.codec, codes: field.index.memory.codes,
            generation: collection.generation.number)
    }

    struct VectorIndexFacts: Equatable {
        var m: Int
        var efConstruct: Int
        var codec: CodecSettings
        var codes: Int
        var generation: Int
    }

    private func patch(_ engine: Engine, _ change: (inout CollectionUpdate) -> Void) throws {
        var update = CollectionUpdate()
        change(&update)
        try engine.updateCollection("c", update)
    }

    private static let changes: [@Sendable (inout CollectionUpdate) -> Void] = [
        { $0.hnsw = HNSWConfiguration(m: 24) },
        { $0.hnsw = HNSWConfiguration(efConstruct: 80) },
        { $0.quantization = .scalar(ScalarQuantizationConfiguration(quantile: 0.99)) },
        { $0.quantization = .disabled },
        { $0.vectors["a"] = .init(hnsw: HNSWConfiguration(m: 5)) },
        { $0.vectors["a"] = .init(quantization: .disabled) },
    ]

    @Test(arguments: 0..<6) func theOldIndexAnswersUntilTheNewOneIsThere(change: Int) throws {
        var random = SeededGenerator()
        let engine = try machine.open()
        var vectors = try make(engine, 3_000, &random)
        let before = try index(engine)
        #expect(before.m == 8 && before.codes > 0)
        try patch(engine, Self.changes[change])
        #expect(try engine.collectionInfo("c").status == .yellow)
        // Some steps only: the new one can't be whole.
        machine.executor.run(steps: 8)
        #expect(try index(engine) == before)
        #expect(try recall(engine, vectors, &random) > 0.9)
        try add(engine, 500, &vectors, &random)
        _ = try engine.updateBlocking("c", [.delete(.ids([.number(0)]))])
        vectors[0] = Array(repeating: 1e9, count: Self.size)
        #expect(try recall(engine, vectors, &random) > 0.9)
        machine.executor.run(for: .seconds(20))
        #expect(try engine.collectionInfo("c").status == .green)
        let after = try index(engine)
        #expect(after != before && after.generation == before.generation, "rows and payloads stay where they are")
        #expect((after.codes > 0) == (after.codec != .none))
        #expect(try recall(engine, vectors, &random) > 0.9)
        #expect(try engine.count("c", filter: nil, exact: true) == 3_499)
        // The other vector's index is made anew with the collection's settings alone.
        #expect(try index(engine, "b").m == (change == 0 ? 24 : 8))
        try engine.close()
        let reopened = try machine.open()
        #expect(try index(reopened) == after)
        #expect(try recall(reopened, vectors, &random) > 0.9)
        machine.executor.run(for: .seconds(20))
        #expect(try index(reopened) == after, "loaded, not built")
        try reopened.close()
    }

    /// The settings change back, and again, before an index is whole; then the engine stops in the middle.
    @Test func changesInARow() throws {
        var random = SeededGenerator()
        var engine = try machine.open()
        let vectors = try make(engine, 3_000, &random)
        let before = try index(engine)
        try patch(engine) { $0.hnsw = HNSWConfiguration(m: 24) }
        machine.executor.run(steps: 6)
        try patch(engine) { $0.hnsw = HNSWConfiguration(m: 8) }
        machine.executor.run(for: .seconds(5))
        #expect(try index(engine) == before)
        #expect(try engine.collectionInfo("c").status == .green)
        try patch(engine) { $0.quantization = .disabled }
        machine.executor.run(steps: 6)
        try patch(engine) { $0.hnsw = HNSWConfiguration(m: 12) }
        machine.executor.run(steps: 6)
        try engine.close()
        engine = try machine.open()
        // Of the saved index, which has the old settings.
        #expect(try index(engine) == before)
        #expect(try recall(engine, vectors, &random) > 0.9)
        machine.executor.run(for: .seconds(20))
        let after = try index(engine)
        #expect(after.m == 12 && after.codec == .none && after.codes == 0)
        #expect(try recall(engine, vectors, &random) > 0.9)
        // A vector that goes takes the index that is built for it along.
        try patch(engine) { $0.hnsw = HNSWConfiguration(m: 6) }
        machine.executor.run(steps: 4)
        _ = try engine.deleteVector("c", "a")
        machine.executor.run(for: .seconds(20))
        #expect(try engine.collectionInfo("c").status == .green)
        #expect(try index(engine, "b").m == 6)
        try engine.close()
    }

    /// Codes that are made anew while nothing is linked go into the index file, too: otherwise each start would make them again.
    @Test func codesMadeAnewAreSaved() throws {
        var random = SeededGenerator()
        let size = 256
        let topics = (0..<40).map { _ in random.vector(size) }
        let count = 2_500
        let least = PrincipalQuantizer.leastRows(dimensions: size)
        #expect((least..<2 * least).contains(count))
        let points = (0..<count).map { id in
            var vector = [Float](repeating: 0, count: size)
            for _ in 0..<4 {
                let topic = random.pick(topics)
                let weight = Float.random(in: 0.1...1.5, using: &random)
                for place in vector.indices { vector[place] += weight * topic[place] }
            }
            return PointStruct(id: .number(UInt64(id)), vectors: ["": .dense(vector)])
        }
        var engine = try machine.open()
        func index() throws -> VectorIndex {
            try #require(engine.collection("c").generation.denseField("")).index
        }
        var configuration = CollectionConfiguration(vectors: [
            "": VectorParameters(size: size, distance: .cosine)
        ])
        configuration.hnsw = HNSWConfiguration(m: 8, efConstruct: 40)
        try engine.createCollection("c", configuration)
        for part in [0..<1_100, 1_100..<count] {
            _ = try engine.updateBlocking("c", [.upsert(Array(points[part]))])
            machine.executor.run(for: .seconds(5))
        }
        #expect(try index().hasReducedCodes, "seed \(random.seed)")
        // Nothing has been linked since.
        machine.executor.run(for: .seconds(5))
        try engine.close()
        engine = try machine.open()
        #expect(try index().hasReducedCodes && index().linkedCount == count)
        try engine.close()
    }
}
