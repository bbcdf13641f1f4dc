import Foundation
import JSON
import SearchEngine
import Testing
import VectorIndex

/// The background's measurement of recall, step by step.
@Suite struct RecallAuditTests {
    private static let dimensions = 32
    private let noLog = LogRecorder()

    private func seeded(_ test: String = #function) -> SeededGenerator {
        let random = SeededGenerator()
        print("\(test): TRENDEX_SEED=\(random.seed)")
        return random
    }

    /// 3,000 clustered points with a sparse graph: wide walks find nearly all, narrow ones don't.
    private func clustered(
        _ distance: Distance, _ random: inout SeededGenerator, _ datatype: VectorDatatype = .float32
    ) throws -> EngineFixture {
        let fixture = try EngineFixture()
        let vector = VectorParameters(
            size: Self.dimensions, distance: distance, datatype: datatype,
            hnsw: HNSWConfiguration(m: 4, efConstruct: 16))
        try fixture.engine.createCollection("c", CollectionConfiguration(vectors: ["": vector]))
        let clusters = Clusters(40, dimensions: Self.dimensions, spread: 0.5, &random)
        try fixture.fill("c", 0..<3_000) { _ in
            datatype == .uint8 ? clusters.byteVector(&random) : clusters.vector(&random)
        }
        return fixture
    }

    private func scores(_ fixture: EngineFixture, _ query: [Float], k: Int, _ change: (inout SearchParameters) -> Void)
        throws -> [Float]
    {
        var request = SearchRequest(query: .vector(query), limit: k)
        change(&request.parameters)
        return try fixture.engine.search("c", [request], deadline: nil)[0].points.map(\.score)
    }

    /// Mean recall, and the queries that find nothing, by exact searches; a found point counts if it is as close as the k-th.
    private func recall(
        _ fixture: EngineFixture, _ queries: [[Float]], k: Int, _ distance: Distance, ef: Int?
    ) throws -> (mean: Double, lost: Int) {
        var sum = 0.0
        var lost = 0
        for query in queries {
            let best = try scores(fixture, query, k: k) { $0.exact = true }
            let found = try scores(fixture, query, k: k) { $0.hnswEf = ef }
            #expect(best.count == k && found.count == k)
            // Closer is greater; the square of a Euclidean distance, as the engine compares.
            func closeness(_ score: Float) -> Float {
                switch distance {
                case .cosine, .dot: score
                case .euclid: -score * score
                case .manhattan: -score
                }
            }
            let last = closeness(best[k - 1])
            let count = found.count { closeness($0) >= last - abs(last) * 1e-6 }
            sum += Double(count) / Double(k)
            if count == 0 { lost += 1 }
        }
        return (sum / Double(queries.count), lost)
    }

    @Test(arguments: [
        (Distance.cosine, VectorDatatype.float32), (.euclid, .float16), (.dot, .float32), (.cosine, .uint8),
        (.manhattan, .float32),
    ])
    func anAuditTellsWhatSearchesFind(_ distance: Distance, _ datatype: VectorDatatype) throws {
        var random = seeded()
        let fixture = try clustered(distance, &random, datatype)
        var auditor = RecallAuditor(.small(), logger: noLog.logger)
        let queries = try fixture.audit("c", &auditor)
        let audit = try #require(try fixture.space("c").recall.audit)
        let figures = audit.figures
        #expect((figures.queries, figures.ownQueries, figures.recentQueries) == (64, 64, 0))
        #expect((figures.k, figures.points, figures.filterMatching) == (10, 3_000, nil))
        #expect(queries.count == 64)
        let usual = try recall(fixture, queries, k: 10, distance, ef: nil)
        #expect(abs(figures.recall - usual.mean) < 1e-9)
        #expect(figures.lostQueries == usual.lost)
        let bounds = figures.bounds
        #expect(bounds.lowerBound < figures.recall && figures.recall <= bounds.upperBound + 1e-9)
        #expect(bounds.lowerBound > figures.recall - 0.2)
        // Narrow walks, whose recall is far from 1.
        #expect(audit.curves.map(\.k) == [10, 100])
        for point in audit.curves[0].points.prefix(3) {
            let narrow = try recall(fixture, queries, k: 10, distance, ef: point.width)
            #expect(abs(point.recall - narrow.mean) < 1e-9, "width \(point.width)")
            #expect(point.queries == 64)
        }
        #expect(audit.curves[0].points[0].recall < 0.99)
        let hundred = try #require(audit.curves[1].points.first)
        #expect(hundred.width == 100)
        #expect(abs(hundred.recall - (try recall(fixture, queries, k: 100, distance, ef: 100).mean)) < 1e-9)
        let told = try #require(try fixture.engine.recall("c").vectors.first)
        #expect(told.background == figures && told.measured == nil && !told.isScanned)
        #expect(told.reachability.linked == 3_000 && told.reachability.checked == 3_000)
        #expect(figures.curves.map { $0.points.map(\.width) } == audit.curves.map { $0.points.map(\.width) })
    }

