import Quantization
import Testing
import VectorIndex

/// Where codes can't tell candidates apart, stored rows do: in searches and when links are chosen.
@Suite struct FinerScoresTests {
    private func index(_ rows: Rows) -> VectorIndex {
        let index = VectorIndex(rows.parameters)
        index.publish(rows: rows.matrix, count: rows.count, absent: [])
        index.drain()
        return index
    }

    /// Some 250 copies of each of 40 vectors, so alike that a step of the codes is more than what they differ by.
    @Test(arguments: [(Metric.euclid, Float(0.001)), (.manhattan, 0.001), (.cosine, 0.01)])
    func copiesAreToldApart(_ metric: Metric, _ noise: Float) {
        let parameters = IndexParameters(dimensions: 96, metric: metric)
        var vectors = ClusteredVectors(parameters, clusters: 40, noise: noise, seed: Seed.value)
        let rows = Rows(parameters, capacity: 10_000)
        for _ in 0..<10_000 { rows.append(vectors.next()) }
        let index = index(rows)
        for options in [SearchOptions(k: 10).walking, SearchOptions(k: 10, fullScanBytes: .max)] {
            var exact = 0
            var wentOn = 0
            for _ in 0..<60 {
                let query = vectors.query()
                let outcome = index.search(query, options)
                expectSound(outcome, rows, query, k: 10, allowed: Set(0..<10_000))
                wentOn += outcome.wentOnByRows ? 1 : 0
                let slots = Set((0..<10_000).sorted { rows.score(query, $0) > rows.score(query, $1) }.prefix(10))
                exact += outcome.hits.count { slots.contains(Int($0.slot)) }
            }
            #expect(wentOn > 30, Seed.note)
            // Float32 scores of so close rows leave some of them in either order.
            #expect(exact >= 570, Seed.note)
        }
    }

    /// Codes that were trained before rows of another kind came: their margin is wrong for these.
    @Test(arguments: [Metric.cosine, .euclid, .dot, .manhattan]) func rowsUnlikeTheTrainedOnesAreFound(_ metric: Metric)
    {
        let parameters = IndexParameters(dimensions: 96, metric: metric)
        var random = RandomSource(seed: Seed.value)
        func vector(about mean: Float, noise: Float) -> [Float] { (0..<96).map { _ in mean + noise * random.normal() } }
        let rows = Rows(parameters, capacity: 10_400)
        // Most lie so near each other that codes of a fine step are trained on them.
        for _ in 0..<10_000 { rows.append(vector(about: -2, noise: 0.2)) }
        let index = index(rows)
        for _ in 0..<400 { rows.append(vector(about: 1, noise: 1)) }
        index.publish(rows: rows.matrix, count: rows.count, absent: [])
        index.drain()
        for options in [SearchOptions(k: 10).walking, SearchOptions(k: 10, fullScanBytes: .max)] {
            var sum = 0.0
            for _ in 0..<60 {
                let query = vector(about: 1, noise: 1)
                let outcome = index.search(query, options)
                let best = (0..<rows.count).sorted { rows.score(query, $0) > rows.score(query, $1) }.prefix(10)
                sum += Double(outcome.hits.count { best.contains(Int($0.slot)) }) / 10
            }
            #expect(sum / 60 > 0.97, Seed.note)
        }
    }

    /// Clusters of more near-copies than a walk is wide: each row is among the results of its own vector.
    @Test(arguments: [Metric.euclid, .manhattan]) func copiesFindThemselves(_ metric: Metric) {
        let parameters = IndexParameters(dimensions: 32, metric: metric)
        var vectors = ClusteredVectors(parameters, clusters: 6, noise: 0.0001, seed: Seed.value)
        let rows = Rows(parameters, capacity: 6_000)
        var own: [[Float]] = []
        for _ in 0..<6_000 {
            own.append(vectors.next())
            rows.append(own[own.count - 1])
        }
        let index = index(rows)
        var missed = 0
        var sum = 0.0
        for slot in stride(from: 0, to: 6_000, by: 20) {
            let best = bestScores(rows, own[slot], k: 10, among: Array(0..<6_000))
            let outcome = index.search(own[slot], SearchOptions(k: 10).walking)
            // Another may be the same row.
            let found = outcome.hits.first?.score ?? -.infinity
            if Double(found) < best[0] - 1e-9 { missed += 1 }
            sum += recall(outcome, rows, own[slot], best: best)
        }
        #expect(missed <= 3 && sum / 300 > 0.98, Seed.note)
    }

