import Foundation
import JSON
import SearchEngine
import Synchronization
import TestSupport
import Testing

@Suite struct EngineTests {
    @Test func pointsAreFoundByTheNextSearch() throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(3, .dot))
        _ = try fixture.engine.updateBlocking(
            "c", [.upsert([PointStruct(1, [1, 0, 0], ["a": 1]), PointStruct(2, [0, 1, 0], ["a": 2])])])
        var request = QueryRequest(nearest: .vector([0, 1, 0.5]), limit: 5)
        request.payload = .all
        let found = try fixture.engine.query("c", request).points
        #expect(found.map(\.id) == [.number(2), .number(1)])
        #expect(found[0].score == 1)
        #expect(found[0].payload?.value == ["a": 2])
        #expect(try fixture.engine.count("c", filter: nil, exact: true) == 2)
    }

    @Test func everythingIsThereAfterReopening() throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(4))
        let vector: [Float] = [0.5, -0.5, 0.5, 0.5]
        _ = try fixture.engine.updateBlocking("c", [.upsert([PointStruct(7, vector, ["title": "x"])])])
        _ = try fixture.engine.createPayloadIndex(
            "c", key: PayloadPath("title"), schema: PayloadFieldSchema(type: .keyword))
        try fixture.engine.updateAliases([.create(alias: "also", collection: "c")])
        try fixture.reopen()
        let record = try fixture.engine.retrieve("also", ids: [.number(7), .number(8)], payload: .all, vectors: .all)
        #expect(record.count == 1)
        #expect(record[0].vectors?[""]?.dense == vector)
        #expect(record[0].payload?.value == ["title": "x"])
        let info = try fixture.engine.collectionInfo("c")
        #expect(info.payloadSchema["title"]?.points == 1)
        #expect(info.pointsCount == 1)
    }

    @Test func aFailedJobChangesNothing() throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(2))
        _ = try fixture.engine.updateBlocking("c", [.upsert([PointStruct(1, [1, 0], ["a": 1])])])
        #expect(throws: EngineError.self) {
            _ = try fixture.engine.updateBlocking(
                "c",
                [
                    .upsert([PointStruct(1, [0, 1], ["a": 2]), PointStruct(2, [0, 1])]),
                    .setPayload(.ids([.number(99)]), payload: ["b": 1], key: nil),
                ])
        }
        let records = try fixture.engine.retrieve("c", ids: [.number(1), .number(2)], payload: .all, vectors: .all)
        #expect(records.count == 1)
        #expect(records[0].payload?.value == ["a": 1])
        #expect(records[0].vectors?[""] == [1, 0])
        _ = try fixture.engine.updateBlocking("c", [.upsert([PointStruct(3, [1, 1])])])
        #expect(try fixture.engine.count("c", filter: nil, exact: true) == 2)
    }

    @Test func wrongVectorsAreRefused() throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(2))
        for vector: [Float] in [[1], [1, 2, 3], [.nan, 1], [.infinity, 0]] {
            #expect(throws: EngineError.self) {
                _ = try fixture.engine.updateBlocking("c", [.upsert([PointStruct(1, vector)])])
            }
            #expect(throws: EngineError.self) {
                _ = try fixture.engine.query("c", QueryRequest(nearest: .vector(.dense(vector))))
            }
        }
        #expect(try fixture.engine.count("c", filter: nil, exact: true) == 0)
    }

    @Test func namedVectorsAreKeptApart() throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection(
            "c",
            CollectionConfiguration(vectors: [
                "text": VectorParameters(size: 2, distance: .cosine),
                "image": VectorParameters(size: 3, distance: .euclid, datatype: .float16),
                "tiny": VectorParameters(size: 2, distance: .manhattan, datatype: .uint8),
            ]))
        _ = try fixture.engine.updateBlocking(
            "c",
            [
                .upsert([
                    PointStruct(id: .number(1), vectors: ["text": [1, 0], "image": [1, 2, 3]]),
                    PointStruct(id: .number(2), vectors: ["tiny": [200, 7]]),
                ]),
                .updateVectors([(id: .number(2), vectors: ["text": [0, 2]])]),
                .deleteVectors(.ids([.number(1)]), names: ["text"]),
            ])
        let records = try fixture.engine.retrieve("c", ids: [.number(1), .number(2)], payload: .none, vectors: .all)
        #expect(records[0].vectors == ["image": [1, 2, 3]])
        #expect(records[1].vectors == ["tiny": [200, 7], "text": [0, 1]])
        var request = QueryRequest(nearest: .vector([1, 1]), using: "text")
        #expect(try fixture.engine.query("c", request).points.map(\.id) == [.number(2)])
        request = QueryRequest(nearest: .vector([1, 2, 2]), using: "image")
        let found = try fixture.engine.query("c", request).points
        #expect(found.map(\.id) == [.number(1)])
        #expect(found[0].score == 1)
        request = QueryRequest(nearest: .vector([201, 9]), using: "tiny")
        #expect(try fixture.engine.query("c", request).points.map(\.score) == [3])
        #expect(try fixture.engine.count("c", filter: Filter(must: [.hasVector("image")]), exact: true) == 1)
    }

    @Test func aliasesSwitchTogether() throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("a", .unnamed(2))
        try fixture.engine.createCollection("b", .unnamed(2))
        try fixture.engine.updateAliases([.create(alias: "now", collection: "a")])
        #expect(throws: EngineError.self) {
            try fixture.engine.updateAliases([.delete(alias: "now"), .create(alias: "x", collection: "missing")])
        }
        #expect(try fixture.engine.aliases(of: "a").map(\.alias) == ["now"])
        try fixture.engine.updateAliases([
            .delete(alias: "now"), .create(alias: "now", collection: "b"), .rename(from: "now", to: "later"),
        ])
        #expect(try fixture.engine.aliases(of: nil).map { [$0.alias, $0.collection] } == [["later", "b"]])
        #expect(throws: EngineError.self) { try fixture.engine.createCollection("later", .unnamed(2)) }
        #expect(try !fixture.engine.deleteCollection("later"), "only a collection's own name deletes it")
        #expect(fixture.engine.collectionNames() == ["a", "b"])
        #expect(try fixture.engine.deleteCollection("b"))
        #expect(try fixture.engine.aliases(of: nil).isEmpty)
    }

    @Test func hostileNamesAreRefused() throws {
        let fixture = try EngineFixture()
        for name in ["", "a/b", "..\\x", "nul\0", "a\nb", String(repeating: "x", count: 256)] {
            #expect(throws: EngineError.self) { try fixture.engine.createCollection(name, .unnamed(2)) }
        }
        for name in ["..", ".", "'; DROP TABLE collections; --", "名前", String(repeating: "é", count: 255)] {
            try fixture.engine.createCollection(name, .unnamed(2))
            _ = try fixture.engine.updateBlocking(name, [.upsert([PointStruct(1, [1, 0])])])
            let snapshot = try fixture.engine.createSnapshot(name)
            #expect(try fixture.engine.snapshotPath(name, name: snapshot.name).hasPrefix(fixture.folder))
        }
        try fixture.reopen()
        #expect(fixture.engine.collectionNames().count == 5)
    }

    @Test func manyWritersAreAllCommitted() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try engine.createCollection("c", .unnamed(8))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<16 {
                group.addTask {
                    for index in 0..<50 {
                        let id = UInt64(writer * 1000 + index)
                        let vector: [Float] = (0..<8).map { (place: UInt64) -> Float in
                            Float((id &* 31 &+ place) % 17) + 1
                        }
                        _ = try await engine.update(
                            "c", [.upsert([PointStruct(id, vector, ["w": .integer(Int64(writer))])])])
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try engine.count("c", filter: nil, exact: true) == 800)
        let filter = Filter(must: [.field(try PayloadPath("w"), .match(.integer(3)))])
        #expect(try engine.count("c", filter: filter, exact: true) == 50)
        try fixture.reopen()
        #expect(try fixture.engine.count("c", filter: filter, exact: true) == 50)
    }

    @Test func compactionKeepsEveryPoint() throws {
        let fixture = try EngineFixture()
        var random = SeededGenerator()
        try fixture.engine.createCollection("c", .unnamed(16))
        for start in stride(from: 0, to: 4_000, by: 500) {
            let points = (start..<start + 500).map { (number: Int) -> PointStruct in
                let payload: JSONValue = ["n": .integer(Int64(number)), "even": .bool(number % 2 == 0)]
                return PointStruct(UInt64(number), random.vector(16), payload)
            }
            _ = try fixture.engine.updateBlocking("c", [.upsert(points)])
        }
        let even = Filter(must: [.field(try PayloadPath("even"), .match(.bool(true)))])
        #expect(try fixture.engine.count("c", filter: even, exact: true) == 2_000)
        let odd = Filter(mustNot: even.must)
        // Writes go on while the compaction that the deletion causes runs.
        _ = try fixture.engine.updateBlocking("c", [.delete(.filter(odd))])
        for number in 0..<200 {
            _ = try fixture.engine.updateBlocking(
                "c",
                [
                    .setPayload(.ids([.number(UInt64(number * 2))]), payload: ["even": false], key: nil),
                    .upsert([PointStruct(UInt64(10_000 + number), random.vector(16), ["n": -1])]),
                    .delete(.ids([.number(UInt64(3_998 - number * 2))])),
                ])
        }
        try fixture.waitUntilGreen("c")
        var expected: Set<PointID> = []
        for number: UInt64 in 0..<1_800 { expected.insert(.number(number * 2)) }
        for number: UInt64 in 10_000..<10_200 { expected.insert(.number(number)) }
        for reopened in [false, true] {
            if reopened { try fixture.reopen() }
            #expect(try fixture.engine.count("c", filter: nil, exact: true) == 2_000, "seed \(random.seed)")
            #expect(try fixture.engine.count("c", filter: even, exact: true) == 1_600)
            var scroll = QueryRequest(Query(), payload: .all)
            scroll.query.limit = 5_000
            let page = try fixture.engine.query("c", scroll)
            #expect(Set(page.points.map(\.id)) == expected)
            for record in page.points.prefix(50) {
                guard case .number(let id) = record.id, id < 10_000 else { continue }
                #expect(record.payload?.value["n"] == .integer(Int64(id)))
            }
        }
        try fixture.close()
        #expect(try Engine.verify(storagePath: fixture.storagePath) { _ in })
        let generations = try FileManager.default.contentsOfDirectory(atPath: fixture.storagePath + "/vectors/1")
        #expect(generations.count == 1)
        #expect(generations != ["0"], "no compaction took place")
    }

    @Test func damagedDerivedFilesAreRebuilt() throws {
        let fixture = try EngineFixture()
        var random = SeededGenerator()
        try fixture.engine.createCollection("c", .unnamed(16))
        let points = (0..<5_000).map { PointStruct(UInt64($0), random.vector(16)) }
        _ = try fixture.engine.updateBlocking("c", [.upsert(points)])
        try fixture.waitUntilGreen("c")
        try fixture.close()
        let file = fixture.storagePath + "/derived/1/0/0.index"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        bytes[bytes.count / 2] ^= 0x55
        try bytes.write(to: URL(fileURLWithPath: file))
        try fixture.reopen()
        let query = random.vector(16)
        let found = try fixture.engine.query("c", QueryRequest(nearest: .vector(.dense(query)))).points
        var exact = QueryRequest(nearest: .vector(.dense(query)))
        exact.query.parameters.exact = true
        #expect(found.count == 10)
        #expect(try fixture.engine.query("c", exact).points.count == 10)
        try fixture.waitUntilGreen("c")
        #expect(try fixture.engine.collectionInfo("c").indexedVectorsCount == 5_000)
    }

    @Test func aStorageFolderHasOneOwner() throws {
        let fixture = try EngineFixture()
        #expect(throws: EngineError.self) {
            _ = try Engine(
                configuration: EngineConfiguration(
                    storagePath: fixture.storagePath, snapshotsPath: fixture.folder + "/s"),
                logger: .init(label: "test"))
        }
    }
}

