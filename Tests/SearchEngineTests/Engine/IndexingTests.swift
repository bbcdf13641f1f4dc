import Foundation
import JSON
import SearchEngine
import TestSupport
import Testing
import VectorIndex

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
                PointStruct(
                    id: .number(UInt64(id)), vectors: ["a": .dense(random.vector(24)), "b": .dense(random.vector(24))])
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

    /// 6,000 points with two vectors of 64 dimensions, each with a graph.
    private func settled(_ quantization: QuantizationConfiguration?) throws -> (EngineFixture, [Float]) {
        var random = SeededGenerator()
        let fixture = try EngineFixture()
        var configuration = CollectionConfiguration(vectors: [
            "a": VectorParameters(size: 64, distance: .dot), "b": VectorParameters(size: 64, distance: .dot),
        ])
        configuration.quantization = quantization
        configuration.hnsw = HNSWConfiguration(m: 8, efConstruct: 24)
        try fixture.engine.createCollection("c", configuration)
        for start in stride(from: 0, to: 6_000, by: 1_000) {
            let points = (start..<start + 1_000).map { id in
                PointStruct(
                    id: .number(UInt64(id)), vectors: ["a": .dense(random.vector(64)), "b": .dense(random.vector(64))])
            }
            _ = try fixture.engine.updateBlocking("c", [.upsert(points)])
        }
        try fixture.waitUntilSettled("c")
        return (fixture, random.vector(64))
    }

    /// An index that can't grow is no green one.
    @Test func aFullIndexIsTold() throws {
        let fixture = try EngineFixture { $0.indexLimits = IndexLimits(codeBytes: 1 << 30, graphBytes: 1, growth: 2) }
        var random = SeededGenerator()
        try fixture.engine.createCollection("c", .unnamed(24, .dot))
        func add(_ range: Range<Int>) throws {
            let points = range.map { PointStruct(UInt64($0), random.vector(24)) }
            _ = try fixture.engine.updateBlocking("c", [.upsert(points)])
        }
        try add(0..<1_500)
        try fixture.waitUntilGreen("c")
        #expect(try fixture.engine.collectionInfo("c").unindexableVectorsCount == 0)
        for start in stride(from: 1_500, to: 7_500, by: 1_500) { try add(start..<start + 1_500) }
        let deadline = ContinuousClock.now + .seconds(60)
        while try fixture.engine.collectionInfo("c").status == .yellow, .now < deadline { usleep(10_000) }
        let info = try fixture.engine.collectionInfo("c")
        #expect(info.status == .grey && info.unindexableVectorsCount > 0)
        #expect(info.optimizerError?.contains("\(info.unindexableVectorsCount)") == true)
        let found = try fixture.engine.query("c", QueryRequest(nearest: .vector(.dense(random.vector(24)))))
        #expect(found.points.count == 10)
    }

    /// A changed threshold holds for the next search, whoever's it is.
    @Test func aChangedFullScanThresholdActsAtOnce() throws {
        let (fixture, query) = try settled(nil)
        func plan(_ vector: String) throws -> QueryMethod? {
            var request = QueryRequest(nearest: .vector(.dense(query)), using: vector)
            request.explain = true
            // So narrow a walk costs less than a scan.
            request.query.parameters.hnswEf = 10
            return try fixture.engine.query("c", request).explanation?.method
        }
        func change(_ vector: String?, _ kilobytes: Int) throws {
            var update = CollectionUpdate()
            let hnsw = HNSWConfiguration(fullScanThreshold: kilobytes)
            if let vector { update.vectors[ByteString(vector)] = .init(hnsw: hnsw) } else { update.hnsw = hnsw }
            try fixture.engine.updateCollection("c", update)
        }
        #expect(try [plan("a"), plan("b")] == [.graph, .graph])
        try change("a", 1 << 20)
        #expect(try [plan("a"), plan("b")] == [.codeScan, .graph])
        try change(nil, 1 << 20)
        #expect(try [plan("a"), plan("b")] == [.codeScan, .codeScan])
        try change("b", 10)
        #expect(try [plan("a"), plan("b")] == [.codeScan, .graph])
    }

    /// Scores are estimates only where a quantization was asked for, and no rescoring.
    @Test func withoutQuantizationScoresAreExact() throws {
        let quantized = QuantizationConfiguration.scalar(ScalarQuantizationConfiguration(quantile: 0.99))
        for quantization in [nil, .disabled, quantized] {
            let (fixture, query) = try settled(quantization)
            func scores(_ change: (inout SearchParameters) -> Void) throws -> [PointID: Float] {
                var request = QueryRequest(nearest: .vector(.dense(query)), using: "a", limit: 100)
                change(&request.query.parameters)
                let points = try fixture.engine.query("c", request).points
                return Dictionary(uniqueKeysWithValues: points.map { ($0.id, $0.score ?? .nan) })
            }
            let exact = try scores { $0.exact = true }
            let shown = try scores { $0.rescore = false }
            let differing = shown.count { id, score in exact[id].map { $0 != score } ?? false }
            #expect((differing == 0) == (quantization != quantized), "\(differing) of \(shown.count)")
            #expect(try scores { $0.rescore = true }.allSatisfy { id, score in exact[id] == nil || exact[id] == score })
        }
    }
}
