import Bench
import Quantization
import Testing

/// Exact thresholds, tolerances, and the figures and verdicts that follow.
@Suite struct ShapeJudgeTests {
    private func rows(_ values: [[Float]]) throws -> FloatRows {
        try FloatRows(count: values.count, dimensions: values[0].count, normalising: false) { values[$0] }
    }

    private func judge(_ metric: Metric, k: Int, _ base: [[Float]], query: [Float]) throws -> Judge {
        try ShapeTruth.judge(ShapeData(base: rows(base), queries: rows([query])), metric: metric, k: k)
    }

    /// Distances of near-copies are told apart by a hundred-thousandth of themselves, however small they are.
    @Test(arguments: [Metric.euclid, .manhattan]) func toleranceIsRelativeToDistances(metric: Metric) throws {
        let second: Float = 0.002
        let judge = try judge(
            metric, k: 2, [[0.001, 0], [second, 0], [0, second.nextUp], [0, second * 1.00001], [1, 0]], query: [0, 0])
        #expect(judge.recalls([0, 1]) == [1])
        #expect(judge.recalls([0, 2]) == [1])
        #expect(judge.recalls([0, 3]) == [0.5])
        #expect(judge.recalls([4, 3]) == [0])
    }

    @Test func toleranceOfCosinesIsAbsolute() throws {
        let judge = try judge(.cosine, k: 1, [[1, 0], [1 - 1.2e-7, 0], [1 - 6e-7, 0]], query: [1, 0])
        #expect([0, 1, 2].map { judge.recalls([$0]) } == [[1], [1], [0]])
        let small = try self.judge(.cosine, k: 1, [[1e-3, 0], [1e-3 - 1e-7, 0], [1e-3 - 6e-7, 0]], query: [1, 0])
        #expect([0, 1, 2].map { small.recalls([$0]) } == [[1], [1], [0]])
    }

    @Test func toleranceIsRelativeToDotProducts() throws {
        let judge = try judge(.dot, k: 1, [[1000, 0], [999.9995, 0], [999.99, 0]], query: [1, 0])
        #expect([0, 1, 2].map { judge.recalls([$0]) } == [[1], [1], [0]])
    }

    /// Of equal copies of the query any k are right, and nothing else is.
    @Test func copiesAreInterchangeable() throws {
        let judge = try judge(.euclid, k: 2, [[1, 1], [1, 1], [1, 1], [1, Float(1).nextUp]], query: [1, 1])
        #expect(judge.recalls([2, 1]) == [1])
        #expect(judge.recalls([2, 3]) == [0.5])
    }

    @Test func removedAndExcludedRowsAreNoNeighbours() throws {
        let base = try rows([[0], [1], [2], [3], [4]])
        var allowed = RowSet(bound: 5)
        for row in [0, 1, 3] { allowed.insert(row) }
        let data = ShapeData(
            base: base, queries: try rows([[0], [0], [0]]),
            steps: [.publish(upTo: 2), .remove([0]), .publish(upTo: 5)],
            filter: ShapeFilter(sets: [allowed, RowSet(bound: 5)], setOfQuery: [0, 0, 1]))
        let judge = try ShapeTruth.judge(data, metric: .euclid, k: 3)
        // Rows 1 and 3 alone are live and allowed; no row is allowed to the last query.
        #expect(judge.recalls([1, 3, -1, 0, 1, 2, 1, 3, 4]) == [1, 0.5, nil])
        #expect(Array(judge.thresholds.prefix(2)) == [-9, -9])
    }

    /// Rows so close together that single precision can't rank them.
    @Test(arguments: [Metric.cosine, .dot, .euclid, .manhattan]) func thresholdsAreExact(metric: Metric) throws {
        var random = ShapeRandom(seed: 21)
        let center = (0..<45).map { _ in random.normal() }
        func row(_ noise: Float) -> [Float] { center.map { $0 + noise * random.normal() } }
        let values = (0..<900).map { index in row(index % 3 == 0 ? 1e-6 : index % 3 == 1 ? 1e-3 : 1) }
        let normalising = metric == .cosine
        let base = try FloatRows(count: 900, dimensions: 45, normalising: normalising) { values[$0] }
        let queries = try FloatRows(count: 37, dimensions: 45, normalising: normalising) { _ in row(1e-6) }
        let removed = (0..<900).filter { $0 % 7 == 0 }
        let data = ShapeData(base: base, queries: queries, steps: [.publish(upTo: 900), .remove(removed)])
        let judge = try ShapeTruth.judge(data, metric: metric, k: 10)
        let best = try ExactScore.best(10, rows: base, queries: queries, metric: metric, label: "test") { _, row in
            row % 7 != 0
        }
        #expect(judge.thresholds == best.map { $0[9].score })
        #expect(judge.recalls(best.flatMap { $0.map { Int64($0.row) } }) == Array(repeating: 1, count: 37))
    }

