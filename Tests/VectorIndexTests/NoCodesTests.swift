import Quantization
import Testing
import VectorIndex

/// An index without codes: everything goes by stored rows.
@Suite struct NoCodesTests {
    @Test(arguments: Metric.allCases, [ElementType.float32, .float16, .uint8])
    func findsTheNearestWithExactScores(_ metric: Metric, _ element: ElementType) throws {
        let parameters = IndexParameters(
            dimensions: 40, metric: metric, element: element, codec: .none)
        var vectors = ClusteredVectors(parameters, clusters: 40, seed: Seed.value)
        let count = 5000
        let rows = Rows(parameters, capacity: count)
        for _ in 0..<count { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 1000, absent: [])
        #expect(index.pendingCount == 0 && index.work(limit: 10) == 0, "too small for a graph")
        index.publish(rows: rows.matrix, count: count, absent: [1017])
        #expect(index.pendingCount == count - 1)
        index.drain()
        #expect(index.pendingCount == 0 && index.linkedCount == count)
        #expect(index.memory.codes == 0 && index.memory.reducedCodes == 0 && !index.hasReducedCodes)
        #expect(try index.checkInvariants() >= 0.999, Seed.note)
        let live = Array(0..<count).filter { $0 != 1017 }
        let odd = live.filter { $0 % 2 == 1 }
        let few = SlotBitmap(count: count) { $0 % 100 == 3 }
        let half = SlotBitmap(count: count) { $0 % 2 == 1 }
        var sums = [0.0, 0.0]
        for _ in 0..<40 {
            let query = vectors.query()
            // By dot product rows of great length are everybody's nearest.
            let options = SearchOptions(k: 10, ef: metric == .dot ? 256 : 64).walking
            let outcome = index.search(query, options)
            #expect(outcome.method == .graphFiltered, "one slot has no vector")
            #expect(outcome.rescored == 0 && !outcome.wentOnByRows)
            expectSound(outcome, rows, query, k: 10, allowed: Set(live))
            sums[0] += recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: live))
            let filtered = index.search(query, options, allowed: half)
            expectSound(filtered, rows, query, k: 10, allowed: Set(odd))
            sums[1] += recall(filtered, rows, query, best: bestScores(rows, query, k: 10, among: odd))
            let scanned = index.search(query, SearchOptions(k: 10), allowed: few)
            #expect(scanned.method == .exactFilteredScan && scanned.hits.count == 10)
            // There are no estimates to be shown.
            var unrescored = options
            unrescored.rescore = false
            #expect(index.search(query, unrescored).hits == outcome.hits)
        }
        #expect(sums[0] / 40 >= 0.97 && sums[1] / 40 >= 0.95, Seed.note)
    }

    @Test func withoutAGraphTooEverythingIsScanned() {
        let parameters = IndexParameters(dimensions: 20, metric: .euclid, m: 0, codec: .none)
        var vectors = ClusteredVectors(parameters, clusters: 10, seed: Seed.value)
        let rows = Rows(parameters, capacity: 2000)
        for _ in 0..<2000 { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 2000, absent: [])
        #expect(index.pendingCount == 0 && index.work(limit: 100) == 0 && index.linkedCount == 0)
        let query = vectors.query()
        let outcome = index.search(query, SearchOptions(k: 10))
        #expect(outcome.method == .exactScan)
        #expect(recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: Array(0..<2000))) == 1)
    }
}
