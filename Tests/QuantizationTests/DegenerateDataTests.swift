import Quantization
import TestSupport
import Testing

/// Whatever finite floats come in, no NaN and no infinity comes out, and the order stays sensible.
struct DegenerateDataTests {
    private func check(_ rows: [[Float]], queries: [[Float]], _ metric: Metric, _ what: String) {
        for quantile: Float? in [nil, 1, 0.5] {
            let quantizer = trained(rows, metric, quantile: quantile)
            #expect(quantizer.step.isFinite && quantizer.step > 0 && (1 / quantizer.step).isFinite)
            let encoded = Encoded(quantizer, rows: rows + queries)
            #expect(encoded.terms.allFinite, "\(what)")
            for query in queries + rows.prefix(2) {
                #expect(encoded.scores(query).allFinite, "\(what)")
            }
            for a in encoded.codes.indices.prefix(3) {
                #expect(encoded.scores(fromCode: a).allFinite, "\(what)")
                for b in encoded.codes.indices {
                    let score = quantizer.score(
                        encoded.codes[a], term: encoded.terms[a], encoded.codes[b], term: encoded.terms[b])
                    #expect(score.isFinite, "\(what)")
                }
                var decoded = [Float](repeating: 0, count: quantizer.dimensions)
                var scratch = [Float](repeating: 0, count: quantizer.scratchCount)
                quantizer.decode(encoded.codes[a], into: &decoded, scratch: &scratch)
                #expect(decoded.allFinite, "\(what)")
            }
        }
    }

    @Test(arguments: Metric.allCases) func extremes(metric: Metric) {
        let largest = Float.greatestFiniteMagnitude, least = Float.leastNonzeroMagnitude
        for dimensions in [1, 2, 3, 64, 100] {
            func constant(_ value: Float) -> [Float] { [Float](repeating: value, count: dimensions) }
            func mixed(_ a: Float, _ b: Float) -> [Float] { (0..<dimensions).map { $0 % 2 == 0 ? a : b } }
            let rows: [String: [[Float]]] = [
                "zeros": [constant(0), constant(0)],
                "one row": [mixed(1, -3)],
                "equal rows": [[Float]](repeating: mixed(0.5, 2), count: 10),
                "huge": [constant(1e30), constant(-1e30), mixed(1e30, -1e30)],
                "largest": [constant(largest), constant(-largest), mixed(largest, -largest)],
                "denormal": [constant(least), constant(-least), mixed(least * 1000, -least * 7)],
                "tiny": [constant(1e-30), mixed(1e-30, -2e-30)],
                "all sizes": [constant(1e-38), constant(1), constant(1e38), constant(0), mixed(1e38, 1e-38)],
            ]
            let queries = [
                constant(0), constant(1), mixed(1e30, -1), constant(largest), mixed(-largest, largest), constant(least),
            ]
            for (name, rows) in rows { check(rows, queries: queries, metric, "\(name), \(dimensions) dimensions") }
        }
    }

