import Bench
import Testing
import VectorIndex

/// A small share of `make bench-shapes`: shapes whose neighbours an index loses when a part of it is broken.
@Suite struct ShapeRecallTests {
    /// By what goes wrong without it:
    /// the look for linked rows, and the entry points that it makes;
    static let populations = ["minority-1000", "minority-last", "orthogonal-halves", "growth", "removed-clusters"]
    /// scales of long rows, and ranges that clip none;
    static let ranges = ["dot-lognormal-q99", "dot-lognormal-outlier", "euclid-clusters-q99"]
    /// stored rows where codes can't tell.
    static let nearness = ["euclid-copies", "cosine-copies", "equal-copies-cosine", "two-scales", "minority-later"]

    /// One thread builds, so that the index is the same each time.
    @Test(arguments: populations + ranges + nearness) func walksFindNearlyAll(name: String) throws {
        let (shape, data) = try Shape.drawn(name, rows: 6_000, queries: 100)
        let judge = try ShapeTruth.judge(data, metric: shape.metric, k: shape.k)
        let index = try ShapeIndex(shape, data, seed: 1, threads: 1)
        for (ef, floor) in [(64, 0.95), (nil, 0.98)] as [(Int?, Double)] {
            let answers = index.answers(ef: ef, prefersGraph: true)
            #expect(answers.widths.count == data.queries.count, "a scan would find all")
            let figures = ShapeFigures(recalls: judge.recalls(answers.ids), populations: data.populations)
            #expect(figures.recall >= floor)
            #expect(figures.lostQueries == 0)
        }
    }
}
