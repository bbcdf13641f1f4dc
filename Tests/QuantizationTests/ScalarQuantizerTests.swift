import CVectorKernels
import Quantization
import TestSupport
import Testing

struct ScalarQuantizerTests {
    @Test(arguments: Metric.allCases, [32, 100, 384]) func recallOnClusteredRows(metric: Metric, dimensions: Int) {
        var random = RandomSource(seed: SeededGenerator().seed)
        let rows = random.clustered(count: 1500, dimensions: dimensions, clusters: 20)
        let queries = random.clustered(count: 40, dimensions: dimensions, clusters: 20) + rows.prefix(10)
        let encoded = Encoded(trained(rows, metric), rows: rows)
        var found = 0
        for query in queries {
            let truth = Set(top(10, rows.map { plainScore(metric, query, $0) }))
            found += top(20, encoded.scores(query).map(Double.init)).count { truth.contains($0) }
        }
        #expect(Double(found) / Double(10 * queries.count) >= 0.985)
    }

    /// Scores come out in the metric's own units, close to the exact ones.
    @Test(arguments: Metric.allCases) func scoresApproximateTheMetric(metric: Metric) {
        var random = RandomSource(seed: SeededGenerator().seed)
        let dimensions = 200
        for scale: Float in [1e-6, 1, 1e6] {
            let rows = random.clustered(count: 300, dimensions: dimensions, clusters: 5).map { $0.map { $0 * scale } }
            let encoded = Encoded(trained(rows, metric, quantile: 1), rows: rows)
            for query in rows.prefix(5) + [rows[0].map { -2 * $0 }] {
                let exact = rows.map { plainScore(metric, query, $0) }
                let spread = exact.map(abs).max()!
                for (approximate, exact) in zip(encoded.scores(query), exact) {
                    #expect(abs(Double(approximate) - exact) <= 0.02 * spread)
                }
            }
        }
    }

    @Test(arguments: Metric.allCases) func rowsScoreAgainstRows(metric: Metric) {
        var random = RandomSource(seed: SeededGenerator().seed)
        let rows = random.clustered(count: 200, dimensions: 130, clusters: 4)
        // The whole range: what clipping does is `onlyClippedRowsAreFarOff`.
        let encoded = Encoded(trained(rows, metric, quantile: 1), rows: rows)
        for a in 0..<10 {
            let exact = rows.map { plainScore(metric, rows[a], $0) }
            let spread = exact.map(abs).max()!
            let asQuery = encoded.scores(fromCode: a)
            for b in rows.indices {
                let pair = encoded.quantizer.score(
                    encoded.codes[a], term: encoded.terms[a], encoded.codes[b], term: encoded.terms[b])
                let mirrored = encoded.quantizer.score(
                    encoded.codes[b], term: encoded.terms[b], encoded.codes[a], term: encoded.terms[a])
                #expect(pair == mirrored)
                #expect(abs(Double(pair) - exact[b]) <= 0.02 * spread)
                #expect(abs(Double(asQuery[b]) - exact[b]) <= 0.02 * spread)
            }
        }
    }

    /// Quantization alone keeps within 2 % of the largest distance: only a component outside the range does worse.
    @Test(arguments: [Metric.euclid, .manhattan]) func onlyClippedRowsAreFarOff(metric: Metric) {
        var random = RandomSource(seed: SeededGenerator().seed)
        let rows = random.clustered(count: 200, dimensions: 130, clusters: 4)
        let encoded = Encoded(trained(rows, metric, quantile: 0.999), rows: rows)
        let clipped = encoded.codes.map { $0.contains(1) || $0.contains(255) }
        #expect(clipped.contains(true) && clipped.contains(false))
        for a in rows.indices where !clipped[a] {
            let exact = rows.map { plainScore(metric, rows[a], $0) }
            let spread = exact.map(abs).max()!
            for b in rows.indices where !clipped[b] {
                let score = encoded.quantizer.score(
                    encoded.codes[a], term: encoded.terms[a], encoded.codes[b], term: encoded.terms[b])
                #expect(abs(Double(score) - exact[b]) <= 0.02 * spread)
            }
            let itself = encoded.quantizer.score(
                encoded.codes[a], term: encoded.terms[a], encoded.codes[a], term: encoded.terms[a])
            #expect(abs(Double(itself)) <= 1e-4 * spread)
        }
    }

