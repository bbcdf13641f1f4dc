import JSON
import SearchEngine
import Simulation
import TestSupport
import Testing
import VectorIndex

/// Graphs travel in snapshots: what is restored has its points linked, and finds what the source finds. On a machine that links
/// only when it is stepped.
@Suite struct SnapshotGraphTests {
    private static let size = 24
    private static let count = 3_000
    private static let width = 60
    private static let queryCount = 90
    private let machine: SimulatedMachine
    private let engine: Engine

    init() throws {
        machine = SimulatedMachine(seed: SeededGenerator().seed)
        engine = try machine.open()
    }

    /// Points in clusters, linked.
    private func fill(_ name: String, _ random: inout SeededGenerator) throws {
        var configuration = CollectionConfiguration(vectors: [
            "a": VectorParameters(size: Self.size, distance: .euclid), "b": VectorParameters(size: 2, distance: .dot),
        ])
        configuration.hnsw = HNSWConfiguration(m: 8, efConstruct: 60)
        try engine.createCollection(name, configuration)
        try upsert(name, 0..<Self.count, &random)
        machine.executor.run(for: .seconds(5))
    }

    private func upsert(_ name: String, _ ids: Range<Int>, _ random: inout SeededGenerator) throws {
        let centres = (0..<20).map { _ in random.vector(Self.size) }
        let points = ids.map { id in
            let vector = zip(random.pick(centres), random.vector(Self.size)).map { $0 + 0.5 * $1 }
            return PointStruct(
                id: .number(UInt64(id)), vectors: id % 10 == 9 ? ["b": [1, 2]] : ["a": .dense(vector)],
                payload: Payload(["n": .integer(Int64(id))]))
        }
        for start in stride(from: 0, to: points.count, by: 500) {
            _ = try engine.updateBlocking(name, [.upsert(Array(points[start..<min(start + 500, points.count)]))])
        }
    }

    private func index(_ name: String) throws -> VectorIndex {
        try #require(engine.collection(name).generation.denseField("a")).index
    }

    private func snapshot(_ name: String) throws -> String {
        try engine.snapshotPath(name, name: engine.createSnapshot(name).name)
    }

    private func contents(_ name: String) throws -> [String] {
        var request = QueryRequest(Query(), payload: .all)
        request.query.limit = 10_000
        request.vectors = .all
        return try engine.query(name, request).points.map { record in
            "\(record.id) \(String(decoding: record.payload!.json, as: UTF8.self)) \(record.vectors!)"
        }
    }

    /// Expects the answers to some random queries to have the right scores, and returns which share of the true ten nearest a
    /// walk of the graph alone finds.
    private func recall(_ name: String) throws -> Double {
        // The same queries each time, so that graphs can be compared.
        var random = SeededGenerator(seed: 7)
        let generation = try engine.collection(name).generation
        var found = 0
        for _ in 0..<Self.queryCount {
            let query = random.vector(Self.size)
            var request = QueryRequest(nearest: .vector(.dense(query)), using: "a", limit: 10)
            request.vectors = .names(["a"])
            let points = try engine.query(name, request).points
            #expect(points.count == 10)
            for point in points {
                let vector = try #require(point.vectors?["a"]?.dense)
                let distance = zip(query, vector).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
                #expect(abs((point.score ?? .nan) - distance) < 1e-3, "point \(point.id)")
            }
            request.query.parameters.exact = true
            let best = Set(try engine.query(name, request).points.map(\.id))
            var options = SearchOptions(k: 10, ef: Self.width)
            options.prefersGraph = true
            let walked = try query.withUnsafeBufferPointer { try index(name).search($0, options, allowed: nil) }
            found += walked.hits.count { best.contains(generation.points.id($0.slot)) }
        }
        return Double(found) / Double(10 * Self.queryCount)
    }

