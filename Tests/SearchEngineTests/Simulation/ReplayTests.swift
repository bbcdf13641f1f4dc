import Foundation
import JSON
import SearchEngine
import Simulation
import TestSupport
import Testing

/// A whole engine on a simulated machine does the same again from the same seed.
@Suite struct ReplayTests {
    private static let dimensions = 16

    /// What one run leaves: every file's bytes, and every answer on the way.
    private struct Trace: Equatable {
        var files: [String: [UInt8]]
        var answers: [String]
    }

    private static func open(_ machine: SimulatedMachine) throws -> Engine {
        try machine.open {
            $0.indexingThreads = 2
            $0.recallAudits = RecallAuditor.Settings()
            $0.recallAudits.sample = 32
        }
    }

    /// Writes, reads, linking, compaction, audits, a snapshot, its restore and a restart.
    private static func run(seed: UInt64) throws -> Trace {
        let machine = SimulatedMachine(seed: seed)
        var random = SeededGenerator(seed: seed)
        var engine = try open(machine)
        var answers: [String] = []
        func note(_ answer: some Any) { answers.append("\(answer)") }
        func search(_ collection: String, _ filter: Filter? = nil) throws {
            for vector in ["a", "b"] {
                var request = QueryRequest(
                    nearest: .vector(.dense(random.vector(dimensions))), using: vector, filter: filter, limit: 5)
                request.vectors = .names([vector])
                for point in try engine.query(collection, request).points { note(point) }
            }
        }
        func equals(_ key: String, _ value: Int64) throws -> Filter {
            Filter(must: [.field(try PayloadPath(key), .match(.integer(value)))])
        }
        try engine.createCollection(
            "c",
            CollectionConfiguration(vectors: [
                "a": VectorParameters(size: dimensions, distance: .cosine),
                "b": VectorParameters(size: dimensions, distance: .euclid, datatype: .float16),
            ]))
        for round in 0..<30 {
            let points = (0..<100).map { _ in
                let id = UInt64.random(in: 0..<4_000, using: &random)
                var vectors: NamedVectors = ["a": .dense(random.vector(dimensions))]
                if id % 3 > 0 { vectors["b"] = .dense(random.vector(dimensions)) }
                return PointStruct(
                    id: id % 2 == 0 ? .number(id) : .uuid(high: id, low: id), vectors: vectors,
                    payload: Payload(["n": .integer(Int64(id % 50)), "round": .integer(Int64(round))]))
            }
            // The second operation finds what the first has done.
            let tail: [UpdateOperation] =
                round % 4 == 1
                ? [.overwritePayload(.filter(try equals("round", Int64(round))), payload: ["n": 1], key: nil)] : []
            note(try engine.updateBlocking("c", [.upsert(points)] + tail))
            machine.executor.run(steps: Int.random(in: 0...40, using: &random))
            if round % 5 == 4 {
                note(try engine.updateBlocking("c", [.delete(.filter(equals("n", Int64(round))))]))
                note(
                    try engine.updateBlocking(
                        "c",
                        [.setPayload(.filter(equals("round", Int64(round - 1))), payload: ["seen": true], key: nil)]))
                try search("c", equals("round", Int64(round)))
            }
        }
        note(
            try engine.createPayloadIndex(
                "c", key: PayloadPath("n"), schema: PayloadFieldSchema(type: .integer)))
        machine.executor.run(for: .seconds(100))
        try search("c")
        // Other graphs over the same rows.
        var update = CollectionUpdate()
        update.hnsw = HNSWConfiguration(m: 8)
        try engine.updateCollection("c", update)
        machine.executor.run(steps: 20)
        note(try engine.updateBlocking("c", [.delete(.filter(equals("n", 7)))]))
        // So many tombstones, and so another generation.
        let passing = (10_000..<11_500).map { id in
            PointStruct(id: .number(id), vectors: ["a": .dense(random.vector(dimensions))])
        }
        note(try engine.updateBlocking("c", [.upsert(passing)]))
        note(try engine.updateBlocking("c", [.delete(.ids(passing.map(\.id)))]))
        machine.executor.run(for: .seconds(100))
        note(try engine.collectionInfo("c"))
        let snapshot = try engine.createSnapshot("c")
        note(snapshot)
        try engine.recoverSnapshot("d", file: engine.snapshotPath("c", name: snapshot.name), checksum: nil)
        note(try engine.createStorageSnapshot())
        try engine.close()
        engine = try open(machine)
        machine.executor.run(for: .seconds(100))
        for collection in engine.collectionNames() {
            note(try engine.collectionInfo(collection))
            note(try engine.recall(collection))
            try search(collection)
        }
        try engine.close()
        return Trace(files: machine.files.contents, answers: answers)
    }

    @Test func sameSeedSameBytes() throws {
        let seed = SeededGenerator().seed
        let (first, second) = (try Self.run(seed: seed), try Self.run(seed: seed))
        #expect(first.files.keys.sorted() == second.files.keys.sorted())
        for (path, bytes) in first.files {
            let place = zip(bytes, second.files[path] ?? []).enumerated().first { $0.element.0 != $0.element.1 }?.offset
            #expect(bytes == second.files[path], "\(path) differs from byte \(place ?? -1) of \(bytes.count) on")
        }
        for (place, pair) in zip(first.answers, second.answers).enumerated() where pair.0 != pair.1 {
            Issue.record("answer \(place): \(pair.0.prefix(300)) and \(pair.1.prefix(300))")
            break
        }
        #expect(first.answers.count == second.answers.count)
        // Both indexes, of both collections.
        #expect(first.files.keys.filter { $0.hasSuffix(".index") }.count == 4)
        #expect(!first.files.keys.contains { $0.hasPrefix("/storage/vectors/1/0/") }, "it was compacted")
    }

    @Test func anotherSeedGivesOtherBytes() throws {
        let seed = SeededGenerator().seed
        #expect(try Self.run(seed: seed) != Self.run(seed: seed &+ 1))
    }
}
