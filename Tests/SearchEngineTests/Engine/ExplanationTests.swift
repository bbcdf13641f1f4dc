import JSON
import SearchEngine
import TestSupport
import Testing

/// What searches and scrolls tell of how they found their points.
@Suite struct ExplanationTests {
    private static let points = 300

    /// Points with numbers, colours and texts; every third has no vector `b`.
    private func filled() throws -> EngineFixture {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection(
            "c",
            CollectionConfiguration(vectors: [
                "a": VectorParameters(size: 4, distance: .cosine), "b": VectorParameters(size: 2, distance: .euclid),
            ]))
        var random = SeededGenerator()
        let colours = ["red", "green", "blue"]
        let points = (0..<Self.points).map { n in
            var vectors: NamedVectors = ["a": random.vector(4)]
            if n % 3 != 0 { vectors["b"] = random.vector(2) }
            let payload: JSONValue = ["n": JSONValue(n), "colour": .string(colours[n % 7 % 3])]
            return PointStruct(id: .number(UInt64(n)), vectors: vectors, payload: Payload(payload))
        }
        _ = try fixture.engine.updateBlocking("c", [.upsert(points)])
        return fixture
    }

    private func explained(_ fixture: EngineFixture, _ request: SearchRequest) throws -> Explanation {
        #expect(try fixture.engine.search("c", [request], deadline: nil)[0].explanation == nil)
        var request = request
        request.explain = true
        let explanation = try #require(try fixture.engine.search("c", [request], deadline: nil)[0].explanation)
        let times = explanation.times
        let stages =
            times.wait + times.filter + times.prepare + times.walk + times.scan + times.rerank + times.rescore
            + times.fetch
        #expect(stages > 0 && stages <= times.total)
        #expect((times.filter > 0) == (explanation.filter != nil))
        return explanation
    }

    private func field(_ key: String, _ predicate: FieldPredicate) throws -> Condition {
        .field(try PayloadPath(key), predicate)
    }

    /// Conditions; those of a declared index; those of an index made on first use.
    private func counts(_ explanation: Explanation) -> [Int] {
        explanation.filter.map { [$0.conditions, $0.byDeclaredIndex, $0.byImplicitIndex] } ?? []
    }

    @Test func withoutAFilter() throws {
        let fixture = try filled()
        let whole = try explained(fixture, SearchRequest(query: .vector([1, 0, 0, 0]), using: "a"))
        #expect(whole.plan == .exactScan)
        #expect((whole.points, whole.candidates, whole.scored.scan) == (Self.points, Self.points, Self.points))
        #expect(whole.filter == nil && whole.ef == nil && whole.hops == 0)
        let partial = try explained(fixture, SearchRequest(query: .vector([1, 0]), using: "b"))
        #expect((partial.points, partial.candidates, partial.scored.scan) == (Self.points, 200, 200))
    }

    @Test func conditionsAreCountedByTheIndexThatAnswersThem() throws {
        let fixture = try filled()
        let red = try field("colour", .match(.keyword(Keyword("red"))))
        let small = try field("n", .range(RangeBounds(lt: 100)))
        var request = SearchRequest(query: .vector([1, 0]), using: "b")
        request.filter = Filter(must: [red, small], mustNot: [.hasID([.number(0), .number(1)])])
        func matching(_ n: Int) -> Bool { n % 7 % 3 == 0 && n < 100 && n > 1 }
        let expected = (0..<Self.points).filter(matching)
        let implicit = try explained(fixture, request)
        #expect(implicit.plan == .exactFilteredScan)
        #expect(implicit.filter?.matching == expected.count)
        #expect(counts(implicit) == [3, 0, 2])
        #expect(implicit.candidates == expected.count { $0 % 3 != 0 })
        #expect(implicit.scored.scan == implicit.candidates)
        _ = try fixture.engine.createPayloadIndex(
            "c", key: PayloadPath("colour"), schema: PayloadFieldSchema(type: .keyword))
        request.filter = Filter(
            must: [.filter(Filter(should: [red, small]))],
            minShould: Filter.MinShould(conditions: [small, .nested(try PayloadPath("parts"), Filter())], minCount: 1))
        let declared = try explained(fixture, request)
        #expect(declared.filter?.matching == 100)
        #expect(counts(declared) == [4, 1, 3])
        request.filter = Filter(must: [.hasID([])])
        let none = try explained(fixture, request)
        #expect(none.plan == .empty && none.filter?.matching == 0 && none.candidates == 0)
        request.filter = Filter()
        #expect(try explained(fixture, request).filter == nil)
    }

    /// A search by a point's id tells the same, and leaves the point out.
    @Test func byID() throws {
        let fixture = try filled()
        var request = SearchRequest(query: .id(.number(1)), using: "a", limit: 3)
        request.payload = .all
        request.vectors = .all
        let found = try explained(fixture, request)
        #expect(found.scored.scan == Self.points && found.times.fetch > 0 && found.times.prepare > 0)
    }

    @Test func ordersWithoutAQuery() throws {
        let fixture = try filled()
        var request = ScrollRequest()
        request.filter = Filter(must: [try field("n", .range(RangeBounds(gte: 290)))])
        #expect(try fixture.engine.scroll("c", request).explanation == nil)
        request.explain = true
        let byID = try #require(try fixture.engine.scroll("c", request).explanation)
        #expect(byID.plan == .idOrder)
        #expect((byID.points, byID.filter?.matching, byID.candidates) == (Self.points, 10, 10))
        #expect(byID.scored.scan == 0 && byID.times.total >= byID.times.filter + byID.times.fetch)
        _ = try fixture.engine.createPayloadIndex(
            "c", key: PayloadPath("n"), schema: PayloadFieldSchema(type: .integer))
        request.filter = nil
        request.orderBy = OrderBy(key: try PayloadPath("n"), direction: .descending)
        let byValue = try #require(try fixture.engine.scroll("c", request).explanation)
        #expect(byValue.plan == .valueOrder)
        #expect(byValue.filter == nil && byValue.candidates == Self.points)
    }
}