    @Test(arguments: Metric.allCases) func ordinaryRowsNeedNoSecondSearch(_ metric: Metric) {
        let parameters = IndexParameters(dimensions: 96, metric: metric)
        var vectors = ClusteredVectors(parameters, clusters: 100, noise: 0.5, seed: Seed.value)
        let rows = Rows(parameters, capacity: 10_000)
        for _ in 0..<10_000 { rows.append(vectors.next()) }
        let index = index(rows)
        let wentOn = (0..<100).count { _ in index.search(vectors.query(), SearchOptions(k: 10).walking).wentOnByRows }
        #expect(wentOn <= 2, Seed.note)
    }

    /// More rows are equal than a search rescores. What codes put behind them may be better all the same: equal rows are off
    /// by one error, which tells nothing of others.
    @Test(arguments: Metric.allCases) func equalRowsHideNoBetterOnes(_ metric: Metric) {
        let parameters = IndexParameters(dimensions: 96, metric: metric, m: 0)
        var vectors = ClusteredVectors(parameters, clusters: 40, noise: 0.5, seed: Seed.value)
        let distinct = (0..<40).map { _ in vectors.next() }
        let rows = Rows(parameters, capacity: 10_000)
        for slot in 0..<10_000 { rows.append(distinct[slot % 40]) }
        let index = index(rows)
        for query in distinct + (0..<40).map({ _ in vectors.query() }) {
            let scan = index.search(query, SearchOptions(k: 10, fullScanBytes: .max))
            #expect(scan.method == .codeScan, Seed.note)
            let best = bestScores(rows, query, k: 10, among: Array(0..<10_000))
            #expect(recall(scan, rows, query, best: best) > 0.99, Seed.note)
        }
    }

    /// By dot product the longest rows win: codes must not clip them, whatever quantile is asked for.
    @Test(arguments: [nil, 0.99, 0.9] as [Float?]) func longRowsKeepTheirScores(_ quantile: Float?) {
        var parameters = IndexParameters(dimensions: 96, metric: .dot, m: 0)
        parameters.codec = .int8(quantile: quantile)
        var random = RandomSource(seed: Seed.value)
        let rows = Rows(parameters, capacity: 10_000)
        for slot in 0..<10_000 {
            // Log-normal lengths, and one row that is far longer than all others.
            let length = slot == 1234 ? 1000 : Float.exp(random.normal())
            rows.append((0..<96).map { _ in length * random.normal() })
        }
        let index = index(rows)
        var sum = 0.0
        for _ in 0..<40 {
            let query = (0..<96).map { _ in random.normal() }
            let slots = Set((0..<10_000).sorted { rows.score(query, $0) > rows.score(query, $1) }.prefix(10))
            let outcome = index.search(query, SearchOptions(k: 10, fullScanBytes: .max))
            #expect(outcome.method == .codeScan)
            sum += Double(outcome.hits.count { slots.contains(Int($0.slot)) }) / 10
        }
        #expect(sum / 40 >= 0.98, Seed.note)
    }
}

extension Float {
    fileprivate static func exp(_ x: Float) -> Float {
        // Enough terms for |x| ≤ 4.
        var term: Float = 1, sum: Float = 1
        for i in 1...24 {
            term *= x / Float(i)
            sum += term
        }
        return max(sum, 0.01)
    }
}