    @Test func pointsAreLinkedAtOnce() throws {
        var random = SeededGenerator()
        try fill("c", &random)
        let before = try contents("c")
        let source = try recall("c")
        let path = try snapshot("c")
        for name in ["c", "d"] {
            try engine.recoverSnapshot(name, file: path, checksum: nil)
            #expect(try index(name).linkedCount == Self.count && index(name).pendingCount == 0)
            #expect(try engine.collectionInfo(name).indexedVectorsCount == Self.count * 9 / 10)
            #expect(try contents(name) == before)
            #expect(try recall(name) > source - 0.05, "seed \(random.seed)")
        }
        // The next start has an index file of it.
        machine.executor.run(for: .seconds(5))
        try engine.close()
        let again = try machine.open()
        #expect(try again.collection("d").generation.denseField("a")?.index.linkedCount == Self.count)
        try again.close()
    }

    /// Removed points keep their slots, which walks pass through; what isn't linked yet becomes the tail.
    @Test func afterDeletionsAndBeforeLinking() throws {
        var random = SeededGenerator()
        try fill("c", &random)
        let deleted = (0..<Self.count).filter { _ in random.chance(0.2) }.prefix(350).map { PointID.number(UInt64($0)) }
        _ = try engine.updateBlocking("c", [.delete(.ids(Array(deleted)))])
        try upsert("c", Self.count..<Self.count + 700, &random)
        let linked = try index("c").linkedCount
        #expect(linked < Self.count + 700)
        let before = try contents("c")
        let source = try recall("c")
        try engine.recoverSnapshot("d", file: snapshot("c"), checksum: nil)
        let points = try engine.collection("d").generation.points
        #expect(points.slotCount == Self.count + 700 && points.liveCount == Self.count + 700 - deleted.count)
        #expect(try index("d").linkedCount >= linked && index("d").linkedCount < Self.count + 700)
        #expect(try contents("d") == before)
        #expect(try recall("d") > source - 0.05, "seed \(random.seed)")
        machine.executor.run(for: .seconds(5))
        #expect(try index("d").pendingCount == 0)
        #expect(try index("d").unreachedSlots().missed == 0)
        #expect(try contents("d") == before)
        _ = try engine.updateBlocking("d", [.delete(.ids([.number(UInt64(Self.count + 1))]))])
        #expect(try engine.count("d", filter: nil, exact: true) == before.count - 1)
        // All that is left after most has gone is written anew, as in any collection.
        _ = try engine.updateBlocking(
            "d",
            [
                .delete(
                    .filter(
                        Filter(must: [.field(try PayloadPath("n"), .range(RangeBounds(lt: 1_500)))])))
            ])
        machine.executor.run(for: .seconds(10))
        let compacted = try engine.collection("d").generation
        #expect(compacted.number == 1 && compacted.points.slotCount == compacted.points.liveCount)
        try engine.close()
    }

    /// Without a graph that fits, the points are linked as ever.
    @Test func graphsThatCannotBeUsedAreLeftOut() throws {
        var random = SeededGenerator()
        try fill("c", &random)
        try fill("other", &random)
        let before = try contents("c")
        let source = try recall("c")
        let archive = try SnapshotArchive(snapshot("c"), machine.files)
        let other = try SnapshotArchive(snapshot("other"), machine.files)
        let graph = try #require(archive["graphs/0"])
        #expect(archive["graphs/1"] == nil, "of a vector that too few points have")
        var flipped = graph
        flipped[graph.count / 2] ^= 1
        let indexFile = try SnapshotArchive.content("/storage/derived/1/0/0.index", machine.files)
        let variants: [(String, [UInt8]?)] = [
            ("missing", nil), ("empty", []), ("cut", Array(graph.dropLast(100))), ("flipped", flipped),
            ("another collection's", other["graphs/0"]), ("with codes", indexFile), ("longer", graph + graph),
        ]
        for (what, content) in variants {
            var changed = archive
            changed["graphs/0"] = content
            try changed.write(to: "/made.snapshot", machine.files)
            try engine.recoverSnapshot("d", file: "/made.snapshot", checksum: nil)
            #expect(try index("d").linkedCount < Self.count / 2, "\(what)")
            #expect(try contents("d") == before, "\(what)")
            _ = try recall("d")
            machine.executor.run(for: .seconds(5))
            #expect(try index("d").linkedCount == Self.count, "\(what)")
            // Another graph than the source's. The most that it found less with 120 seeds was 0.038.
            #expect(try recall("d") > source - 0.08, "\(what); seed \(random.seed)")
        }
        // Damage that the archive's own checksums tell is refused.
        var bytes = archive.bytes()
        bytes[bytes.count - 20_000] ^= 1
        try SnapshotArchive.write(bytes, to: "/made.snapshot", machine.files)
        #expect(throws: EngineError.self) { try engine.recoverSnapshot("d", file: "/made.snapshot", checksum: nil) }
        #expect(try contents("d") == before)
        try engine.close()
    }