    /// A code's product with its own row is the row's with itself, clipped components or not.
    @Test(arguments: [Metric.cosine, .dot], [1, 0.9999, 0.99] as [Float])
    func codesKeepTheProductWithTheirRow(metric: Metric, quantile: Float) {
        var random = RandomSource(seed: SeededGenerator().seed)
        let rows = random.clustered(count: 400, dimensions: 384, clusters: 10)
        let encoded = Encoded(trained(rows, metric, quantile: quantile), rows: rows)
        var scratch = [Float](repeating: 0, count: encoded.quantizer.scratchCount)
        var decoded = [Float](repeating: 0, count: 384)
        var errors: [Double] = []
        for (row, code) in zip(rows, encoded.codes) {
            encoded.quantizer.decode(code, into: &decoded, scratch: &scratch)
            let squared = plainScore(.dot, row, row)
            // For cosine a code stands for the normalised row.
            let length = metric == .cosine ? squared.squareRoot() : squared
            errors.append(abs(plainScore(.dot, row, decoded) / length - 1))
        }
        errors.sort()
        // Rounding alone would leave some 1e-3, clipping 1e-2. A row with most of its length clipped can't be mended.
        #expect(errors[errors.count * 9 / 10] <= 1e-5)
    }

    /// Copies of a row are ranked by what tells them apart, although rounding errors are larger than that.
    @Test(arguments: [Metric.cosine, .dot], [0.9999, 0.99] as [Float])
    func nearCopiesAreRanked(metric: Metric, quantile: Float) {
        var random = RandomSource(seed: SeededGenerator().seed)
        // Two rows clip more or less of themselves: of four draws the mean is steady.
        let found = (0..<4).reduce(0) { sum, _ in sum + foundCopies(metric, quantile, &random) }
        // With each component rounded to its nearest code: 0.4 to 0.65.
        #expect(Double(found) / 1600 >= 0.93)
    }

    /// Of the true best 10 copies of a row, for 40 queries, those that are among the codes' best 20.
    private func foundCopies(_ metric: Metric, _ quantile: Float, _ random: inout RandomSource) -> Int {
        let rows = random.clustered(count: 300, dimensions: 384, clusters: 10)
        func copy(_ row: [Float]) -> [Float] {
            let length = Float(plainScore(.dot, row, row).squareRoot())
            let noise = random.normals(384, scale: 0.04 * length / Float(384).squareRoot())
            let sum = zip(row, noise).map { $0 + $1 }
            // As long as the row, so that the dot product, too, finds its copies nearest.
            let stretch = length / Float(plainScore(.dot, sum, sum).squareRoot())
            return sum.map { $0 * stretch }
        }
        let copies = (0..<200).map { copy(rows[$0 % 2]) }
        let encoded = Encoded(trained(rows + copies, metric, quantile: quantile), rows: copies)
        var found = 0
        for number in 0..<40 {
            let query = copy(rows[number % 2])
            let truth = Set(top(10, copies.map { plainScore(metric, query, $0) }))
            found += top(20, encoded.scores(query).map(Double.init)).count { truth.contains($0) }
        }
        return found
    }

