import Quantization
import Testing
import VectorIndex

/// One kind of index for the recall tests.
struct RecallCase: Sendable, CustomTestStringConvertible {
    var metric: Metric
    var element: ElementType = .float32
    var dimensions: Int
    var count = 6000
    var m = 16
    var lengths: ClosedRange<Float> = 1...1
    /// Least recall@10 at default settings.
    var floor = 0.98
    /// Least recall@10 of a walk of width 64.
    var narrowFloor = 0.95

    var testDescription: String {
        "\(metric) \(element) \(dimensions)d ×\(count) m\(m)\(lengths == 1...1 ? "" : " of all lengths")"
    }

    static let all: [RecallCase] = [
        .init(metric: .cosine, dimensions: 768),
        .init(metric: .cosine, element: .float16, dimensions: 100),
        .init(metric: .cosine, element: .uint8, dimensions: 100),
        .init(metric: .cosine, element: .uint8, dimensions: 8, lengths: 0.05...1),
        .init(metric: .dot, dimensions: 100, floor: 0.95),
        .init(metric: .euclid, dimensions: 100),
        .init(metric: .euclid, element: .uint8, dimensions: 33),
        .init(metric: .manhattan, dimensions: 100),
        .init(metric: .manhattan, element: .float16, dimensions: 20),
        .init(metric: .euclid, dimensions: 1, floor: 0.97),
        .init(metric: .cosine, dimensions: 3, floor: 0.95),
        .init(metric: .manhattan, dimensions: 3, floor: 0.95),
        .init(metric: .cosine, dimensions: 64, m: 4, floor: 0.95, narrowFloor: 0.9),
        .init(metric: .cosine, dimensions: 64, m: 1, floor: 0.7, narrowFloor: 0.5),
        .init(metric: .cosine, dimensions: 64, m: 100),
        .init(metric: .euclid, dimensions: 64, m: 0, floor: 0.99),
        .init(metric: .cosine, dimensions: 64, m: 0, floor: 0.99),
    ]
}

@Suite struct RecallTests {
    @Test(arguments: RecallCase.all)
    func findsTheNearest(_ kind: RecallCase) throws {
        let parameters = IndexParameters(
            dimensions: kind.dimensions, metric: kind.metric, element: kind.element, m: kind.m)
        var vectors = ClusteredVectors(parameters, clusters: 60, lengths: kind.lengths, seed: Seed.value)
        let rows = Rows(parameters, capacity: kind.count)
        for _ in 0..<kind.count { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: kind.count, absent: [])
        #expect(index.pendingCount == kind.count)
        index.drain()
        #expect(index.pendingCount == 0)
        #expect(index.linkedCount == kind.count)
        #expect(index.limitation == nil)
        let reachable = try index.checkInvariants()
        // With lists of four links there is not always a place to be had.
        #expect(reachable >= (kind.m == 1 ? 0.95 : 0.999), Seed.note)
        let all = Array(0..<kind.count)
        let queries = (0..<40).map { _ in vectors.query() }
        let best = queries.map { bestScores(rows, $0, k: 10, among: all) }
        for ignoreCodes in [false, true] {
            for ef in [nil, 64] as [Int?] {
                var sum = 0.0
                for (query, best) in zip(queries, best) {
                    let outcome = index.search(query, SearchOptions(k: 10, ef: ef, ignoreCodes: ignoreCodes))
                    expectSound(outcome, rows, query, k: 10, allowed: Set(all))
                    // A walk so narrow is far cheaper than a scan.
                    let scan = ignoreCodes || kind.dimensions <= 16 ? SearchMethod.exactScan : .codeScan
                    if ef != nil { #expect(outcome.method == (kind.m == 0 ? scan : .graph)) }
                    sum += recall(outcome, rows, query, best: best)
                }
                let mean = sum / Double(queries.count)
                #expect(mean >= (ef == nil ? kind.floor : kind.narrowFloor), Seed.note)
            }
        }
        // A short vector isn't its own nearest by dot product.
        if kind.metric == .dot || kind.m == 0 { return }
        let found = all.count { slot in
            var query = rows.vector(slot)
            if kind.metric == .cosine { Normalization.normalize(&query) }
            let best = index.search(query, SearchOptions(k: 1, ef: 32)).hits.first?.score ?? -.infinity
            return best >= index.score(query, slot: UInt32(slot))
        }
        #expect(Double(found) / Double(kind.count) > (kind.m == 1 ? 0.4 : kind.m == 4 ? 0.9 : 0.99), Seed.note)
    }

    @Test func wideWalksAndManyHits() {
        let parameters = IndexParameters(dimensions: 24, metric: .euclid)
        var vectors = ClusteredVectors(parameters, clusters: 40, seed: Seed.value)
        let rows = Rows(parameters, capacity: 8000)
        for _ in 0..<8000 { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 8000, absent: [])
        index.drain()
        let all = Array(0..<8000)
        for k in [1, 100, 700, 3000, 8000, 9000] {
            for ef in [nil, 1, 500, 1_000_000] as [Int?] {
                let query = vectors.query()
                let outcome = index.search(
                    query, SearchOptions(k: k, ef: ef, oversampling: ef == 500 ? .infinity : 1.3))
                expectSound(outcome, rows, query, k: k, allowed: Set(all))
                if k > 1 {
                    #expect(
                        recall(outcome, rows, query, best: bestScores(rows, query, k: k, among: all)) > 0.9, Seed.note)
                }
            }
        }
    }

