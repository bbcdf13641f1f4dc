import Quantization
import Testing
import VectorIndex

@Suite struct ExactSearchTests {
    @Test(arguments: Metric.allCases, ElementType.allCases)
    func matchesPlainArithmetic(metric: Metric, element: ElementType) {
        for dimensions in [1, 3, 33] {
            let parameters = IndexParameters(dimensions: dimensions, metric: metric, element: element)
            var vectors = ClusteredVectors(parameters, clusters: 7, seed: Seed.value)
            let rows = Rows(parameters, capacity: 300)
            for _ in 0..<300 { rows.append(vectors.next()) }
            let index = VectorIndex(parameters)
            index.publish(rows: rows.matrix, count: 300, absent: [5, 299])
            index.remove([0, 64, 63, 64])
            let live = Set(0..<300).subtracting([5, 299, 0, 64, 63])
            #expect(index.liveCount == live.count)
            for k in [1, 10, 1000] {
                let query = vectors.query()
                let outcome = index.search(query, SearchOptions(k: k, exact: true))
                expectSound(outcome, rows, query, k: k, allowed: live)
                #expect(
                    recall(outcome, rows, query, best: bestScores(rows, query, k: k, among: Array(live))) == 1,
                    Seed.note)
                #expect(outcome.method == .exactScan)
                // Too small for codes: the default search is exact as well.
                #expect(index.search(query, SearchOptions(k: k)).hits == outcome.hits)
            }
        }
    }

    @Test func tiesGoToTheLowerSlot() {
        let parameters = IndexParameters(dimensions: 4, metric: .dot)
        let rows = Rows(parameters, capacity: 200)
        for i in 0..<200 { rows.append(i % 2 == 0 ? [1, 0, 0, 0] : [0, 1, 0, 0]) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 200, absent: [])
        let hits = index.search([0, 2, 0, 0], SearchOptions(k: 4)).hits
        #expect(hits == [1, 3, 5, 7].map { Hit(slot: $0, score: 2) })
    }

    @Test func emptyIndexAndNoHitsAsked() {
        let parameters = IndexParameters(dimensions: 2, metric: .euclid)
        let index = VectorIndex(parameters)
        #expect(index.search([0, 0], SearchOptions(k: 3)).hits.isEmpty)
        let rows = Rows(parameters, capacity: 1)
        rows.append([1, 1])
        index.publish(rows: rows.matrix, count: 1, absent: [])
        #expect(index.search([0, 0], SearchOptions(k: 0)).hits.isEmpty)
        #expect(index.search([0, 0], SearchOptions(k: -1)).hits.isEmpty)
        #expect(index.search([0, 0], SearchOptions(k: 3)).hits == [Hit(slot: 0, score: -2)])
        index.remove([0])
        #expect(index.search([0, 0], SearchOptions(k: 3)).hits.isEmpty)
        #expect(index.search([0, 0], SearchOptions(k: 3)).method == .empty)
    }

    @Test func excludedSlotIsReplacedByTheNext() {
        let parameters = IndexParameters(dimensions: 1, metric: .euclid)
        let rows = Rows(parameters, capacity: 10)
        for i in 0..<10 { rows.append([Float(i)]) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 10, absent: [])
        #expect(index.search([4], SearchOptions(k: 3, excluded: 4)).hits.map(\.slot) == [3, 5, 2])
        #expect(index.search([4], SearchOptions(k: 30, excluded: 4)).hits.count == 9)
        #expect(index.search([4], SearchOptions(k: 3, excluded: 99)).hits.map(\.slot) == [4, 3, 5])
    }

    @Test func emptyIndexesAreSmall() {
        let indexes = (0..<2000).map { _ in VectorIndex(IndexParameters(dimensions: 768, metric: .cosine)) }
        #expect(indexes.allSatisfy { $0.memory.total < 4096 })
    }
}
