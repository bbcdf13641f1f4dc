import SearchEngine
import Testing
import VectorIndex

/// How queries are planned, by counts alone.
@Suite struct QueryPlanTests {
    private let nearest = Query(.nearest(.vector([])))
    private let parameters = IndexParameters(dimensions: 128, metric: .cosine)

    /// The plan for an index with codes and a graph of all points.
    private func plan(
        _ query: Query, points: Int = 100_000, matching: Int? = nil, encoded: Int? = nil, linked: Int? = nil,
        _ change: (inout QueryPlan.VectorFacts) -> Void = { _ in }
    ) -> QueryPlan {
        let matching = matching ?? points
        var vector = QueryPlan.VectorFacts(
            parameters, IndexCounts(published: points, encoded: encoded ?? points, linked: linked ?? points),
            candidates: matching, isFiltered: matching < points, candidatesBelow: { $0 * matching / points })
        change(&vector)
        return QueryPlan.decide(query, .init(points: points, matching: matching, vector: vector))
    }

    private func changed(_ change: (inout Query) -> Void) -> Query {
        var query = nearest
        change(&query)
        return query
    }

    @Test func moreMatchesTakeOtherWays() {
        let narrow = changed { $0.parameters.hnswEf = 64 }
        let methods = [10, 1_000, 10_000, 30_000, 90_000, 100_000].map { plan(narrow, matching: $0).method }
        #expect(methods == [.filteredScan, .filteredScan, .filteredScan, .graphTwoHop, .graphFiltered, .graph])
        #expect(plan(nearest, points: 500).method == .codeScan, "a walk costs more")
        #expect(plan(nearest, matching: 0).method == .empty)
        #expect(plan(changed { $0.limit = 0 }).method == .empty)
    }

    @Test func aWholePlan() {
        let found = plan(nearest, matching: 90_000, linked: 80_000) { $0.excluded = 7 }
        #expect(
            found.search
                == SearchPlan(
                    method: .graphFiltered, scores: .codes, candidates: 90_000, wanted: 11, ef: 160, linked: 80_000,
                    linkedCandidates: 72_000, scanned: 18_000))
        #expect((found.points, found.candidates, found.wanted, found.ef) == (100_000, 90_000, 10, 160))
        #expect(found.recall == nil)
        #expect(found == plan(nearest, matching: 90_000, linked: 80_000) { $0.excluded = 9 }, "which one is no matter")
    }

    @Test func aPlanTellsThatAGraphWasNotLookedThrough() {
        let unchecked = plan(nearest, points: 40_000) { $0.counts.isChecked = false }
        #expect(unchecked.awaitsCheck && unchecked.method == .codeScan && unchecked.ef == nil)
        let checked = plan(nearest, points: 40_000)
        #expect(!checked.awaitsCheck && checked.method == .graph)
        // A scan by codes is made for the check's sake; a target of 1 asks for more.
        let exact = plan(changed { $0.parameters.recall = 1 }, points: 40_000) {
            ($0.counts.isChecked, $0.knowledge.target) = (false, 1)
        }
        #expect(exact.method == .exactScan && !exact.awaitsCheck)
    }

    @Test func whatIsAskedForDecides() {
        #expect(plan(changed { $0.parameters.exact = true }).search?.method == .exactScan)
        #expect(plan(changed { $0.parameters.exact = true }, matching: 5_000).method == .exactFilteredScan)
        #expect(plan(changed { $0.parameters.hnswEf = 33 }).ef == 33)
        #expect(plan(changed { $0.parameters.ignoreQuantization = true }).search?.scores == .rows)
        #expect(plan(nearest) { $0.fullScanBytes = .max }.method == .codeScan)
        let tail = plan(nearest, linked: 60_000).search
        #expect((tail?.scanned, tail?.linked) == (40_000, 60_000))
        #expect(plan(changed { $0.parameters.indexedOnly = true }, linked: 60_000).search?.scanned == 0)
        #expect(
            plan(nearest) { $0.counts = IndexCounts(published: 100_000, encoded: nil, linked: nil) }.method
                == .exactScan)
        #expect(plan(changed { ($0.limit, $0.offset) = (.max, .max) }).wanted == 100_000, "sums don't overflow")
    }

    @Test func aTargetOfRecallIsPartOfThePlan() {
        let all = plan(nearest) { $0.knowledge.target = 1 }
        #expect(all.method == .exactScan)
        #expect(all.recall == .init(target: 1, source: .request, expected: 1, basis: .exact))
        let most = plan(nearest) { ($0.knowledge.target, $0.knowledge.source) = (0.97, .collection) }
        #expect(most.ef == 256)
        #expect(most.recall == .init(target: 0.97, source: .collection, expected: nil, basis: .assumed))
        // Whatever was aimed at, what is scanned exactly is found.
        let few = plan(changed { $0.parameters.ignoreQuantization = true }, matching: 100) { $0.knowledge.target = 0.9 }
        #expect(few.recall?.basis == .exact && few.method == .exactFilteredScan)
    }

    @Test func ordersWithoutAVector() throws {
        #expect(QueryPlan.decide(Query(), .init(points: 9, matching: 9)).method == .idOrder)
        let order = Query(.byValue(OrderBy(key: try PayloadKeys.n)))
        func method(matching: Int, limit: Int = 10) -> QueryMethod {
            var query = order
            query.limit = limit
            return QueryPlan.decide(query, .init(points: 100_000, matching: matching, values: 100_000)).method
        }
        #expect(method(matching: 100_000) == .valueOrder)
        #expect(method(matching: 1_000) == .valueOrder, "1,000 steps are expected")
        #expect(method(matching: 100) == .valueSort, "10,000 steps are expected")
        #expect(method(matching: 20_000, limit: .max) == .valueSort, "all values would be passed")
        #expect(method(matching: 30_000, limit: .max) == .valueOrder)
        #expect(method(matching: 0) == .valueSort, "none would be found on the way")
    }
}

private enum PayloadKeys {
    static var n: PayloadPath { get throws { try PayloadPath("n") } }
}