    /// Where half of all components are clipped, codes are off by more than rounding tells, and more is rescored.
    @Test(arguments: Metric.allCases) func clippedRows(_ metric: Metric) {
        var parameters = IndexParameters(dimensions: 256, metric: metric, m: 0)
        parameters.codec = .int8(quantile: 0.5)
        var vectors = ClusteredVectors(parameters, clusters: 60, seed: Seed.value)
        let count = 6000
        let rows = Rows(parameters, capacity: count)
        for _ in 0..<count { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: count, absent: [])
        index.drain()
        var sum = 0.0
        var rescored = 0
        for _ in 0..<40 {
            let query = vectors.query()
            let outcome = index.search(query, SearchOptions(k: 10, fullScanBytes: .max))
            #expect(outcome.method == .codeScan)
            rescored += outcome.rescored
            sum += recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: Array(0..<count)))
        }
        #expect(rescored > 40 * 60, Seed.note)
        // Of the best 15 alone: 0.37 by dot product, 0.5 to 0.68; of the best 96: 0.6 and 0.8.
        #expect(sum / 40 >= 0.95, Seed.note)
    }

    @Test func withoutRescoringScoresAreEstimates() {
        for metric in Metric.allCases {
            let parameters = IndexParameters(dimensions: 96, metric: metric)
            var vectors = ClusteredVectors(parameters, clusters: 20, seed: Seed.value)
            let rows = Rows(parameters, capacity: 5000)
            for _ in 0..<5000 { rows.append(vectors.next()) }
            let index = VectorIndex(parameters)
            index.publish(rows: rows.matrix, count: 4900, absent: [])
            index.drain()
            // The last hundred have no codes yet.
            index.publish(rows: rows.matrix, count: 5000, absent: [])
            var errors = 0.0
            for _ in 0..<20 {
                let query = vectors.query()
                let outcome = index.search(query, SearchOptions(k: 10, ef: 32, rescore: false))
                #expect(outcome.method == .graph)
                #expect(outcome.hits.count == 10)
                #expect(outcome.rescored == 0)
                for hit in outcome.hits {
                    let score = rows.score(query, Int(hit.slot))
                    let error = abs(Double(hit.score) - score) / max(1, abs(score))
                    // A row may reach past the range of the codes.
                    #expect(error <= 0.15, Seed.note)
                    errors += error
                }
            }
            #expect(errors / 200 <= 0.03, Seed.note)
        }
    }

    @Test func manyEqualVectors() throws {
        let parameters = IndexParameters(dimensions: 32, metric: .cosine)
        var vectors = ClusteredVectors(parameters, clusters: 200, seed: Seed.value)
        let rows = Rows(parameters, capacity: 6000)
        let repeated = vectors.next()
        for i in 0..<6000 { rows.append(i % 3 == 0 ? repeated : vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 6000, absent: [])
        index.drain()
        #expect(try index.checkInvariants() >= 0.999, Seed.note)
        var sum = 0.0
        for _ in 0..<50 {
            let query = vectors.query()
            let outcome = index.search(query, SearchOptions(k: 10, ef: 64))
            #expect(outcome.method == .graph)
            expectSound(outcome, rows, query, k: 10, allowed: Set(0..<6000))
            sum += recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: Array(0..<6000)))
        }
        #expect(sum / 50 > 0.95, Seed.note)
        var query = repeated
        Normalization.normalize(&query)
        let hits = index.search(query, SearchOptions(k: 10, ef: 64)).hits
        #expect(hits.allSatisfy { $0.score > 0.9999 })
    }
}
