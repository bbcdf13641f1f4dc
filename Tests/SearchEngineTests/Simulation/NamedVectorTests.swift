import JSON
import SearchEngine
import Simulation
import TestSupport
import Testing

/// Named vectors come and go on a live collection.
@Suite struct NamedVectorTests {
    private let machine = SimulatedMachine(seed: SeededGenerator().seed)

    private func named(_ vectors: [(String, Int)]) -> CollectionConfiguration {
        var configuration = CollectionConfiguration(vectors: [:])
        for (name, size) in vectors {
            configuration.vectors[ByteString(name)] = VectorParameters(size: size, distance: .dot)
        }
        return configuration
    }

    private func found(_ engine: Engine, _ vector: [Float], _ name: String, limit: Int = 3) throws -> [PointID] {
        var request = QueryRequest(nearest: .vector(.dense(vector)), using: name)
        request.query.limit = limit
        return try engine.query("c", request).points.map(\.id)
    }

    private func vectors(_ engine: Engine, _ id: UInt64) throws -> NamedVectors? {
        try engine.retrieve("c", ids: [.number(id)], payload: .none, vectors: .all).first?.vectors
    }

    @Test func aNewVectorIsThereAtOnceAndADeletedOneIsGone() throws {
        let engine = try machine.open()
        try engine.createCollection("c", named([("a", 2)]))
        let points = (0..<10).map { (id: UInt64) in PointStruct(id: .number(id), vectors: ["a": [Float(id), 1]]) }
        _ = try engine.updateBlocking("c", [.upsert(points)])
        let version = try engine.createVector("c", "b", VectorParameters(size: 3, distance: .dot)).operationID
        #expect(try #require(version) == 2)
        // Again is no error, something else under the name is.
        _ = try engine.createVector("c", "b", VectorParameters(size: 3, distance: .dot))
        #expect(throws: EngineError.self) { try engine.createVector("c", "b", .init(size: 4, distance: .dot)) }
        #expect(throws: EngineError.self) { try engine.createVector("c", "b", .init(size: 0, distance: .dot)) }
        #expect(try found(engine, [1, 0, 0], "b") == [])
        _ = try engine.updateBlocking(
            "c",
            [
                .updateVectors([(id: .number(3), vectors: ["b": [5, 0, 0]])]),
                .upsert([PointStruct(id: .number(10), vectors: ["a": [0, 0], "b": [7, 0, 0]])]),
            ])
        #expect(try found(engine, [1, 0, 0], "b") == [.number(10), .number(3)])
        #expect(try vectors(engine, 3) == ["a": [3, 1], "b": [5, 0, 0]])
        #expect(try engine.count("c", filter: Filter(must: [.hasVector("b")]), exact: true) == 2)

        _ = try engine.deleteVector("c", "a")
        // An unknown name is no error.
        #expect(try engine.deleteVector("c", "a").operationID == 5)
        #expect(throws: EngineError.self) { try found(engine, [1, 0], "a") }
        #expect(try vectors(engine, 3) == ["b": [5, 0, 0]] && vectors(engine, 4) == [:])
        #expect(try engine.count("c", filter: Filter(must: [.hasVector("a")]), exact: true) == 0)
        #expect(try engine.collectionInfo("c").configuration.vectors.keys.map(\.string) == ["b"])
        // Under the old name there may be another vector at once.
        _ = try engine.createVector("c", "a", VectorParameters(size: 1, distance: .euclid))
        #expect(try vectors(engine, 3) == ["b": [5, 0, 0]])
        _ = try engine.updateBlocking("c", [.updateVectors([(id: .number(4), vectors: ["a": [9]])])])
        #expect(try found(engine, [9], "a") == [.number(4)])
        machine.executor.run(for: .seconds(10))
        #expect(try vectors(engine, 4) == ["a": [9]])
        try engine.close()
        let reopened = try machine.open()
        #expect(try vectors(reopened, 4) == ["a": [9]] && vectors(reopened, 3) == ["b": [5, 0, 0]])
        try reopened.close()
    }

