import Quantization
import Synchronization
import Testing
import VectorIndex

/// A clock that goes on when it is looked at.
private final class Ticks: Sendable {
    private let count = Atomic(0)
    func next() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
}

/// What searches tell of their plan and its cost.
@Suite struct ExplanationTests {
    private static let count = FilterTests.count

    private func explained(
        _ index: VectorIndex, _ query: [Float], _ options: SearchOptions, allowed: SlotBitmap? = nil,
        plan: SearchMethod, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> (outcome: SearchOutcome, timings: SearchTimings) {
        let plain = index.search(query, options, allowed: allowed)
        #expect(plain.timings == nil, sourceLocation: sourceLocation)
        var options = options
        // Each look at the clock takes a nanosecond.
        let looks = Ticks()
        options.clock = { looks.next() }
        let outcome = index.search(query, options, allowed: allowed)
        #expect(outcome.hits == plain.hits, sourceLocation: sourceLocation)
        #expect(outcome.method == plan && plain.method == plan, Seed.note, sourceLocation: sourceLocation)
        let timings = try #require(outcome.timings, sourceLocation: sourceLocation)
        // A stage takes time exactly when it scores something.
        for (scored, time) in [
            (outcome.walked, timings.walk), (outcome.scanned, timings.scan), (outcome.reranked, timings.rerank),
            (outcome.rescored, timings.rescore),
        ] {
            #expect((scored > 0) == (time > 0), "\(outcome)", sourceLocation: sourceLocation)
        }
        #expect((outcome.walked > 0) == (outcome.ef != nil), sourceLocation: sourceLocation)
        #expect((outcome.walked > 0) == (outcome.hops > 0), sourceLocation: sourceLocation)
        return (outcome, timings)
    }

    private func allowing(_ share: Double, of count: Int = Self.count) -> SlotBitmap {
        var random = RandomSource(seed: Seed.value)
        return SlotBitmap(count: count) { _ in Double.random(in: 0..<1, using: &random) < share }
    }

    @Test func exactScansScoreEveryMatch() throws {
        var (index, _, _, vectors) = FilterTests.shared
        let options = SearchOptions(k: 10, exact: true)
        let (all, timings) = try explained(index, vectors.query(), options, plan: .exactScan)
        #expect((all.allowedCount, all.scanned) == (Self.count, Self.count))
        #expect((all.walked, all.reranked, all.rescored) == (0, 0, 0))
        #expect(timings.prepare == 0)
        let some = allowing(0.3)
        let (found, _) = try explained(index, vectors.query(), options, allowed: some, plan: .exactFilteredScan)
        #expect((found.allowedCount, found.scanned) == (some.count, some.count))
    }

    @Test func codeScansScoreEveryMatchAndRescoreTheBest() throws {
        var (index, _, _, vectors) = FilterTests.shared
        var options = SearchOptions(k: 10, fullScanBytes: .max)
        let (all, timings) = try explained(index, vectors.query(), options, plan: .codeScan)
        #expect((all.scanned, all.walked) == (Self.count, 0))
        #expect((15...96).contains(all.rescored))
        #expect(timings.prepare > 0)
        options.oversampling = 5
        let some = allowing(0.01)
        let (found, _) = try explained(index, vectors.query(), options, allowed: some, plan: .filteredScan)
        #expect(found.scanned == some.count)
        #expect((50...96).contains(found.rescored))
        options.rescore = false
        let (rough, _) = try explained(index, vectors.query(), options, allowed: some, plan: .filteredScan)
        #expect((rough.scanned, rough.rescored) == (some.count, 0))
    }

    @Test func walksTellTheirWidth() throws {
        var (index, _, _, vectors) = FilterTests.shared
        let (plain, _) = try explained(index, vectors.query(), SearchOptions(k: 10, ef: 64), plan: .graph)
        #expect(plain.ef == 64 && plain.scanned == 0 && plain.allowedCount == Self.count)
        // Every node of the pool's 64 is expanded.
        #expect(plain.hops >= 64 && plain.walked < Self.count)
        let (least, _) = try explained(index, vectors.query(), SearchOptions(k: 10, ef: 1), plan: .graph)
        #expect(least.ef == 10)
        let most = allowing(0.8)
        let (collected, _) = try explained(
            index, vectors.query(), SearchOptions(k: 10, ef: 24), allowed: most, plan: .graphFiltered)
        #expect(collected.ef == 24 && collected.scanned == 0 && collected.allowedCount == most.count)
        let some = allowing(0.3)
        let (twoHop, _) = try explained(
            index, vectors.query(), SearchOptions(k: 10, ef: 16), allowed: some, plan: .graphTwoHop)
        #expect(twoHop.ef == 16 && twoHop.scanned == 0 && twoHop.walked < some.count)
        let (nothing, _) = try explained(
            index, vectors.query(), SearchOptions(k: 10), allowed: allowing(0), plan: .empty)
        #expect(nothing.allowedCount == 0)
    }

    /// Each hop of this graph scores many more than the planner reckons with, so that the walk is given up.
    @Test func aWalkThatCostsTooMuchEndsInAScan() throws {
        let parameters = IndexParameters(dimensions: 256, metric: .cosine, m: 64)
        var random = RandomSource(seed: Seed.value)
        let count = 5600
        let rows = Rows(parameters, capacity: count)
        func vector() -> [Float] { (0..<256).map { _ in random.normal() } }
        for _ in 0..<count { rows.append(vector()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: count, absent: [])
        index.drain()
        let slots = (0..<count).filter { $0 % 6 != 0 }
        let most = SlotBitmap(count: count) { $0 % 6 != 0 }
        for _ in 0..<10 {
            var query = vector()
            Normalization.normalize(&query)
            let (outcome, _) = try explained(
                index, query, SearchOptions(k: 10, ef: 16), allowed: most, plan: .graphThenScan)
            #expect(outcome.scanned == slots.count)
            #expect((15...96).contains(outcome.rescored))
            #expect(outcome.walked > slots.count / 7)
            expectSound(outcome, rows, query, k: 10, allowed: Set(slots))
        }
    }

    @Test func theTailIsScannedBesideTheWalk() throws {
        let parameters = FilterTests.parameters
        var vectors = ClusteredVectors(parameters, clusters: 20, seed: Seed.value)
        let rows = Rows(parameters, capacity: 8100)
        for _ in 0..<8100 { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 8000, absent: [])
        index.drain()
        index.publish(rows: rows.matrix, count: 8100, absent: [])
        let (outcome, _) = try explained(index, vectors.query(), SearchOptions(k: 10, ef: 32), plan: .graph)
        #expect(outcome.scanned == 100)
        let (linked, _) = try explained(
            index, vectors.query(), SearchOptions(k: 10, ef: 32, indexedOnly: true), plan: .graph)
        #expect(linked.scanned == 0)
    }
}
