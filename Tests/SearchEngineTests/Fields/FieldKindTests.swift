import JSON
import SearchEngine
import Simulation
import TestSupport
import Testing

/// A kind of vectors that the engine doesn't know goes through all that a collection goes through.
@Suite struct FieldKindTests {
    private static let pairs = VectorParameters(size: PairsKind.size, distance: .dot)
    private static let dense = VectorParameters(size: 3, distance: .dot)

    private func open(_ machine: SimulatedMachine, at path: String = "/storage") throws -> Engine {
        try machine.open {
            $0.storagePath = path
            $0.fieldKinds = PairsKind.kinds
        }
    }

    /// What points have, and what is found by that.
    private struct Model {
        var random: SeededGenerator
        var points: [UInt64: NamedVectors] = [:]

        mutating func drawPairs() -> VectorValue {
            let indices = (0..<UInt32.random(in: 0...6, using: &random)).map {
                $0 * 5 + .random(in: 0..<5, using: &random)
            }
            return .sparse(indices: indices, values: indices.map { _ in Float(Int.random(in: 1...9, using: &random)) })
        }

        mutating func drawVectors(_ names: [String]) -> NamedVectors {
            var vectors: NamedVectors = [:]
            for name in names where random.chance(0.7) {
                vectors[ByteString(name)] = name == "d" ? .dense(random.vector(3)) : drawPairs()
            }
            return vectors
        }

        mutating func drawID() -> UInt64 { .random(in: 0..<3_000, using: &random) }

        static func score(_ query: VectorValue, _ other: VectorValue) -> Float? {
            guard case .sparse(let indices, let values) = query, case .sparse(let others, let otherValues) = other
            else { return nil }
            let weights = Dictionary(uniqueKeysWithValues: zip(indices, values))
            return zip(others, otherValues).reduce(0) { $0 + (weights[$1.0] ?? 0) * $1.1 }
        }

        /// Points and vectors are as they should be, and searches find the best.
        mutating func check(_ engine: Engine, _ collection: String, _ names: [String], _ note: Comment) throws {
            var all = QueryRequest(Query(limit: 5_000))
            all.vectors = .all
            let records = try engine.query(collection, all).points
            try #require(records.count == points.count, note)
            for record in records {
                guard case .number(let id) = record.id else { continue }
                try #require(record.vectors == points[id], "\(note), point \(id)")
            }
            for name in names where name != "d" {
                let query = drawPairs()
                var best = points.values.compactMap { $0[ByteString(name)].flatMap { Self.score(query, $0) } }
                best.sort(by: >)
                let filter = Filter(must: [.hasVector("d")])
                var request = QueryRequest(Query(.nearest(.vector(query)), using: name, limit: 20))
                request.explain = true
                #expect(try engine.query(collection, request).points.map(\.score) == Array(best.prefix(20)), note)
                var filtered = points.values.filter { $0["d"] != nil }
                    .compactMap { $0[ByteString(name)].flatMap { Self.score(query, $0) } }
                filtered.sort(by: >)
                request.query.filter = filter
                #expect(try engine.query(collection, request).points.map(\.score) == Array(filtered.prefix(20)), note)
            }
        }
    }

    @Test func anotherKindOfRowsLivesLikeDenseOnes() throws {
        let seed = SeededGenerator().seed
        let machine = SimulatedMachine(seed: seed)
        var model = Model(random: SeededGenerator(seed: seed))
        var engine = try open(machine)
        try engine.createCollection("c", CollectionConfiguration(vectors: ["d": Self.dense, "p": Self.pairs]))
        var names = ["d", "p"]
        for round in 0..<40 {
            try write(engine, &model, names, round)
            machine.executor.run(steps: Int.random(in: 0...20, using: &model.random))
            // Rows that differ in length come and go on the live collection.
            if round == 12 {
                _ = try engine.createVector("c", "q", Self.pairs)
                names.append("q")
            }
            if round == 30 {
                _ = try engine.deleteVector("c", "p")
                names.removeAll { $0 == "p" }
                for id in model.points.keys { model.points[id]?["p"] = nil }
            }
            if round == 20 { try engine.updateCollection("c", update(m: 8)) }
            if round % 10 == 5 {
                try engine.close()
                engine = try open(machine)
            }
            if round % 4 == 3 { try model.check(engine, "c", names, "round \(round), seed \(seed)") }
        }
        // So many tombstones, and so another generation.
        let passing = (10_000..<11_500).map { id in
            PointStruct(id: .number(id), vectors: ["q": model.drawPairs()])
        }
        _ = try engine.updateBlocking("c", [.upsert(passing)])
        _ = try engine.updateBlocking("c", [.delete(.ids(passing.map(\.id)))])
        machine.executor.run(for: .seconds(100))
        let generation = try engine.collection("c").generation.number
        #expect(generation > 0, "the collection was compacted")
        try model.check(engine, "c", names, "at rest, seed \(seed)")
        let info = try engine.collectionInfo("c")
        #expect(info.status == .green && info.indexedVectorsCount >= model.points.values.count { $0["q"] != nil })
        #expect(try engine.memory("c").vectors.map(\.name) == ["d", "q"])

        try checkSnapshots(engine, machine, &model, names)
        try engine.close()
        #expect(try Engine.verify(storagePath: "/storage", machine.environment, kinds: PairsKind.kinds) { _ in })
        engine = try open(machine)
        try model.check(engine, "c", names, "restarted, seed \(seed)")
        try engine.close()
    }