    /// The space of a deleted vector comes back, whether or not there is a restart in between.
    @Test(arguments: [false, true]) func aDeletedVectorsFilesGo(restarts: Bool) throws {
        var engine = try machine.open()
        try engine.createCollection("c", named([("a", 4), ("b", 4)]))
        for start in stride(from: 0, to: 9_000, by: 1_000) {
            let points = (start..<start + 1_000).map { id in
                PointStruct(id: .number(UInt64(id)), vectors: ["a": [1, 2, 3, Float(id)], "b": [Float(id), 0, 0, 1]])
            }
            _ = try engine.updateBlocking("c", [.upsert(points)])
        }
        machine.executor.held = "trendex-reclaim"
        _ = try engine.deleteVector("c", "a")
        #expect(machine.files.contents.keys.contains("/storage/vectors/1/0/0.f32"))
        machine.executor.held = nil
        if restarts {
            machine.executor.run(steps: 3)
            try engine.close()
            engine = try machine.open()
        }
        machine.executor.run(for: .seconds(30))
        #expect(!machine.files.contents.keys.contains { $0.hasPrefix("/storage/vectors/1/0/0.") })
        let rows = try engine.read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM points_1_0 WHERE vectors <> 2")
        }
        #expect(rows == 0)
        #expect(try found(engine, [1, 0, 0, 0], "b", limit: 1) == [.number(8_999)])
        try engine.close()
        let reopened = try machine.open()
        #expect(try vectors(reopened, 8_999) == ["b": [8_999, 0, 0, 1]])
        try reopened.close()
    }

    @Test func bitsAreUsedAgain() throws {
        let engine = try machine.open()
        try engine.createCollection("c", named([("a", 2)]))
        _ = try engine.updateBlocking("c", [.upsert([PointStruct(id: .number(1), vectors: ["a": [1, 2]])])])
        for round in 0..<100 {
            _ = try engine.createVector("c", "v", VectorParameters(size: 1 + round % 3, distance: .dot))
            let vector = Array(repeating: Float(round), count: 1 + round % 3)
            _ = try engine.updateBlocking("c", [.updateVectors([(id: .number(1), vectors: ["v": .dense(vector)])])])
            #expect(try vectors(engine, 1) == ["a": [1, 2], "v": .dense(vector)])
            _ = try engine.deleteVector("c", "v")
            machine.executor.run(for: .seconds(1))
        }
        for number in 0..<63 {
            _ = try engine.createVector("c", "w\(number)", VectorParameters(size: 1, distance: .dot))
        }
        #expect(throws: EngineError.self) { try engine.createVector("c", "x", .init(size: 1, distance: .dot)) }
        let all = Dictionary(
            uniqueKeysWithValues: (0..<63).map { (ByteString("w\($0)"), VectorValue.dense([Float($0)])) })
        _ = try engine.updateBlocking("c", [.upsert([PointStruct(id: .number(2), vectors: all)])])
        #expect(try vectors(engine, 2) == all)
        try engine.close()
        let reopened = try machine.open()
        #expect(try vectors(reopened, 2) == all)
        try reopened.close()
    }

    /// What was prepared for a vector never lands in another one.
    @Test func aPreparedWriteIsCheckedAgain() throws {
        let engine = try machine.open()
        try engine.createCollection("c", named([("a", 2), ("b", 2)]))
        let point = PointStruct(id: .number(1), vectors: ["a": [1, 2], "b": [3, 4]])
        let other = PointStruct(id: .number(2), vectors: ["b": [5, 6]])
        let prepared = try engine.prepare("c", [.upsert([point])])
        let unaffected = try engine.prepare("c", [.upsert([other])])
        let update = try engine.prepare("c", [.updateVectors([(id: .number(2), vectors: ["a": [1, 2]])])])
        _ = try engine.deleteVector("c", "a")
        machine.executor.run(for: .seconds(1))
        _ = try engine.createVector("c", "a", VectorParameters(size: 3, distance: .dot))
        func apply(_ update: Engine.PreparedUpdate) -> Result<[UpdateResult], any Error>? {
            nonisolated(unsafe) var result: Result<[UpdateResult], any Error>?
            engine.update(update, deadline: nil) { result = $0 }
            machine.executor.run(for: .seconds(1))
            return result
        }
        #expect(throws: EngineError.self) { try apply(prepared)?.get() }
        #expect(throws: Never.self) { try apply(unaffected)?.get() }
        #expect(throws: EngineError.self) { try apply(update)?.get() }
        #expect(try vectors(engine, 1) == nil && vectors(engine, 2) == ["b": [5, 6]])
        try engine.close()
    }

    /// A restored collection may have the same names and parameters, and other ids: what was prepared for one vector must not
    /// land in the other.
    @Test func aPreparedWriteDoesNotOutliveItsIDs() throws {
        let engine = try machine.open()
        let parameters = VectorParameters(size: 2, distance: .dot)
        try engine.createCollection("c", named([("a", 2), ("b", 2)]))
        // b gets the id 3.
        for name in ["x", "b"] {
            _ = try engine.deleteVector("c", "b")
            _ = try engine.createVector("c", name, parameters)
        }
        _ = try engine.deleteVector("c", "x")
        let snapshot = try engine.createSnapshot("c")
        _ = try engine.deleteCollection("c")
        // Here a has id 3.
        try engine.createCollection("c", named([("x", 2), ("y", 2), ("z", 2)]))
        for name in ["a", "b"] { _ = try engine.createVector("c", name, parameters) }
        for name in ["x", "y", "z"] { _ = try engine.deleteVector("c", name) }
        machine.executor.run(for: .seconds(1))
        let prepared = try engine.prepare("c", [.upsert([PointStruct(id: .number(1), vectors: ["a": [1, 2]])])])
        try engine.recoverSnapshot("c", file: engine.snapshotPath("c", name: snapshot.name), checksum: nil)
        nonisolated(unsafe) var result: Result<[UpdateResult], any Error>?
        engine.update(prepared, deadline: nil) { result = $0 }
        machine.executor.run(for: .seconds(1))
        let error = #expect(throws: EngineError.self) { try result?.get() }
        guard case .conflict = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try vectors(engine, 1) == nil)
        try engine.close()
    }

    /// A deleted vector whose rows are not cleared yet is part of the storage: points that come meanwhile must not make it one that
    /// no start can open.
    @Test func pointsComeBeforeADeletedVectorIsGone() throws {
        var engine = try machine.open()
        try engine.createCollection("c", named([("a", 1), ("b", 4)]))
        func upsert(_ ids: Range<UInt64>) throws {
            _ = try engine.updateBlocking("c", [.upsert(ids.map { PointStruct(id: .number($0), vectors: ["a": [1]]) })])
        }
        try upsert(0..<10)
        _ = try engine.updateBlocking(
            "c", [.updateVectors([(id: .number(1), vectors: ["b": [1, 2, 3, 4]])])])
        _ = try engine.deleteVector("c", "b")
        // More than fit into the file that it had.
        for start in stride(from: UInt64(0), to: 20_000, by: 2_000) { try upsert(start..<start + 2_000) }
        try #require(engine.collection("c").generation.storedFields.count == 2)
        try engine.close()
        engine = try machine.open()
        #expect(try engine.count("c", filter: nil, exact: true) == 20_000)
        try engine.close()
    }

    /// Ids go on rising as vectors come and go.
    @Test func aWholeStorageIsRestoredWithVectorsOfManyDigits() throws {
        let engine = try machine.open()
        try engine.createCollection("c", named([("a", 2)]))
        for _ in 0..<101 {
            _ = try engine.createVector("c", "b", VectorParameters(size: 2, distance: .dot))
            _ = try engine.deleteVector("c", "b")
            machine.executor.run(for: .seconds(1))
        }
        _ = try engine.createVector("c", "b", VectorParameters(size: 2, distance: .dot))
        _ = try engine.updateBlocking("c", [.upsert([PointStruct(id: .number(1), vectors: ["b": [1, 2]])])])
        let path = try engine.storageSnapshotPath(name: engine.createStorageSnapshot().name)
        try engine.close()
        try Engine.restoreStorage(snapshot: path, into: "/restored", machine.environment)
        let restored = try Engine(
            configuration: EngineConfiguration(storagePath: "/restored", snapshotsPath: "/restored-snapshots"),
            logger: .init(label: "test"), environment: machine.environment)
        #expect(try vectors(restored, 1) == ["b": [1, 2]])
        try restored.close()
    }

    /// A dictionary tells what is right, while vectors come and go, and the engine links, compacts, restarts and restores.
    @Test(arguments: 0..<3) func agreesWithADictionary(salt: UInt64) throws {
        let seed = SeededGenerator().seed
        var random = SeededGenerator(seed: seed &+ salt)
        var engine = try machine.open()
        defer { try? engine.close() }
        var sizes: [String: Int] = ["a": 3]
        var points: [UInt64: NamedVectors] = [:]
        try engine.createCollection("c", named([("a", 3)]))
        func draw(_ name: String) -> [Float] {
            (0..<sizes[name]!).map { _ in Float(Int.random(in: -9...9, using: &random)) }
        }
        func drawVectors() -> NamedVectors {
            var vectors: NamedVectors = [:]
            for name in sizes.keys.sorted() where random.chance(0.7) { vectors[ByteString(name)] = .dense(draw(name)) }
            return vectors
        }
        for step in 0..<300 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<6:
                let new = (0..<Int.random(in: 1...200, using: &random)).map { _ in
                    PointStruct(id: .number(.random(in: 0..<3_000, using: &random)), vectors: drawVectors())
                }
                for point in new { if case .number(let id) = point.id { points[id] = point.vectors } }
                _ = try engine.updateBlocking("c", [.upsert(new)])
            case 6..<8:
                let ids = points.keys.sorted().filter { _ in random.chance(0.1) }
                for id in ids { points[id] = nil }
                _ = try engine.updateBlocking("c", [.delete(.ids(ids.map { .number($0) }))])
            case 8..<11:
                let ids = points.keys.sorted().filter { _ in random.chance(0.02) }
                let new = ids.map { ($0, drawVectors()) }.filter { !$0.1.isEmpty }
                guard !new.isEmpty else { continue }
                for (id, vectors) in new { points[id]!.merge(vectors) { $1 } }
                _ = try engine.updateBlocking(
                    "c", [.updateVectors(new.map { (id: .number($0.0), vectors: $0.1) })])
            case 11:
                guard let name = sizes.keys.sorted().randomElement(using: &random) else { continue }
                let ids = points.keys.sorted().filter { _ in random.chance(0.05) }
                for id in ids { points[id]![ByteString(name)] = nil }
                _ = try engine.updateBlocking("c", [.deleteVectors(.ids(ids.map { .number($0) }), names: [name])])
            case 12..<14:
                let name = random.pick(["a", "b", "c", "d", "e"])
                guard sizes[name] == nil else { continue }
                sizes[name] = Int.random(in: 1...5, using: &random)
                _ = try engine.createVector("c", name, VectorParameters(size: sizes[name]!, distance: .dot))
            case 14..<16:
                guard let name = sizes.keys.sorted().randomElement(using: &random) else { continue }
                sizes[name] = nil
                for id in points.keys { points[id]![ByteString(name)] = nil }
                _ = try engine.deleteVector("c", name)
            case 16: machine.executor.run(steps: Int.random(in: 1...50, using: &random))
            case 17: machine.executor.run(for: .seconds(60))
            case 18:
                try engine.close()
                engine = try machine.open()
            default:
                let snapshot = try engine.createSnapshot("c")
                try engine.recoverSnapshot(
                    "c", file: engine.snapshotPath("c", name: snapshot.name), checksum: snapshot.checksum)
                try engine.deleteSnapshot("c", name: snapshot.name)
            }
            let configuration = try engine.collectionInfo("c").configuration
            #expect(
                configuration.vectors.mapValues(\.size).reduce(into: [:]) { $0[$1.key.string] = $1.value } == sizes,
                "step \(step)")
            if step % 10 == 9 || step == 299 {
                var request = QueryRequest(Query(), payload: .all)
                request.query.limit = 5_000
                request.vectors = .all
                let records = try engine.query("c", request, deadline: nil).points
                try #require(records.count == points.count, "step \(step)")
                for record in records {
                    guard case .number(let id) = record.id else { continue }
                    try #require(record.vectors == points[id], "step \(step), point \(id)")
                }
                for (name, size) in sizes.sorted(by: { $0.key < $1.key }) {
                    let key = ByteString(name)
                    let query = (0..<size).map { _ in Float(Int.random(in: 1...9, using: &random)) }
                    func score(_ vector: [Float]) -> Float { zip(query, vector).reduce(0) { $0 + $1.0 * $1.1 } }
                    let best = points.values.compactMap { $0[key]?.dense.map(score) }.sorted(by: >).prefix(10)
                    var search = QueryRequest(nearest: .vector(.dense(query)), using: name)
                    search.query.parameters.exact = true
                    let found = try engine.query("c", search).points.map(\.score)
                    #expect(found == Array(best), "step \(step), vector \(name)")
                }
            }
        }
    }
}