    @Test func halfOfTheQueriesAreRecentOnes() throws {
        var random = seeded()
        let fixture = try clustered(.dot, &random)
        let recent = try fixture.space("c").recall.recent
        for id in UInt64(0)..<64 {
            let request = SearchRequest(query: .id(.number(id)))
            _ = try fixture.engine.search("c", [request], deadline: nil)
        }
        #expect(recent.noted == 0, "points' own vectors are no new queries")
        // Unlike any point, so that they can be told from the collection's own.
        let asked = (0..<640).map { n in random.vector(Self.dimensions).map { $0 + 100 + Float(n) } }
        for (n, query) in asked.enumerated() {
            let request = SearchRequest(query: .vector(query))
            if n % 2 == 0 {
                _ = try fixture.engine.search("c", [request], deadline: nil)
            } else {
                // Gives up where the thread would have to wait: then it has noted the query or not.
                _ = try fixture.engine.searchAtOnce("c", request, within: .seconds(60), scanning: .max)
            }
        }
        #expect(recent.noted == 40)
        var auditor = RecallAuditor(.small(), logger: noLog.logger)
        let queries = try fixture.audit("c", &auditor)
        let figures = try #require(try fixture.space("c").recall.audit?.figures)
        #expect((figures.queries, figures.ownQueries, figures.recentQueries) == (64, 32, 32))
        #expect(queries.count == 64)
        #expect(queries.count { asked.contains($0) } == 32)
    }

    @Test func theSampleOfRecentQueriesIsBounded() {
        var random = seeded()
        let recent = RecentQueries()
        for n in 0..<16 * 1_000 { recent.note([Float(n)]) }
        #expect(recent.noted == 1_000)
        let sample = recent.sample(10_000, using: &random)
        #expect(sample.count == RecentQueries.capacity)
        #expect(Set(sample.map { $0[0] }).count == sample.count && sample.allSatisfy { Int($0[0]) % 16 == 0 })
        // The latest of a thousand are most of it: of the first 500 one in seven would be left.
        #expect(sample.count { $0[0] >= 16 * 500 } > sample.count / 2)
        // Long vectors take as much memory as 16 of them, and no more.
        let long = RecentQueries()
        for _ in 0..<16 * 40 { long.note(Array(repeating: 1, count: 1 << 17)) }
        #expect(long.sample(256, using: &random).count == 16)
    }

    @Test func anAuditIsDueWhenTheIndexHasChanged() throws {
        var random = seeded()
        let fixture = try clustered(.cosine, &random)
        var auditor = RecallAuditor(.small(), logger: noLog.logger)
        #expect(try !fixture.audit("c", &auditor).isEmpty)
        #expect(try fixture.audit("c", &auditor).isEmpty, "nothing has changed")
        try fixture.fill("c", 3_000..<3_200) { _ in random.vector(Self.dimensions) }
        #expect(try fixture.audit("c", &auditor).isEmpty, "7 % more")
        try fixture.fill("c", 3_200..<3_400) { _ in random.vector(Self.dimensions) }
        #expect(try !fixture.audit("c", &auditor).isEmpty, "13 % more")
        #expect(try fixture.space("c").recall.audit?.figures.points == 3_400)
        // Rewritten points are tombstones and new slots.
        try fixture.fill("c", 0..<400) { _ in random.vector(Self.dimensions) }
        #expect(try !fixture.audit("c", &auditor).isEmpty, "12 % tombstones")
        #expect(try fixture.audit("c", &auditor).isEmpty)
    }

