import JSON
import SearchEngine
import Testing

/// The settings of graphs that change no graph.
@Suite struct IndexingTests {
    @Test func theGateLetsInSoMany() {
        let gate = LinkGate()
        #expect(gate.enter(limit: 2) && gate.enter(limit: 2))
        #expect(!gate.enter(limit: 2))
        #expect(gate.leave(), "one was turned away")
        #expect(gate.enter(limit: 2))
        #expect(!gate.leave(), "nobody was turned away since")
        #expect(gate.enter(limit: 0) && gate.enter(limit: 0), "no limit")
    }

    /// Threads that were turned away come back for what is left.
    @Test(arguments: [0, 1, 2])
    func everythingIsLinkedWithFewThreads(_ limit: Int) throws {
        let fixture = try EngineFixture(indexingThreads: 4)
        var random = SeededGenerator()
        var configuration = CollectionConfiguration(vectors: [
            "a": VectorParameters(size: 24, distance: .dot),
            "b": VectorParameters(
                size: 24, distance: .dot, hnsw: HNSWConfiguration(maxIndexingThreads: limit == 1 ? 2 : 1)),
        ])
        configuration.hnsw.maxIndexingThreads = limit
        try fixture.engine.createCollection("c", configuration)
        for start in stride(from: 0, to: 3_000, by: 100) {
            let points = (start..<start + 100).map { id in
                PointStruct(id: .number(UInt64(id)), vectors: ["a": random.vector(24), "b": random.vector(24)])
            }
            _ = try fixture.engine.updateBlocking("c", [.upsert(points)])
        }
        try fixture.waitUntilGreen("c")
        #expect(try fixture.engine.collectionInfo("c").indexedVectorsCount == 6_000)
        // Deleted vectors count no more, long before a compaction; it links, too.
        _ = try fixture.engine.updateBlocking("c", [.delete(.ids((2_900..<3_000).map { .number($0) }))])
        #expect(try fixture.engine.collectionInfo("c").indexedVectorsCount == 5_800)
        _ = try fixture.engine.updateBlocking(
            "c", [.delete(.ids((0..<1_200).map { .number($0) }))])
        try fixture.waitUntilGreen("c")
        #expect(try fixture.engine.collectionInfo("c").indexedVectorsCount == 3_400)
    }

    @Test func aFullScanThresholdCountsOnlyWhenItIsSet() throws {
        var vector = VectorParameters(size: 256, distance: .dot)
        #expect(vector.fullScanBytes(wider: nil) == nil)
        #expect(vector.fullScanBytes(wider: 20) == 20 << 10)
        vector.hnsw = HNSWConfiguration(m: 8)
        #expect(vector.fullScanBytes(wider: 20) == 20 << 10)
        vector.hnsw?.fullScanThreshold = 30
        #expect(vector.fullScanBytes(wider: 20) == 30 << 10)
        vector.hnsw?.fullScanThreshold = .max
        #expect(vector.fullScanBytes(wider: nil) == .max)
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(2))
        try fixture.reopen()
        #expect(try fixture.engine.collectionInfo("c").configuration.hnsw.fullScanThreshold == nil)
        var update = CollectionUpdate()
        update.hnsw = HNSWConfiguration(fullScanThreshold: 0)
        try fixture.engine.updateCollection("c", update)
        try fixture.reopen()
        #expect(try fixture.engine.collectionInfo("c").configuration.hnsw.fullScanThreshold == 0)
    }
}
