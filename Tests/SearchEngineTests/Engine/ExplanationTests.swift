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
            var vectors: NamedVectors = ["a": .dense(random.vector(4))]
            if n % 3 != 0 { vectors["b"] = .dense(random.vector(2)) }
            let payload: JSONValue = ["n": JSONValue(n), "colour": .string(colours[n % 7 % 3])]
            return PointStruct(id: .number(UInt64(n)), vectors: vectors, payload: Payload(payload))
        }
        _ = try fixture.engine.updateBlocking("c", [.upsert(points)])
        return fixture
    }

    private func explained(_ fixture: EngineFixture, _ request: QueryRequest) throws -> Explanation {
        #expect(try fixture.engine.query("c", request).explanation == nil)
        var request = request
        request.explain = true
        let explanation = try #require(try fixture.engine.query("c", request).explanation)
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
        let whole = try explained(fixture, QueryRequest(nearest: .vector([1, 0, 0, 0]), using: "a"))
        #expect(whole.plan.method == .exactScan)
        #expect(
            (whole.plan.points, whole.plan.candidates, whole.scored.scan) == (Self.points, Self.points, Self.points))
        #expect(whole.filter == nil && whole.plan.ef == nil && whole.hops == 0)
        let partial = try explained(fixture, QueryRequest(nearest: .vector([1, 0]), using: "b"))
        #expect((partial.plan.points, partial.plan.candidates, partial.scored.scan) == (Self.points, 200, 200))
    }

    @Test func conditionsAreCountedByTheIndexThatAnswersThem() throws {
        let fixture = try filled()
        let red = try field("colour", .match(.keyword(Keyword("red"))))
        let small = try field("n", .range(RangeBounds(lt: 100)))
        var request = QueryRequest(nearest: .vector([1, 0]), using: "b")
        request.query.filter = Filter(must: [red, small], mustNot: [.hasID([.number(0), .number(1)])])
        func matching(_ n: Int) -> Bool { n % 7 % 3 == 0 && n < 100 && n > 1 }
        let expected = (0..<Self.points).filter(matching)
        let implicit = try explained(fixture, request)
        #expect(implicit.plan.method == .exactFilteredScan)
        #expect(implicit.filter?.matching == expected.count)
        #expect(counts(implicit) == [3, 0, 2])
        #expect(implicit.plan.candidates == expected.count { $0 % 3 != 0 })
        #expect(implicit.scored.scan == implicit.plan.candidates)
        _ = try fixture.engine.createPayloadIndex(
            "c", key: PayloadPath("colour"), schema: PayloadFieldSchema(type: .keyword))
        request.query.filter = Filter(
            must: [.filter(Filter(should: [red, small]))],
            minShould: Filter.MinShould(conditions: [small, .nested(try PayloadPath("parts"), Filter())], minCount: 1))
        let declared = try explained(fixture, request)
        #expect(declared.filter?.matching == 100)
        #expect(counts(declared) == [4, 1, 3])
        request.query.filter = Filter(must: [.hasID([])])
        let none = try explained(fixture, request)
        #expect(none.plan.method == .empty && none.filter?.matching == 0 && none.plan.candidates == 0)
        request.query.filter = Filter()
        #expect(try explained(fixture, request).filter == nil)
    }

    /// A search by a point's id tells the same, and leaves the point out.
    @Test func byID() throws {
        let fixture = try filled()
        var request = QueryRequest(nearest: .id(.number(1)), using: "a", limit: 3)
        request.payload = .all
        request.vectors = .all
        let found = try explained(fixture, request)
        #expect(found.scored.scan == Self.points && found.times.fetch > 0 && found.times.prepare > 0)
    }

    @Test func ordersWithoutAQuery() throws {
        let fixture = try filled()
        var request = QueryRequest(Query(), payload: .all)
        request.query.filter = Filter(must: [try field("n", .range(RangeBounds(gte: 290)))])
        #expect(try fixture.engine.query("c", request).explanation == nil)
        request.explain = true
        let byID = try #require(try fixture.engine.query("c", request).explanation)
        #expect(byID.plan.method == .idOrder)
        #expect((byID.plan.points, byID.filter?.matching, byID.plan.candidates) == (Self.points, 10, 10))
        #expect(byID.scored.scan == 0 && byID.times.total >= byID.times.filter + byID.times.fetch)
        _ = try fixture.engine.createPayloadIndex(
            "c", key: PayloadPath("n"), schema: PayloadFieldSchema(type: .integer))
        request.query.filter = nil
        request.query.ranking = .byValue(OrderBy(key: try PayloadPath("n"), direction: .descending))
        let byValue = try #require(try fixture.engine.query("c", request).explanation)
        #expect(byValue.plan.method == .valueOrder)
        #expect(byValue.filter == nil && byValue.plan.candidates == Self.points)
        // Few points match: their values are sorted.
        request.query.filter = Filter(must: [try field("n", .range(RangeBounds(gte: 290)))])
        let sorted = try fixture.engine.query("c", request)
        #expect(sorted.explanation?.plan.method == .valueSort && sorted.explanation?.method == .valueSort)
        #expect(sorted.points.map(\.id) == (290..<300).reversed().map { .number(UInt64($0)) })
        #expect(sorted.points.first?.orderValue == .integer(299))
    }
}