    /// Whatever a graph says whose hashes fit, in an archive whose checksums fit: points, scores and answers stay right.
    @Test func forgedGraphsDoNoHarm() throws {
        var random = SeededGenerator()
        try fill("c", &random)
        let before = try contents("c")
        let archive = try SnapshotArchive(snapshot("c"), machine.files)
        let graph = try #require(archive["graphs/0"])
        var taken = 0
        let rounds = 20
        for round in 0..<rounds {
            var forged = graph
            for _ in 0..<Int.random(in: 1...2, using: &random) { IndexFileForgery.forge(&forged, using: &random) }
            var changed = archive
            changed["graphs/0"] = forged
            try changed.write(to: "/made.snapshot", machine.files)
            try engine.recoverSnapshot("d", file: "/made.snapshot", checksum: nil)
            taken += try index("d").linkedCount == Self.count ? 1 : 0
            _ = try recall("d")
            machine.executor.run(steps: 50)
            if round % 10 == 0 {
                machine.executor.run(for: .seconds(5))
                #expect(try index("d").pendingCount == 0 && index("d").uncheckedCount == 0)
                _ = try recall("d")
            }
            #expect(try contents("d") == before, "round \(round), seed \(random.seed)")
        }
        #expect(1..<rounds ~= taken, "\(taken) taken; seed \(random.seed)")
        try engine.close()
    }

