import JSON
import SearchEngine
import TestSupport
import Testing
import VectorIndex

/// The background's measurement of recall, step by step.
@Suite struct RecallAuditTests {
    private static let dimensions = EngineFixture.clusteredDimensions
    private let noLog = LogRecorder()

    /// Mean recall, and the queries that find nothing, by exact searches; a found point counts if it is as close as the k-th.
    private func recall(
        _ fixture: EngineFixture, _ queries: [SampleQuery], k: Int, ef: Int?
    ) throws -> (mean: Double, lost: Int) {
        let index = try fixture.field("c").index
        func scores(_ query: SampleQuery, _ options: SearchOptions) -> [Float] {
            var options = options
            options.excluded = query.own
            options.hidesExcluded = true
            let hits = query.vector.withUnsafeBufferPointer { index.search($0, options, allowed: nil).hits }
            #expect(hits.count == k && !hits.contains { $0.slot == query.own })
            return hits.map(\.score)
        }
        var sum = 0.0
        var lost = 0
        for query in queries {
            let last = scores(query, SearchOptions(k: k, exact: true))[k - 1]
            let count = scores(query, SearchOptions(k: k, ef: ef)).count { $0 >= last - abs(last) * 1e-6 }
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
        var random = SeededGenerator()
        let fixture = try EngineFixture.clustered(distance, &random, datatype)
        var auditor = RecallAuditor(.small(60), environment: Environment(), logger: noLog.logger)
        let queries = try fixture.audit("c", &auditor)
        let audit = try #require(try fixture.field("c").recall.audit)
        let figures = audit.figures
        #expect((figures.queries, figures.ownQueries, figures.recentQueries) == (60, 60, 0))
        #expect((figures.k, figures.points, figures.filterMatching) == (10, 3_000, nil))
        #expect(queries.count == 60)
        let usual = try recall(fixture, queries, k: 10, ef: nil)
        #expect(abs(figures.recall - usual.mean) < 1e-9)
        #expect(figures.lostQueries == usual.lost)
        let bounds = figures.bounds
        #expect(bounds.lowerBound < figures.recall && figures.recall <= bounds.upperBound + 1e-9)
        #expect(bounds.lowerBound > figures.recall - 0.2)
        // Narrow walks, whose recall is far from 1.
        #expect(audit.profile.overall.map(\.k) == [10, 100])
        for point in audit.profile.overall[0].points.prefix(3) {
            let narrow = try recall(fixture, queries, k: 10, ef: point.width)
            #expect(abs(point.recall - narrow.mean) < 1e-9, "width \(point.width)")
            #expect(point.queries == 60)
        }
        #expect(audit.profile.overall[0].points[0].recall < 0.99)
        let hundred = try #require(audit.profile.overall[1].points.first)
        #expect(hundred.width == 100)
        #expect(abs(hundred.recall - (try recall(fixture, queries, k: 100, ef: 100).mean)) < 1e-9)
        let told = try #require(try fixture.engine.recall("c").vectors.first)
        #expect(told.background == figures && told.measured == nil && !told.isScanned)
        #expect(told.reachability.linked == 3_000 && told.reachability.checked == 3_000)
        #expect(figures.curves.map { $0.points.map(\.width) } == audit.profile.overall.map { $0.points.map(\.width) })
    }

    @Test func halfOfTheQueriesAreRecentOnes() throws {
        var random = SeededGenerator()
        let fixture = try EngineFixture.clustered(.dot, &random)
        let recent = try fixture.field("c").recall.recent
        for id in UInt64(0)..<64 {
            let request = QueryRequest(nearest: .id(.number(id)))
            _ = try fixture.engine.query("c", request)
        }
        #expect(recent.noted == 0, "points' own vectors are no new queries")
        // Unlike any point, so that they can be told from the collection's own.
        let asked = (0..<640).map { n in random.vector(Self.dimensions).map { $0 + 100 + Float(n) } }
        for (n, query) in asked.enumerated() {
            let request = QueryRequest(nearest: .vector(.dense(query)))
            if n % 2 == 0 {
                _ = try fixture.engine.query("c", request)
            } else {
                // Gives up where the thread would have to wait: then it has noted the query or not.
                _ = try fixture.engine.queryAtOnce("c", request, within: .seconds(60), scanning: .max)
            }
        }
        #expect(recent.noted == 40)
        var auditor = RecallAuditor(.small(60), environment: Environment(), logger: noLog.logger)
        let queries = try fixture.audit("c", &auditor)
        let figures = try #require(try fixture.field("c").recall.audit?.figures)
        #expect((figures.queries, figures.ownQueries, figures.recentQueries) == (60, 30, 30))
        #expect(queries.count == 60)
        #expect(queries.count { asked.contains($0.vector) && $0.own == nil } == 30)
    }

    @Test func whereRecallIsNotMeasuredNoQueryIsKept() throws {
        for isMeasured in [false, true] {
            let fixture = try EngineFixture()
            try fixture.close()
            var configuration = EngineConfiguration(
                storagePath: fixture.storagePath, snapshotsPath: fixture.storagePath + "/../snapshots")
            configuration.measuresRecall = isMeasured
            let engine = try Engine(configuration: configuration, logger: noLog.logger)
            defer { try? engine.close() }
            try engine.createCollection("c", .unnamed(2))
            for _ in 0..<64 {
                _ = try engine.query("c", QueryRequest(nearest: .vector([1, 0])))
            }
            let collection = try engine.collection("c")
            #expect(collection.generation.denseFields[0].recall.recent.noted == (isMeasured ? 4 : 0))
        }
    }

    @Test func theSampleOfRecentQueriesIsBounded() {
        var random = SeededGenerator()
        let recent = RecentQueries(seed: 1)
        for n in 0..<16 * 1_000 { recent.note([Float(n)]) }
        #expect(recent.noted == 1_000)
        let sample = recent.sample(10_000, using: &random)
        #expect(sample.count == RecentQueries.capacity)
        #expect(Set(sample.map { $0[0] }).count == sample.count && sample.allSatisfy { Int($0[0]) % 16 == 0 })
        // The latest of a thousand are most of it: of the first 500 one in seven would be left.
        #expect(sample.count { $0[0] >= 16 * 500 } > sample.count / 2)
        // Long vectors take as much memory as 16 of them, and no more.
        let long = RecentQueries(seed: 1)
        for _ in 0..<16 * 40 { long.note(Array(repeating: 1, count: 1 << 17)) }
        #expect(long.sample(256, using: &random).count == 16)
    }

    @Test func pointsThatAreRemovedMeanwhileAreNotMissed() throws {
        var random = SeededGenerator()
        let fixture = try EngineFixture.clustered(.cosine, &random)
        try fixture.waitUntilSettled("c")
        let collection = try fixture.engine.collection("c")
        var auditor = RecallAuditor(.small(1), environment: Environment(), logger: noLog.logger)
        // It begins, draws its query and scans, in one piece as the rows are few.
        for _ in 0..<3 { #expect(auditor.step { [collection] } == .worked(isFirst: true)) }
        let query = try #require(auditor.queries.first)
        var request = QueryRequest(nearest: .vector(.dense(query.vector)), limit: 5)
        request.query.parameters.exact = true
        let best = try fixture.engine.query("c", request).points.map(\.id)
        _ = try fixture.engine.updateBlocking("c", [.delete(.ids(best))])
        #expect(try !fixture.audit("c", &auditor).isEmpty)
        let figures = try #require(try fixture.field("c").recall.audit?.figures)
        #expect((figures.queries, figures.points) == (1, 2_995))
        #expect(figures.recall == 1, "half of the true 10 are gone; a scan finds the others")
    }

    /// Isotropic vectors in a graph of two links: walks lose their way.
    @Test func lowRecallIsWarnedOfOnce() throws {
        var random = SeededGenerator()
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
        var auditor = RecallAuditor(settings, environment: Environment(), logger: log.logger)
        for _ in 0..<2 {
            #expect(try !fixture.audit("c", &auditor).isEmpty)
            let figures = try #require(try fixture.field("c").recall.audit?.figures)
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
            let figures = try #require(try fixture.field("c").recall.audit?.figures)
            #expect(figures.recall == 1 && figures.width == nil)
            #expect(log.entries.map(\.level) == [.warning, .info])
        }
    }
}