    @Test func figuresAreMeansOverQueriesThatHaveNeighbours() {
        let figures = ShapeFigures(recalls: [1, 0, nil, 0.5], populations: [0, 1, 1, 0], scored: [5, 9, 7, 6])
        #expect(figures.recall == 0.5)
        #expect(figures.lostQueries == 1)
        #expect(figures.worstPopulation?.place == 1 && figures.worstPopulation?.recall == 0)
        #expect(figures.medianScored == 7)
        #expect(ShapeFigures(recalls: [1, 1], populations: []).worstPopulation == nil)
        #expect(ShapeFigures(recalls: [1, 1], populations: []).medianScored == nil)
    }

    /// Figures of two populations of two queries each.
    private func figures(_ recalls: [Double]) -> ShapeFigures {
        ShapeFigures(recalls: recalls, populations: [0, 0, 1, 1])
    }

    /// Recalls of four queries with one seed: ours and each peer's.
    private struct Run {
        var ours: [Double]
        var peers: [[Double]] = []
    }

    private func summary(_ name: String, _ runs: Run...) throws -> ShapeSummary {
        // Only the default width decides.
        let other = figures([0, 0, 0, 0])
        return ShapeSummary(
            shape: try #require(try Shape.named(name).first), rowCount: 100,
            runs: runs.enumerated().map { seed, run in
                ShapeRun(
                    seed: UInt64(seed), widths: [64, 160, 256], ours: [other, figures(run.ours), other],
                    peers: run.peers.enumerated().map { ("peer-\($0)", [other, figures($1), other]) })
            })
    }

    @Test func verdictsFollowFromTheDefaultWidth() throws {
        let (all, most, some) = ([1.0, 1, 1, 1], [1.0, 0.9, 1, 1], [0.9, 0.9, 0.9, 0.9])
        #expect(try summary("growth", Run(ours: all)).verdict == .ok)
        #expect(try summary("growth", Run(ours: most)).verdict == .ok)
        #expect(try summary("growth", Run(ours: some)).verdict == .low)
        // As good as the best peer, if not good; and good, but not as good.
        #expect(try summary("growth", Run(ours: some, peers: [some])).verdict == .ok)
        #expect(try summary("growth", Run(ours: some, peers: [some, most])).verdict == .low)
        #expect(try summary("growth", Run(ours: most, peers: [some, all])).verdict == .behind)
        // The worst seed must be good, or the mean at least the best peer's.
        #expect(try summary("growth", Run(ours: all, peers: [all]), Run(ours: some, peers: [all])).verdict == .low)
        #expect(try summary("growth", Run(ours: all, peers: [most]), Run(ours: some, peers: [some])).verdict == .ok)
        #expect(try summary("isotropic", Run(ours: some, peers: [all])).verdict == .notJudged)
    }

    /// One population is hardly found, with one of the seeds; it is not lost if peers don't find it either.
    @Test func aLostPopulationDecides() throws {
        let (all, lost) = ([1.0, 1, 1, 1], [1, 1, 0.7, 0.7])
        let runs = [Run(ours: all, peers: [all]), Run(ours: lost, peers: [all])]
        #expect(try summary("growth", runs[0], runs[1]).verdict == .populationLost)
        #expect(try summary("growth", Run(ours: lost)).verdict == .populationLost)
        #expect(try summary("growth", Run(ours: lost, peers: [lost])).verdict == .ok)
    }

    @Test func theBestPeerIsThatOfTheHighestMean() throws {
        let first = Run(ours: [1, 1, 1, 0], peers: [[1, 1, 1, 0], [1, 1, 0, 0]])
        let second = Run(ours: [1, 1, 1, 1], peers: [[0, 0, 0, 0], [1, 1, 1, 1]])
        let point = try summary("growth", first, second).point(1)
        #expect(point.mean == 0.875 && point.worst == 0.75 && point.lostQueries == 1)
        #expect(point.bestPeer?.name == "peer-1" && point.bestPeer?.mean == 0.75 && point.bestPeer?.lostQueries == 2)
    }
}