@Suite struct HostileEngineTests {
    /// What would be too deep to be read again is refused, and changes nothing.
    @Test func pathsAndPayloadsStayReadable() throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(2))
        _ = try fixture.engine.updateBlocking("c", [.upsert([PointStruct(1, [1, 0], ["a": 1])])])
        #expect(throws: EngineError.self) {
            _ = try PayloadPath(Array(repeating: "a", count: 65).joined(separator: "."))
        }
        #expect(throws: EngineError.self) { _ = try PayloadPath(String(repeating: "a", count: 1 << 20)) }
        let path = try PayloadPath(Array(repeating: "a", count: 64).joined(separator: "."))
        var deep: JSONValue = 1
        for _ in 0..<100 { deep = ["b": deep] }
        #expect(throws: EngineError.self) {
            _ = try fixture.engine.updateBlocking(
                "c", [.setPayload(.ids([.number(1)]), payload: ["x": deep], key: path)])
        }
        let record = try fixture.engine.retrieve("c", ids: [.number(1)], payload: .all, vectors: .none)[0]
        #expect(record.payload?.value == ["a": 1])
        _ = try fixture.engine.updateBlocking("c", [.setPayload(.ids([.number(1)]), payload: ["x": 1], key: path)])
        #expect(try fixture.engine.count("c", filter: Filter(must: [.isEmpty(path)]), exact: true) == 0)
    }

    /// Changes to settings, all at once, are all kept.
    @Test func concurrentSettingsAreAllKept() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try engine.createCollection("c", .unnamed(2))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    var update = CollectionUpdate()
                    update.metadata = ["key\(number)": .integer(Int64(number))]
                    try engine.updateCollection("c", update)
                }
            }
            try await group.waitForAll()
        }
        let metadata = try engine.collectionInfo("c").configuration.metadata
        #expect(metadata?.objectValue?.count == 8)
    }

    /// Reads of vectors while the file behind them grows again and again.
    @Test func vectorsAreReadWhileFilesGrow() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try engine.createCollection("c", .unnamed(256, .dot))
        _ = try engine.updateBlocking("c", [.upsert([PointStruct(0, Array(repeating: 3, count: 256))])])
        let writer = Task {
            for start in stride(from: 1, to: 4_000, by: 100) {
                let points = (start..<start + 100).map {
                    PointStruct(UInt64($0), Array(repeating: Float($0), count: 256))
                }
                _ = try await engine.update("c", [.upsert(points)])
            }
        }
        for _ in 0..<2_000 {
            let record = try engine.retrieve("c", ids: [.number(0)], payload: .none, vectors: .all)
            #expect(record.first?.vectors?[""]?.dense?[255] == 3)
        }
        try await writer.value
        #expect(try engine.count("c", filter: nil, exact: true) == 4_001)
    }

    /// Indexes that are declared and dropped while a compaction is under way stay so.
    @Test func payloadIndexesChangeDuringCompaction() throws {
        let fixture = try EngineFixture()
        var random = SeededGenerator()
        try fixture.engine.createCollection("c", .unnamed(32))
        _ = try fixture.engine.createPayloadIndex(
            "c", key: PayloadPath("old"), schema: PayloadFieldSchema(type: .integer))
        for start in stride(from: 0, to: 6_000, by: 1_000) {
            let points = (start..<start + 1_000).map { (number: Int) -> PointStruct in
                PointStruct(
                    UInt64(number), random.vector(32),
                    ["old": .integer(Int64(number)), "new": .string("word \(number)")])
            }
            _ = try fixture.engine.updateBlocking("c", [.upsert(points)])
        }
        try fixture.waitUntilGreen("c")
        _ = try fixture.engine.updateBlocking("c", [.delete(.ids((0..<3_000).map { .number($0) }))])
        _ = try fixture.engine.deletePayloadIndex("c", key: PayloadPath("old"))
        _ = try fixture.engine.createPayloadIndex("c", key: PayloadPath("new"), schema: PayloadFieldSchema(type: .text))
        try fixture.waitUntilGreen("c")
        let info = try fixture.engine.collectionInfo("c")
        #expect(Array(info.payloadSchema.keys) == ["new"])
        #expect(info.payloadSchema["new"]?.points == 3_000)
    }

    /// However many ask for a collection at once, there are no more than may be.
    @Test func noMoreCollectionsThanAllowed() throws {
        let fixture = try EngineFixture { $0.maxCollections = 5 }
        let engine = fixture.engine
        let refused = Atomic(0)
        onThreads(32) { number in
            do { try engine.createCollection("c\(number)", .unnamed(1)) } catch {
                if "\(error)".contains("maximum number of collections") { refused.wrappingAdd(1, ordering: .relaxed) }
            }
        }
        #expect(engine.collectionNames().count == 5)
        #expect(refused.load(ordering: .relaxed) == 27)
        let name = try #require(engine.collectionNames().first)
        let path = try engine.snapshotPath(name, name: engine.createSnapshot(name).name)
        #expect(throws: EngineError.self) { try engine.recoverSnapshot("new", file: path, checksum: nil) }
        try engine.recoverSnapshot(name, file: path, checksum: nil)
        #expect(try engine.deleteCollection(name))
        try engine.recoverSnapshot("new", file: path, checksum: nil)
        #expect(engine.collectionNames().count == 5)
    }

    @Test func pagesWithAnOffset() throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(1, .dot))
        _ = try fixture.engine.updateBlocking(
            "c",
            [
                .upsert(
                    (0..<50).map { PointStruct($0, [1], ["n": .integer(Int64(100 - $0)), "even": .bool($0 % 2 == 0)]) })
            ])
        _ = try fixture.engine.createPayloadIndex(
            "c", key: PayloadPath("n"), schema: PayloadFieldSchema(type: .integer))
        var request = QueryRequest(Query(), payload: .all)
        request.query.filter = Filter(must: [.field(try PayloadPath("even"), .match(.bool(true)))])
        request.query.limit = 3
        func page(_ skipped: Int) throws -> [UInt64] {
            request.query.offset = skipped
            return try fixture.engine.query("c", request).points.map { point in
                if case .number(let id) = point.id { id } else { .max }
            }
        }
        #expect(try page(0) == [0, 2, 4])
        #expect(try page(20) == [40, 42, 44])
        #expect(try page(24) == [48])
        #expect(try page(25).isEmpty)
        #expect(try page(Int.max).isEmpty)
        request.query.ranking = .byValue(OrderBy(key: try PayloadPath("n")))
        #expect(try page(0) == [48, 46, 44])
        #expect(try page(23) == [2, 0])
        #expect(try page(Int.max).isEmpty)
        #expect(throws: EngineError.self) { try page(-1) }
    }

    /// Searches that are under way when their vector is deleted find nothing that hasn't got it.
    @Test func noHitLacksTheVectorThatItWasFoundBy() throws {
        let fixture = try EngineFixture()
        var configuration = CollectionConfiguration(vectors: [:])
        let names = (0..<8).map { "v\($0)" }
        for name in names { configuration.vectors[ByteString(name)] = VectorParameters(size: 16, distance: .dot) }
        try fixture.engine.createCollection("c", configuration)
        var random = SeededGenerator()
        for start in stride(from: 0, to: 20_000, by: 1_000) {
            let points = (start..<start + 1_000).map { id in
                var vectors: NamedVectors = [:]
                for name in names {
                    vectors[ByteString(name)] = .dense((0..<16).map { _ in Float.random(in: 0...1, using: &random) })
                }
                return PointStruct(id: .number(UInt64(id)), vectors: vectors)
            }
            _ = try fixture.engine.updateBlocking("c", [.upsert(points)])
        }
        let wrong = Mutex<[String]>([])
        for name in names {
            let searches = Atomic(0)
            onThreads(3) { thread in
                if thread == 0 {
                    while searches.load(ordering: .relaxed) < 4 { usleep(100) }
                    do { _ = try fixture.engine.deleteVector("c", name) } catch {
                        wrong.withLock { $0.append("\(error)") }
                    }
                    return
                }
                var request = QueryRequest(nearest: .vector(.dense([Float](repeating: 1, count: 16))), using: name)
                request.query.parameters.exact = true
                request.vectors = .all
                // Until the vector is unknown.
                while let result = try? fixture.engine.query("c", request) {
                    searches.wrappingAdd(1, ordering: .relaxed)
                    for point in result.points where point.vectors?[ByteString(name)] == nil {
                        wrong.withLock { $0.append("point \(point.id) without \(name)") }
                    }
                }
            }
        }
        #expect(wrong.withLock { $0 } == [])
    }
}
