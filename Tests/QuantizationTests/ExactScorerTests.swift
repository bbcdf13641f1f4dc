import Quantization
import TestSupport
import Testing

struct ExactScorerTests {
    @Test(arguments: Metric.allCases, ElementType.allCases) func equalsPlainScores(metric: Metric, element: ElementType)
    {
        var random = RandomSource(seed: SeededGenerator().seed)
        for dimensions in [1, 3, 16, 100, 257, 768] {
            let scorer = ExactScorer(metric: metric, element: element, dimensions: dimensions)
            let rows = (0..<9).map { _ -> [Float] in
                var row = (0..<dimensions).map { _ in random.normal() * (element == .uint8 ? 60 : 1) }
                if element == .uint8 { row = row.map { abs($0).rounded(.down) } }
                if metric == .cosine && element != .uint8 { Normalization.normalize(&row) }
                return element.rounded(row)
            }
            let stride = scorer.rowBytes + element.size
            let storage = UnsafeMutableRawPointer.allocate(byteCount: stride * rows.count, alignment: 64)
            defer { storage.deallocate() }
            for (i, row) in rows.enumerated() {
                #expect(element.write(row, dimensions: dimensions, into: storage + i * stride) == 0)
                #expect(element.read(storage + i * stride, dimensions: dimensions) == row)
            }
            var query = random.normals(dimensions, scale: element == .uint8 ? 50 : 1)
            if metric == .cosine && element != .uint8 { Normalization.normalize(&query) }
            let factor = scorer.queryFactor(query)
            let slots: [UInt32] = [8, 0, 3, 3, 1, 7]
            var gathered = [Float](repeating: .nan, count: slots.count)
            scorer.score(
                query, queryFactor: factor, base: storage, stride: stride, slots: slots, count: slots.count,
                into: &gathered)
            var range = [Float](repeating: .nan, count: rows.count)
            scorer.score(query, queryFactor: factor, first: storage, stride: stride, count: rows.count, into: &range)
            for (i, row) in rows.enumerated() {
                // Stored cosine rows are divided by nothing, so a rounded row counts as it is.
                let normalized = metric == .cosine && element != .uint8
                let expected = plainScore(normalized ? .dot : metric, query, row)
                let magnitude = plainScore(.dot, query.map(abs), row.map(abs)) + abs(expected)
                let single = scorer.score(query, queryFactor: factor, row: storage + i * stride)
                let tolerance = metric == .cosine ? 1e-5 : 1e-5 * magnitude
                #expect(abs(Double(single) - expected) <= tolerance, "\(dimensions)")
                #expect(single == range[i])
                for (j, slot) in slots.enumerated() where Int(slot) == i { #expect(gathered[j] == single) }
            }
        }
    }

    @Test func zeroRowsAndQueriesScoreZero() {
        let scorer = ExactScorer(metric: .cosine, element: .uint8, dimensions: 5)
        let zero = [UInt8](repeating: 0, count: 5), row: [UInt8] = [1, 2, 3, 4, 5]
        let query: [Float] = [1, 0, 2, 0, 1]
        let factor = scorer.queryFactor(query)
        #expect(scorer.score(query, queryFactor: factor, row: zero) == 0)
        let nothing = [Float](repeating: 0, count: 5)
        #expect(scorer.queryFactor(nothing) == 0)
        #expect(scorer.score(nothing, queryFactor: scorer.queryFactor(nothing), row: row) == 0)
    }
}