    /// Where no row terms are needed the integer alone ranks, whatever the batch.
    @Test(arguments: [Metric.cosine, .dot, .manhattan]) func integersRank(metric: Metric) {
        var random = RandomSource(seed: SeededGenerator().seed)
        let rows = random.clustered(count: 100, dimensions: 70, clusters: 3)
        let quantizer = trained(rows, metric)
        #expect(!quantizer.queriesNeedRowTerms)
        let encoded = Encoded(quantizer, rows: rows)
        var prepared = [UInt8](repeating: 0, count: quantizer.codeBytes)
        var scratch = [Float](repeating: 0, count: quantizer.scratchCount)
        let terms = quantizer.encodeQuery(rows[3], into: &prepared, scratch: &scratch)
        #expect(terms.rowTermWeight == 0)
        #expect((terms.scale < 0) == (metric == .manhattan))
        var integers = [Int32](repeating: 0, count: rows.count)
        quantizer.kernel.range(
            prepared, Array(encoded.codes.joined()), quantizer.codeBytes, rows.count, quantizer.codeBytes, &integers)
        let scores = encoded.scores(rows[3])
        for (integer, score) in zip(integers, scores) { #expect(terms.score(integer) == score) }
    }

    @Test(arguments: Metric.allCases) func decodingComesBackNear(metric: Metric) {
        var random = RandomSource(seed: SeededGenerator().seed)
        let rows = random.clustered(count: 200, dimensions: 96, clusters: 4)
        let quantizer = trained(rows, metric, quantile: 1)
        let encoded = Encoded(quantizer, rows: rows)
        var scratch = [Float](repeating: 0, count: quantizer.scratchCount)
        for (row, code) in zip(rows, encoded.codes).prefix(20) {
            var expected = row
            if metric == .cosine { Normalization.normalize(&expected) }
            var decoded = [Float](repeating: 0, count: 96)
            quantizer.decode(code, into: &decoded, scratch: &scratch)
            let error = -plainScore(.euclid, expected, decoded), size = plainScore(.dot, expected, expected)
            #expect(error <= 1e-3 * size)
        }
    }

    @Test func quantileNarrowsTheRange() {
        var random = RandomSource(seed: SeededGenerator().seed)
        var rows = (0..<500).map { _ in random.normals(64) }
        rows[0][0] = 1000
        let whole = trained(rows, .manhattan, quantile: 1), clipped = trained(rows, .manhattan, quantile: 0.99)
        let unit = 1 / whole.inputScale
        #expect(whole.inputScale == clipped.inputScale)
        #expect(whole.step * unit > 5)
        #expect(clipped.step * unit * 127 > 2.3 && clipped.step * unit * 127 < 3)  // 99 % of a normal lie within 2.58
        #expect(
            trained(rows, .manhattan).step == trained(rows, .manhattan, quantile: ScalarQuantizer.defaultQuantile).step)
    }

    @Test func codesArePadded() {
        #expect(ScalarQuantizer.codeBytes(dimensions: 1) == 64)
        #expect(ScalarQuantizer.codeBytes(dimensions: 64) == 64)
        #expect(ScalarQuantizer.codeBytes(dimensions: 768) == 768)
        #expect(ScalarQuantizer.codeBytes(dimensions: 769) == 832)
        var random = RandomSource(seed: SeededGenerator().seed)
        let rows = (0..<20).map { _ in random.normals(70) }
        for metric in Metric.allCases {
            let encoded = Encoded(trained(rows, metric), rows: rows)
            for code in encoded.codes { #expect(code[70...].allSatisfy { $0 == 0x80 }) }
            for code in encoded.codes { #expect(code[..<70].allSatisfy { $0 != 0 }) }  // −128 isn't used
        }
    }

    /// Cosine codes don't depend on a row's length; a bigger sample's length doesn't either.
    @Test func cosineIgnoresLengths() {
        var random = RandomSource(seed: SeededGenerator().seed)
        let rows = random.clustered(count: 50, dimensions: 48, clusters: 3)
        let quantizer = trained(rows, .cosine)
        let once = Encoded(quantizer, rows: rows), twice = Encoded(quantizer, rows: rows.map { $0.map { $0 * 4 } })
        #expect(once.codes == twice.codes)
        #expect(once.scores(rows[0]) == once.scores(rows[0].map { $0 * 0.25 }))
    }
}