    /// Sizes at which squares leave a float's range must still rank.
    @Test(arguments: [Metric.dot, .euclid, .manhattan, .cosine], [Float(1e30), 1e-30, 1e19, 1e-20])
    func extremeSizesRank(metric: Metric, scale: Float) {
        var random = RandomSource(seed: SeededGenerator().seed)
        let plain = random.clustered(count: 300, dimensions: 64, clusters: 6)
        let rows = plain.map { $0.map { $0 * scale } }
        let encoded = Encoded(trained(rows, metric), rows: rows)
        var found = 0
        for query in 0..<10 {
            let truth = Set(top(10, plain.map { plainScore(metric, plain[query], $0) }))
            let scores = encoded.scores(rows[query])
            #expect(scores.allFinite)
            // Scores below a float's range are equal; the ranking is what the integers say.
            guard Set(scores).count > 100 else {
                #expect(scale < 1e-15)
                continue
            }
            found += top(20, scores.map(Double.init)).count { truth.contains($0) }
        }
        if scale > 1 || metric == .cosine { #expect(found >= 95) }
    }

    /// A sample of ordinary rows, then rows and queries a factor of 10³⁰ larger.
    @Test(arguments: Metric.allCases) func outliersAfterTraining(metric: Metric) {
        var random = RandomSource(seed: SeededGenerator().seed)
        let rows = random.clustered(count: 100, dimensions: 33, clusters: 3)
        let outliers = rows.prefix(5).map { $0.map { $0 * 1e30 } }
        let encoded = Encoded(trained(rows, metric), rows: rows + outliers)
        #expect(encoded.terms.allFinite)
        for query in rows.prefix(3) + outliers { #expect(encoded.scores(query).allFinite) }
        if metric == .euclid {
            // The outliers are farthest, though their codes are clamped.
            let scores = encoded.scores(rows[0])
            #expect(scores[100...].max()! < scores[..<100].min()!)
        }
    }

    /// A few rows of the sample far longer than the others: the others' codes stay as good.
    @Test(arguments: Metric.allCases, [Float(10), 100, 1000, 1e30])
    func outliersInTheSample(metric: Metric, factor: Float) {
        var random = RandomSource(seed: SeededGenerator().seed)
        for (outliers, dimensions) in [(1, 256), (6, 100), (30, 32)] where outliers < 30 || factor < 1e9 {
            var rows = random.clustered(count: 1024, dimensions: dimensions, clusters: 20)
            for i in 0..<outliers { rows[i * 31 + 5] = rows[i * 31 + 5].map { $0 * factor } }
            for quantile: Float? in [nil, 0.999] {
                let encoded = Encoded(trained(rows, metric, quantile: quantile), rows: rows)
                var found = 0
                for i in 0..<40 {
                    let query = rows[i * 25 + 1]
                    let truth = Set(top(10, rows.map { plainScore(metric, query, $0) }))
                    found += top(24, encoded.scores(query).map(Double.init)).count { truth.contains($0) }
                }
                #expect(found >= 384, "\(outliers) of \(dimensions) dimensions, quantile \(quantile ?? 0)")
            }
        }
    }

    /// Far rows so many, or so little farther than the others, that they are a part of the data keep codes of their own.
    @Test(arguments: [Metric.dot, .euclid, .manhattan], [(0.05, Float(8)), (0.3, 60)])
    func farRowsThatAreManyAreCovered(metric: Metric, far: (share: Double, factor: Float)) {
        var random = RandomSource(seed: SeededGenerator().seed)
        var rows = random.clustered(count: 1000, dimensions: 128, clusters: 10)
        let count = Int(far.share * 1000)
        for i in 0..<count { rows[i] = rows[i].map { $0 * far.factor } }
        let encoded = Encoded(trained(rows, metric), rows: rows)
        var found = 0
        for query in rows[..<min(count, 40)] {
            let truth = Set(top(10, rows.map { plainScore(metric, query, $0) }))
            found += top(24, encoded.scores(query).map(Double.init)).count { truth.contains($0) }
        }
        #expect(Double(found) >= 9.5 * Double(min(count, 40)))
    }

    @Test(arguments: Metric.allCases) func everyDimension(metric: Metric) {
        var random = RandomSource(seed: SeededGenerator().seed)
        for dimensions in Array(1...40) + [63, 64, 65, 127, 129, 255, 511, 1000, 4097] {
            let rows = (0..<6).map { _ in random.normals(dimensions) }
            let encoded = Encoded(trained(rows, metric, quantile: 1), rows: rows)
            for query in rows {
                let exact = rows.map { plainScore(metric, query, $0) }
                let spread = exact.map(abs).max()! + Double(dimensions) * 0.1
                for (approximate, exact) in zip(encoded.scores(query), exact) {
                    #expect(abs(Double(approximate) - exact) <= 0.03 * spread, "\(dimensions) dimensions")
                }
            }
        }
    }

    @Test(arguments: Metric.allCases) func longestVectors(metric: Metric) {
        var random = RandomSource(seed: SeededGenerator().seed)
        let rows = (0..<4).map { i in random.normals(65_536).map { $0 + Float(i) } }
        let encoded = Encoded(trained(rows, metric), rows: rows)
        for query in rows {
            let exact = rows.map { plainScore(metric, query, $0) }
            let spread = exact.map(abs).max()!
            for (approximate, exact) in zip(encoded.scores(query), exact) {
                #expect(abs(Double(approximate) - exact) <= 0.01 * spread)
            }
        }
    }

    @Test func noSample() {
        let quantizer = ScalarQuantizer.train(
            sample: [0], count: 0, dimensions: 8, metric: .dot, quantile: nil, seed: 1)
        let encoded = Encoded(quantizer, rows: [[Float](repeating: 0.1, count: 8)])
        #expect(encoded.scores([Float](repeating: 1, count: 8)).allFinite)
    }
}
