import JSON
import SearchEngine
import TestSupport
import Testing
import VectorIndex

/// Targets of recall in requests and configurations, and measurements on request.
@Suite struct RecallTargetTests {
    private static let dimensions = 32
    private static let points = 3_000

    /// Two vectors, `a` with a target of its own, and an audit of both. Narrow walks of the sparse graphs find little.
    private func audited(_ test: String = #function) throws -> (fixture: EngineFixture, query: [Float]) {
        var random = SeededGenerator(test)
        let fixture = try EngineFixture()
        var configuration = CollectionConfiguration(vectors: [
            "a": VectorParameters(size: Self.dimensions, distance: .cosine, hnsw: HNSWConfiguration(recall: 0.8)),
            "b": VectorParameters(size: Self.dimensions, distance: .euclid),
        ])
        configuration.hnsw = HNSWConfiguration(m: 4, efConstruct: 16, recall: 0.7)
        try fixture.engine.createCollection("c", configuration)
        let clusters = Clusters(40, dimensions: Self.dimensions, spread: 0.5, &random)
        for start in stride(from: 0, to: Self.points, by: 500) {
            let points = (start..<start + 500).map { n in
                PointStruct(
                    id: .number(UInt64(n)),
                    vectors: ["a": .dense(clusters.vector(&random)), "b": .dense(clusters.vector(&random))],
                    payload: Payload(["n": JSONValue(n)]))
            }
            _ = try fixture.engine.updateBlocking("c", [.upsert(points)])
        }
        var auditor = RecallAuditor(.small(128), environment: Environment(), logger: LogRecorder().logger)
        for _ in 0..<2 { try #require(!fixture.audit("c", &auditor).isEmpty) }
        // A query of the sample's kind: others are promised nothing.
        let profiles = try ["a", "b"].map { try #require(try fixture.field("c", $0).recall.audit).profile }
        while true {
            let query = clusters.vector(&random)
            guard profiles.allSatisfy({ $0.kinds(of: query).isKnown }) else { continue }
            // Nor one whose narrow walks find so little that wider ones follow.
            let goesOn = try ["a", "b"].contains { name in
                try [0.6, 0.7, 0.8, 0.9].contains { target in
                    try search(fixture, name, query) { $0.recall = target }.explanation.wentOnWider
                }
            }
            if !goesOn { return (fixture, query) }
        }
    }

    private func search(
        _ fixture: EngineFixture, _ vector: String, _ query: [Float], _ change: (inout SearchParameters) -> Void
    ) throws -> (ids: [PointID], explanation: Explanation) {
        var request = QueryRequest(nearest: .vector(.dense(query)), using: vector)
        request.explain = true
        change(&request.query.parameters)
        let result = try fixture.engine.query("c", request)
        return (result.points.map(\.id), try #require(result.explanation))
    }

    @Test func theRequestGoesBeforeTheVectorAndThatBeforeTheCollection() throws {
        let (fixture, query) = try audited()
        for (name, asked, target, source) in [
            ("a", nil, 0.8, .vector), ("b", nil, 0.7, .collection), ("a", 0.9, 0.9, .request),
            ("b", 0.6, 0.6, .request),
        ] as [(String, Double?, Double, Explanation.Recall.Source)] {
            let audit = try #require(try fixture.field("c", name).recall.audit)
            let index = try fixture.field("c", name).index
            let aim = SearchAim(
                target: target, source: source, k: 10, points: Self.points, parameters: index.parameters,
                kinds: audit.profile.kinds(of: query).curves)
            let width = try #require(aim.ef)
            let found = try search(fixture, name, query) { $0.recall = asked }
            #expect(found.explanation.plan.recall == aim.recall)
            #expect(found.explanation.plan.recall?.basis == .measured)
            // The same as a search that asks for the width.
            let wide = try search(fixture, name, query) { $0.hnswEf = width }
            #expect(found.ids == wide.ids)
            #expect(found.explanation.plan.search == wide.explanation.plan.search)
            #expect(wide.explanation.plan.recall == nil, "a width of one's own leaves the target aside")
        }
        #expect(try search(fixture, "a", query) { $0.recall = 0.75 }.explanation.plan.ef != nil, "narrow widths walk")
        let all = try search(fixture, "a", query) { $0.recall = 1 }
        let exact = try search(fixture, "a", query) { $0.exact = true }
        #expect(all.explanation.method == .exactScan && all.ids == exact.ids)
        #expect(all.explanation.plan.recall == .init(target: 1, source: .request, expected: 1, basis: .exact))
        #expect(exact.explanation.plan.recall == nil)
        // A thread that must not be held leaves it to others.
        var request = QueryRequest(nearest: .vector(.dense(query)), using: "a")
        request.query.parameters.recall = 1
        #expect(try fixture.engine.queryAtOnce("c", request, within: .seconds(60), scanning: 1 << 30) == nil)
    }

    @Test func whatCannotBeTogetherIsRefused() throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(2))
        func refused(_ part: String, _ change: (inout SearchParameters) -> Void) throws {
            var request = QueryRequest(nearest: .vector([1, 0]))
            change(&request.query.parameters)
            for attempt in [
                { _ = try fixture.engine.query("c", request) },
                { _ = try fixture.engine.queryAtOnce("c", request, within: .seconds(1), scanning: 100) },
            ] {
                do {
                    try attempt()
                    // Searches that can't be brief are left to the other way from the beginning.
                    #expect(request.query.parameters.exact)
                } catch let error as EngineError {
                    switch error {
                    case .invalid, .outOfRange: break
                    default: Issue.record("\(error)")
                    }
                    #expect("\(error)".contains("recall") && "\(error)".contains(part), "\(error)")
                }
            }
            #expect(throws: EngineError.self) { try fixture.engine.query("c", request) }
        }
        try refused("hnsw_ef") {
            $0.hnswEf = 64
            $0.recall = 0.9
        }
        try refused("exact") {
            $0.exact = true
            $0.recall = 0.9
        }
        for wrong in [0, -0.1, 1.001, .infinity, .nan] { try refused("must be over") { $0.recall = wrong } }
    }

    @Test func targetsAreStored() throws {
        let fixture = try EngineFixture()
        var configuration = CollectionConfiguration(vectors: [
            "a": VectorParameters(size: 2, distance: .dot, hnsw: HNSWConfiguration(m: 8, recall: 0.99)),
            "b": VectorParameters(size: 2, distance: .dot),
        ])
        configuration.hnsw = HNSWConfiguration(recall: 0.9)
        try fixture.engine.createCollection("c", configuration)
        func targets() throws -> [Double?] { try fixture.engine.recall("c").vectors.map(\.target) }
        #expect(try targets() == [0.99, 0.9])
        try fixture.reopen()
        #expect(try targets() == [0.99, 0.9])
        var update = CollectionUpdate()
        update.hnsw = HNSWConfiguration(recall: 0.97)
        update.vectors["b"] = .init(hnsw: HNSWConfiguration(efConstruct: 50))
        try fixture.engine.updateCollection("c", update)
        #expect(try targets() == [0.99, 0.97])
        update = CollectionUpdate()
        update.vectors["b"] = .init(hnsw: HNSWConfiguration(recall: 1))
        update.vectors["a"] = .init()
        update.vectors["a"]?.clearsRecall = true
        try fixture.engine.updateCollection("c", update)
        try fixture.reopen()
        #expect(try targets() == [0.97, 1])
        #expect(try fixture.engine.collectionInfo("c").configuration.vectors["a"]?.hnsw?.m == 8)
        update = CollectionUpdate()
        update.clearsRecall = true
        try fixture.engine.updateCollection("c", update)
        try fixture.reopen()
        #expect(try targets() == [nil, 1])
        for wrong in [0, -1, 1.5] {
            update = CollectionUpdate()
            update.hnsw = HNSWConfiguration(recall: wrong)
            #expect(throws: EngineError.self) { try fixture.engine.updateCollection("c", update) }
        }
        #expect(try targets() == [nil, 1])
    }

    /// A query of another kind than the sample's gets the default width, one way or another.
    @Test func queriesUnlikeTheSampleFindWhatOthersFind() throws {
        let (fixture, query) = try audited()
        #expect(try !search(fixture, "b", query) { $0.recall = 0.7 }.explanation.wentOnWider)
        var random = SeededGenerator()
        for _ in 0..<20 {
            let far = random.vector(Self.dimensions).map { $0 * 3 }
            let aimed = try search(fixture, "b", far) { $0.recall = 0.7 }
            let usual = try search(fixture, "b", far) { $0.hnswEf = 160 }
            #expect(aimed.ids == usual.ids)
            #expect(aimed.explanation.wentOnWider || aimed.explanation.plan.search == usual.explanation.plan.search)
        }
    }

    @Test func aMeasurementOnRequestTellsWhatItWasAskedFor() throws {
        let (fixture, _) = try audited()
        let deadline = Deadline.now + .seconds(600)
        #expect(try fixture.engine.recall("c", RecallRequest(), deadline: deadline).vectors.map(\.name) == ["a", "b"])
        var request = RecallRequest()
        request.using = "b"
        let known = try fixture.engine.recall("c", request, deadline: deadline)
        #expect(known.vectors.map(\.name) == ["b"])
        #expect(known.vectors[0].measured == nil && known.vectors[0].background?.queries == 128)
        request.hnswEf = 10
        request.sample = 90
        request.k = 10
        let narrow = try #require(try fixture.engine.recall("c", request, deadline: deadline).vectors[0].measured)
        #expect((narrow.queries, narrow.k, narrow.width, narrow.points) == (90, 10, 10, Self.points))
        // The background knows the same width, by other queries.
        let curve = try #require(try fixture.field("c", "b").recall.audit?.profile.overall.first)
        let point = try #require(curve.points.first)
        #expect(point.width == 10 && narrow.recall < 0.99)
        #expect(abs(narrow.recall - point.recall) < 0.2)
        request.hnswEf = 100_000
        #expect(try fixture.engine.recall("c", request, deadline: deadline).vectors[0].measured?.recall ?? 0 > 0.98)
        // Without a width what searches take that ask for nothing: this collection has a target. The widest is told, and kinds
        // of queries differ.
        request.hnswEf = nil
        let usual = try #require(try fixture.engine.recall("c", request, deadline: deadline).vectors[0].measured)
        let field = try fixture.field("c", "b")
        let aim = SearchAim(
            target: 0.7, source: .collection, k: 10, points: Self.points, parameters: field.index.parameters,
            kinds: try #require(field.recall.audit).profile.kinds(of: field.vector(0)).curves)
        #expect(try #require(usual.width) >= (try #require(aim.ef)) && usual.recall > 0.5)
        request.filter = Filter(must: [.field(try PayloadPath("n"), .range(RangeBounds(lt: 7)))])
        let filtered = try #require(try fixture.engine.recall("c", request, deadline: deadline).vectors[0].measured)
        #expect((filtered.filterMatching, filtered.queries, filtered.recall) == (7, 90, 1), "few points are scanned")
        request.filter = Filter(must: [.field(try PayloadPath("n"), .range(RangeBounds(lt: 0)))])
        let empty = try #require(try fixture.engine.recall("c", request, deadline: deadline).vectors[0].measured)
        #expect((empty.filterMatching, empty.queries, empty.bounds) == (0, 0, 0...1))
    }

    @Test func measurementsThatCannotBeAreRefused() throws {
        let (fixture, _) = try audited()
        let engine = fixture.engine
        let deadline = Deadline.now + .seconds(600)
        func failure(_ deadline: Deadline, _ change: (inout RecallRequest) -> Void) throws -> EngineError {
            var request = RecallRequest()
            change(&request)
            return try #require(throws: EngineError.self) { try engine.recall("c", request, deadline: deadline) }
        }
        let wrong: [(inout RecallRequest) -> Void] = [
            { $0.sample = 0 }, { $0.sample = 1_001 }, { $0.k = 0 }, { $0.k = 101 }, { $0.hnswEf = 0 },
            { $0.using = "none" }, { $0.using = "" },
        ]
        for change in wrong {
            switch try failure(deadline, change) {
            case .invalid, .outOfRange: break
            case let error: Issue.record("\(error)")
            }
        }
        guard case .timeout = try failure(.now - .seconds(1), { $0.sample = 1 }) else {
            Issue.record("no timeout")
            return
        }
        engine.recallMeasurements.wrappingAdd(2, ordering: .relaxed)
        guard case .busy = try failure(deadline, { $0.sample = 1 }) else {
            Issue.record("a third one at once")
            return
        }
        engine.recallMeasurements.wrappingSubtract(2, ordering: .relaxed)
        guard case .notFound = try #require(throws: EngineError.self, performing: { try engine.recall("none") }) else {
            Issue.record("found what isn't there")
            return
        }
    }
}
