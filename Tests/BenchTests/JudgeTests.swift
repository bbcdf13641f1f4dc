import Bench
import Quantization
import Testing

@Suite struct JudgeTests {
    /// Rows at whole angles of a circle, so that scores are known.
    private func rows(_ values: [[Float]]) throws -> FloatRows {
        try FloatRows(count: values.count, dimensions: values[0].count, normalising: false) { values[$0] }
    }

    private func judge(k: Int = 2, matches: (@Sendable (Int, Int) -> Bool)? = nil) throws -> Judge {
        let base = try rows([[1, 0], [0.9, 0], [0.9, 0], [0.5, 0], [0, 1]])
        let neighbours = [[0, 1], matches == nil ? [4, 3] : [3]]
        return try Judge(
            rows: base, queries: rows([[1, 0], [0.5, 1]]), metric: .dot, k: k, neighbours: { neighbours[$0] },
            matches: matches)
    }

    @Test func countsTiesAsHits() throws {
        let judge = try judge()
        #expect(judge.verdict([0, 1, 4, 1]).recall == 1)
        // Row 2 scores as row 1 does.
        #expect(judge.verdict([2, 0, 1, 4]).recall == 1)
        #expect(judge.verdict([0, 3, 4, 1]).recall == 0.75)
    }

    @Test func aRowCountsOnceAndStrangersNever() throws {
        let judge = try judge()
        let verdict = judge.verdict([0, 0, 4, 99])
        #expect(verdict.recall == 0.5)
        #expect(verdict.fewestResults == 1)
        #expect(verdict.shortQueries == 2)
        #expect(judge.verdict([-1, -1, -1, -1]).recall == 0)
    }

    @Test func excludedRowsAreNoHitsAndFewMatchesAreEnough() throws {
        let judge = try judge { query, row in query == 0 || row == 3 }
        let verdict = judge.verdict([0, 1, 3, -1])
        #expect(verdict.recall == 1 && verdict.shortQueries == 0 && verdict.fewestResults == 2)
        #expect(judge.verdict([0, 1, 4, -1]).recall == 0.5)
    }

    @Test func refusesNeighboursThatAreNotThere() throws {
        let base = try rows([[1, 0]])
        let message = refusal {
            try Judge(rows: base, queries: base, metric: .dot, k: 1, neighbours: { _ in [1] })
        }
        #expect(message.contains("a row that the base doesn't have"))
    }

    @Test func refusesScoresThatAreTooFewOrNoNumbers() throws {
        let scratch = try Scratch()
        let base = try rows([[1, 0], [0, 1]])
        func judge(_ shape: String, _ scores: [Float]) throws -> Judge {
            let path = try scratch.write(npy(npyHeader("<f4", shape), bytes(of: scores)), as: "s.npy")
            return try Judge(rows: base, queries: base, metric: .dot, k: 2, scores: MappedMatrix.open(path))
        }
        #expect(try judge("2, 2", [1, 0, 1, 0]).thresholds == [0, 0])
        #expect(refusal { try judge("1, 2", [1, 0]) }.contains("2 × 2 are needed"))
        #expect(refusal { try judge("2, 1", [1, 1]) }.contains("2 × 2 are needed"))
        #expect(refusal { try judge("2, 2", [1, .nan, 1, 0]) }.contains("NaN"))
    }

    /// Scores and the nearest rows, against the plain definition.
    @Test(arguments: [Metric.cosine, .dot, .euclid, .manhattan]) func exactSearchIsPlainArithmetic(metric: Metric)
        throws
    {
        var random = RandomSource(seed: 7)
        let dimensions = 19
        let values = (0..<40).map { _ in (0..<dimensions).map { _ in random.normal() } }
        let base = try FloatRows(count: 40, dimensions: dimensions, normalising: metric == .cosine) { values[$0] }
        let best = try ExactScore.best(5, rows: base, queries: base, metric: metric, label: "test") { $0 != $1 }
        for query in 0..<40 {
            let scored = (0..<40).filter { $0 != query }.map { row -> (row: Int, score: Double) in
                let pairs = zip(base.row(query), base.row(row)).map { (Double($0), Double($1)) }
                switch metric {
                case .cosine, .dot: return (row, pairs.reduce(0) { $0 + $1.0 * $1.1 })
                case .euclid: return (row, -pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) })
                case .manhattan: return (row, -pairs.reduce(0) { $0 + abs($1.0 - $1.1) })
                }
            }.sorted { $0.score > $1.score }
            #expect(best[query].map(\.row) == scored.prefix(5).map(\.row))
            for (found, expected) in zip(best[query], scored) { #expect(abs(found.score - expected.score) < 1e-12) }
        }
    }
}