    /// Slots that can't be: refused, and nothing changes.
    @Test func slotsThatCannotBe() throws {
        var random = SeededGenerator()
        try fill("c", &random)
        _ = try engine.updateBlocking("c", [.delete(.ids([.number(0), .number(7)]))])
        let before = try contents("c")
        let archive = try SnapshotArchive(snapshot("c"), machine.files)
        func put(_ slot: UInt32, at place: Int, _ records: inout [UInt8]) {
            withUnsafeBytes(of: slot.littleEndian) { records.replaceSubrange(place..<place + 4, with: $0) }
        }
        // The first record is that of slot 1.
        let records = try #require(archive["points.bin"])
        #expect(records[..<4].elementsEqual([1, 0, 0, 0]))
        let length = 49 + Int(records[45])
        let second = records[length..<length + 4]
        #expect(second.elementsEqual([2, 0, 0, 0]))
        var variants: [SnapshotArchive] = []
        for (slot, place) in [(2, 0), (UInt32.max, 0), (UInt32(Self.count), 0), (1, length), (0, length)] {
            var changed = archive
            var forged = records
            put(slot, at: place, &forged)
            changed["points.bin"] = forged
            changed.manifest["pointsChecksum"] = JSONValue(Self.sum(of: forged))
            variants.append(changed)
        }
        for slots: JSONValue in [2_997, 3_001, -1, 1_000_000_000, 4_294_967_296, "3000", nil] {
            var changed = archive
            changed.manifest["slots"] = slots
            variants.append(changed)
        }
        for (number, changed) in variants.enumerated() {
            try changed.write(to: "/made.snapshot", machine.files)
            #expect(throws: EngineError.self, "\(number)") {
                try engine.recoverSnapshot("c", file: "/made.snapshot", checksum: nil)
            }
        }
        #expect(try contents("c") == before)
        // Nothing tells how many slots are too many where there are no vectors.
        try engine.createCollection("bare", CollectionConfiguration(vectors: [:]))
        var bare = try SnapshotArchive(snapshot("bare"), machine.files)
        bare.manifest["slots"] = 2_000_000_000
        try bare.write(to: "/made.snapshot", machine.files)
        #expect(throws: EngineError.self) {
            try engine.recoverSnapshot("bare", file: "/made.snapshot", checksum: nil)
        }
        try engine.close()
    }

    /// The checksum of `points.bin`, record by record.
    private static func sum(of records: [UInt8]) -> UInt64 {
        var sum = Checksum()
        var start = 0
        while start < records.count {
            let payload = (0..<4).reduce(0) { $0 | Int(records[start + 45 + $1]) << (8 * $1) }
            let end = start + 49 + payload
            records[start..<end].withUnsafeBytes { sum.add($0) }
            start = end
        }
        return sum.value
    }

    /// What a slot without a vector has in the vector's file may be anything, and doesn't keep the others from being restored.
    @Test func rowsThatNobodyHasMayBeAnything() throws {
        var random = SeededGenerator()
        try fill("c", &random)
        _ = try engine.updateBlocking("c", [.delete(.ids([.number(0)]))])
        let before = try contents("c")
        let source = try recall("c")
        var archive = try SnapshotArchive(snapshot("c"), machine.files)
        let rowBytes = Self.size * 4
        // Slot 0 was removed, slot 9 has no such vector.
        for slot in [0, 9] {
            archive["vectors/0"]?.replaceSubrange(
                slot * rowBytes..<(slot + 1) * rowBytes, with: repeatElement(0xFF, count: rowBytes))
        }
        try archive.write(to: "/made.snapshot", machine.files)
        try engine.recoverSnapshot("d", file: "/made.snapshot", checksum: nil)
        #expect(try contents("d") == before)
        #expect(try index("d").linkedCount == Self.count)
        #expect(try recall("d") > source - 0.05, "seed \(random.seed)")
        // Those of a point are its own.
        archive["vectors/0"]?.replaceSubrange(rowBytes..<2 * rowBytes, with: repeatElement(0xFF, count: rowBytes))
        try archive.write(to: "/made.snapshot", machine.files)
        #expect(throws: EngineError.self) { try engine.recoverSnapshot("d", file: "/made.snapshot", checksum: nil) }
        try engine.close()
    }

    /// On a disk with no room for the graph the snapshot goes without, and without the rows of removed points.
    @Test func withoutRoomForTheGraph() throws {
        var random = SeededGenerator()
        try fill("c", &random)
        _ = try engine.updateBlocking("c", [.delete(.ids([.number(0)]))])
        let before = try contents("c")
        machine.files.free = 8 << 20
        let path = try snapshot("c")
        machine.files.free = nil
        let archive = try SnapshotArchive(path, machine.files)
        #expect(archive["graphs/0"] == nil)
        #expect(archive.manifest["slots"]?.integerValue == Int64(Self.count - 1))
        try engine.recoverSnapshot("d", file: path, checksum: nil)
        #expect(try contents("d") == before)
        try engine.close()
    }

    /// A whole storage that is restored starts with its points linked.
    @Test func aWholeStorageHasItsGraphs() throws {
        var random = SeededGenerator()
        try fill("c", &random)
        _ = try engine.updateBlocking("c", [.delete(.ids([.number(0), .number(7)]))])
        let path = try engine.storageSnapshotPath(name: engine.createStorageSnapshot().name)
        var archive = try SnapshotArchive(path, machine.files)
        try Engine.restoreStorage(snapshot: path, into: "/restored", machine.environment)
        func restored(_ folder: String) throws -> Int {
            let storage = try Engine(
                configuration: EngineConfiguration(storagePath: folder, snapshotsPath: folder + "-snapshots"),
                logger: .init(label: "test"), environment: machine.environment)
            defer { try? storage.close() }
            return try #require(storage.collection("c").generation.denseField("a")).index.linkedCount
        }
        #expect(try restored("/restored") == Self.count)
        let name = "graphs/1/0/0"
        archive[name] = Array(try #require(archive[name]).dropLast(4))
        try archive.write(to: "/made.snapshot", machine.files)
        try Engine.restoreStorage(snapshot: "/made.snapshot", into: "/linked-anew", machine.environment)
        #expect(try restored("/linked-anew") == 0)
        archive["graphs/../0"] = []
        try archive.write(to: "/made.snapshot", machine.files)
        #expect(throws: EngineError.self) {
            try Engine.restoreStorage(snapshot: "/made.snapshot", into: "/refused", machine.environment)
        }
        try engine.close()
    }
}