    @Test func newQueriesAreWorthAnAuditAfterAWhile() throws {
        var random = seeded()
        let fixture = try clustered(.cosine, &random)
        var settings = RecallAuditor.Settings.small()
        settings.newQueries = 4
        var patient = RecallAuditor(settings, logger: noLog.logger)
        settings.interval = .zero
        var eager = RecallAuditor(settings, logger: noLog.logger)
        #expect(try !fixture.audit("c", &patient).isEmpty)
        #expect(try fixture.audit("c", &eager).isEmpty, "no new queries")
        for _ in 0..<64 {
            let request = SearchRequest(query: .vector(random.vector(Self.dimensions)))
            _ = try fixture.engine.search("c", [request], deadline: nil)
        }
        #expect(try fixture.audit("c", &patient).isEmpty, "not yet")
        #expect(try !fixture.audit("c", &eager).isEmpty)
        #expect(try fixture.audit("c", &eager).isEmpty, "they are no longer new")
    }

    @Test func pointsThatAreRemovedMeanwhileAreNotMissed() throws {
        var random = seeded()
        let fixture = try clustered(.cosine, &random)
        try fixture.waitUntilSettled("c")
        let collection = try fixture.engine.collection("c")
        var auditor = RecallAuditor(.small(1), logger: noLog.logger)
        // It begins, draws its query and scans, in one piece as the rows are few.
        for _ in 0..<3 { #expect(auditor.step { [collection] } == .worked(isFirst: true)) }
        let query = try #require(auditor.query)
        var request = SearchRequest(query: .vector(query), limit: 5)
        request.parameters.exact = true
        let best = try fixture.engine.search("c", [request], deadline: nil)[0].points.map(\.id)
        _ = try fixture.engine.updateBlocking("c", [.delete(.ids(best))])
        #expect(try !fixture.audit("c", &auditor).isEmpty)
        let figures = try #require(try fixture.space("c").recall.audit?.figures)
        #expect((figures.queries, figures.points) == (1, 2_995))
        #expect(figures.recall == 1, "half of the true 10 are gone; a scan finds the others")
    }

    @Test func anAuditEndsWithItsCollection() throws {
        var random = seeded()
        let fixture = try clustered(.cosine, &random)
        try fixture.waitUntilSettled("c")
        var auditor = RecallAuditor(.small(), logger: noLog.logger)
        do {
            let collection = try fixture.engine.collection("c")
            for _ in 0..<10 { #expect(auditor.step { [collection] } == .worked(isFirst: true)) }
            #expect(auditor.query != nil)
            #expect(try fixture.engine.deleteCollection("c"))
            #expect(auditor.step { [collection] } == .gaveUp)
            #expect(auditor.query == nil, "it lets go of the collection")
            #expect(auditor.step { [collection] } == .idle, "a dropped collection isn't begun")
        }
        #expect(throws: EngineError.self) { try fixture.engine.recall("c") }
    }

    @Test func anAuditIsGivenUpWhenTheIndexGrows() throws {
        var random = seeded()
        let fixture = try clustered(.cosine, &random)
        try fixture.waitUntilSettled("c")
        let collection = try fixture.engine.collection("c")
        var auditor = RecallAuditor(.small(), logger: noLog.logger)
        for _ in 0..<10 { #expect(auditor.step { [collection] } == .worked(isFirst: true)) }
        try fixture.fill("c", 3_000..<4_000) { _ in random.vector(Self.dimensions) }
        #expect(auditor.step { [collection] } == .gaveUp)
        #expect(try fixture.space("c").recall.audit == nil)
        #expect(try !fixture.audit("c", &auditor).isEmpty)
        #expect(try fixture.space("c").recall.audit?.figures.points == 4_000)
    }

    @Test func aCompactionKeepsWhatIsKnown() throws {
        var random = seeded()
        let fixture = try clustered(.cosine, &random)
        for _ in 0..<64 {
            let request = SearchRequest(query: .vector(random.vector(Self.dimensions)))
            _ = try fixture.engine.search("c", [request], deadline: nil)
        }
        var auditor = RecallAuditor(.small(), logger: noLog.logger)
        #expect(try !fixture.audit("c", &auditor).isEmpty)
        let before = try fixture.engine.recall("c").vectors[0].background
        let collection = try fixture.engine.collection("c")
        let generation = collection.lock.read { collection.generation.number }
        // A second audit, which the compaction interrupts.
        try fixture.fill("c", 3_000..<3_500) { _ in random.vector(Self.dimensions) }
        try fixture.waitUntilSettled("c")
        #expect(auditor.step { [collection] } == .worked(isFirst: false))
        // Another graph of the same points.
        var update = CollectionUpdate()
        update.vectors[""] = .init(hnsw: HNSWConfiguration(m: 6))
        try fixture.engine.updateCollection("c", update)
        try fixture.waitUntilSettled("c")
        #expect(collection.lock.read { collection.generation.number } > generation)
        #expect(auditor.step { [collection] } == .gaveUp)
        #expect(try fixture.engine.recall("c").vectors[0].background == before)
        #expect(try fixture.space("c").recall.recent.noted == 4)
        #expect(try !fixture.audit("c", &auditor).isEmpty)
        let after = try #require(try fixture.engine.recall("c").vectors[0].background)
        #expect((after.points, after.recentQueries) == (3_500, 4))
    }

    @Test func whatIsScannedIsNotAudited() throws {
        var random = seeded()
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("small", .unnamed(8))
        try fixture.fill("small", 0..<500) { _ in random.vector(8) }
        var flat = CollectionConfiguration.unnamed(32)
        flat.hnsw.m = 0
        try fixture.engine.createCollection("flat", flat)
        try fixture.fill("flat", 0..<2_000) { _ in random.vector(32) }
        for name in ["small", "flat"] {
            var auditor = RecallAuditor(.small(), logger: noLog.logger)
            #expect(try fixture.audit(name, &auditor).isEmpty)
            #expect(try fixture.engine.recall(name).vectors[0].isScanned)
        }
    }

    /// Isotropic vectors in a graph of two links: walks lose their way.
    @Test func lowRecallIsWarnedOfOnce() throws {
        var random = seeded()
        let fixture = try EngineFixture()
        var configuration = CollectionConfiguration.unnamed(Self.dimensions)
        configuration.hnsw = HNSWConfiguration(m: 2, efConstruct: 4)
        try fixture.engine.createCollection("c", configuration)
        try fixture.fill("c", 0..<20_000) { _ in random.vector(Self.dimensions) }
        let log = LogRecorder()
        var settings = RecallAuditor.Settings.small()
        // Always due.
        settings.interval = .zero
        settings.newQueries = 0
        var auditor = RecallAuditor(settings, logger: log.logger)
        for _ in 0..<2 {
            #expect(try !fixture.audit("c", &auditor).isEmpty)
            let figures = try #require(try fixture.space("c").recall.audit?.figures)
            #expect(figures.recall < 0.95 && figures.width == 160)
            let warning = try #require(log.entries.first)
            #expect(log.entries.count == 1 && warning.level == .warning)
            #expect(warning.message.contains("params.recall") && warning.message.contains("hnsw_ef"))
            #expect(Set(warning.metadata.keys) == ["collection", "vector", "recall", "bounds", "queries"])
            #expect((warning.metadata["collection"], warning.metadata["queries"]) == ("c", "64"))
        }
        // Searches that ask for nothing are exact from here on.
        var update = CollectionUpdate()
        update.hnsw = HNSWConfiguration(recall: 1)
        try fixture.engine.updateCollection("c", update)
        for _ in 0..<2 {
            #expect(try !fixture.audit("c", &auditor).isEmpty)
            let figures = try #require(try fixture.space("c").recall.audit?.figures)
            #expect(figures.recall == 1 && figures.width == nil)
            #expect(log.entries.map(\.level) == [.warning, .info])
        }
    }

    /// The thread that does all that by itself.
    @Test func theEngineAuditsInTheBackground() throws {
        var random = seeded()
        let fixture = try EngineFixture()
        try fixture.close()
        var configuration = EngineConfiguration(
            storagePath: fixture.folder + "/other", snapshotsPath: fixture.folder + "/snapshots")
        configuration.recallAudits.sample = 16
        let engine = try Engine(configuration: configuration, logger: noLog.logger)
        defer { try? engine.close() }
        try engine.createCollection("c", .unnamed(Self.dimensions))
        let points = (0..<1_500).map { PointStruct(UInt64($0), random.vector(Self.dimensions)) }
        _ = try engine.updateBlocking("c", [.upsert(points)])
        let deadline = ContinuousClock.now + .seconds(600)
        while try engine.recall("c").vectors[0].background == nil {
            try #require(ContinuousClock.now < deadline)
            Thread.sleep(forTimeInterval: 0.02)
        }
        #expect(try engine.recall("c").vectors[0].background?.queries == 16)
    }
}