    private func update(m: Int) -> CollectionUpdate {
        var update = CollectionUpdate()
        update.hnsw = HNSWConfiguration(m: m)
        return update
    }

    private func write(_ engine: Engine, _ model: inout Model, _ names: [String], _ round: Int) throws {
        let points = (0..<100).map { _ in PointStruct(id: .number(model.drawID()), vectors: model.drawVectors(names)) }
        // Of some that are there already only the new ones are taken.
        let mode: UpdateOperation.UpsertMode = round % 3 == 2 ? .insertOnly : .upsert
        let added = mode == .upsert ? points : Array(Dictionary(points.map { ($0.id, $0) }) { $1 }.values)
        _ = try engine.updateBlocking("c", [.upsert(added, mode: mode)])
        for point in added {
            guard case .number(let id) = point.id, mode == .upsert || model.points[id] == nil else { continue }
            model.points[id] = point.vectors
        }
        let known = model.points.keys.sorted().shuffled(using: &model.random)
        let changed = known.prefix(20).map { (id: PointID.number($0), vectors: model.drawVectors(names)) }
        let bare = known.dropFirst(20).prefix(10)
        let gone = known.dropFirst(30).prefix(round % 5 == 4 ? 400 : 20)
        let name = names[round % names.count]
        _ = try engine.updateBlocking(
            "c",
            [
                .updateVectors(changed), .deleteVectors(.ids(bare.map { .number($0) }), names: [name]),
                .delete(.ids(gone.map { .number($0) })),
            ])
        for (id, vectors) in zip(known, changed.map(\.vectors)) { model.points[id]?.merge(vectors) { $1 } }
        for id in bare { model.points[id]?[ByteString(name)] = nil }
        for id in gone { model.points[id] = nil }
    }

    /// The collection's archive and the whole storage's, each restored.
    private func checkSnapshots(
        _ engine: Engine, _ machine: SimulatedMachine, _ model: inout Model, _ names: [String]
    ) throws {
        let snapshot = try engine.createSnapshot("c")
        try engine.recoverSnapshot("e", file: engine.snapshotPath("c", name: snapshot.name), checksum: nil)
        try model.check(engine, "e", names, "from an archive")
        let whole = try engine.createStorageSnapshot()
        let path = try engine.storageSnapshotPath(name: whole.name)
        #expect(throws: EngineError.self, "the files of a kind that nobody knows") {
            try Engine.restoreStorage(snapshot: path, into: "/unknown", machine.environment)
        }
        try Engine.restoreStorage(snapshot: path, into: "/whole", machine.environment, kinds: PairsKind.kinds)
        let restored = try open(machine, at: "/whole")
        try model.check(restored, "c", names, "from the whole storage")
        try restored.close()
    }

    @Test func aVectorOfAnotherKindIsRefused() throws {
        let machine = SimulatedMachine(seed: SeededGenerator().seed)
        let engine = try open(machine)
        try engine.createCollection("c", CollectionConfiguration(vectors: ["d": Self.dense, "p": Self.pairs]))
        let sparse = VectorValue.sparse(indices: [1], values: [1])
        let multi = VectorValue.multi(rows: [1, 2, 3], dimensions: 3)
        for (name, value) in [("d", sparse), ("d", multi), ("p", [1, 2, 3]), ("p", multi)] {
            #expect(throws: EngineError.self, "\(name): \(value)") {
                try engine.updateBlocking(
                    "c", [.upsert([PointStruct(id: .number(1), vectors: [ByteString(name): value])])])
            }
            #expect(throws: EngineError.self, "\(name): \(value)") {
                try engine.query("c", QueryRequest(Query(.nearest(.vector(value)), using: name)))
            }
        }
        #expect(try engine.count("c", filter: nil, exact: true) == 0)
        try engine.close()
    }
}
