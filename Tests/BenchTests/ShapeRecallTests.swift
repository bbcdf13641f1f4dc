import Bench
import Testing
import VectorIndex

/// A small share of `make bench-shapes`: shapes whose neighbours an index loses when a part of it is broken.
@Suite struct ShapeRecallTests {
    /// Found by the look for linked rows, and the entry points that it makes.
    @Test(arguments: ["minority-1000", "minority-500", "minority-last"]) func smallPopulationsAreFound(name: String)
        throws
    {
        try walksFindNearlyAll(name, rows: 20_000)
    }

    /// Found by scales of long rows, and ranges of codes that clip none.
    @Test(arguments: ["dot-lognormal-q99", "dot-lognormal-outlier", "euclid-clusters-q99"])
    func longRowsAreFound(name: String) throws { try walksFindNearlyAll(name, rows: 6_000) }

    /// Found by stored rows, where codes can't tell.
    @Test(arguments: ["euclid-copies", "cosine-copies", "equal-copies-cosine", "two-scales", "minority-later"])
    func nearRowsAreToldApart(name: String) throws { try walksFindNearlyAll(name, rows: 6_000) }

    /// Of clusters of more near-copies than a walk is wide hardly any row must be mended: links chosen by chance left 400 to
    /// 600 of these 10,000 unfound.
    @Test func copiesAreLinkedByStoredRows() throws {
        let index = try walksFindNearlyAll("euclid-copies-1000", rows: 10_000)
        #expect(index.reachability.mended < 60)
    }

    /// Found by codes and a graph that follow the rows.
    @Test(arguments: ["growth", "orthogonal-halves", "removed-clusters", "churn-return"])
    func rowsThatChangeAreFound(name: String) throws { try walksFindNearlyAll(name, rows: 6_000) }

    /// One thread builds, so that the index is the same each time.
    @discardableResult
    private func walksFindNearlyAll(_ name: String, rows: Int) throws -> VectorIndex {
        let (shape, data) = try Shape.drawn(name, rows: rows, queries: 100)
        let judge = try ShapeTruth.judge(data, metric: shape.metric, k: shape.k)
        let index = try ShapeIndex(shape, data, seed: 1, threads: 1)
        for (ef, floor) in [(64, 0.95), (nil, 0.98)] as [(Int?, Double)] {
            let answers = index.answers(ef: ef, prefersGraph: true)
            #expect(answers.widths.count == data.queries.count, "a scan would find all")
            let figures = ShapeFigures(recalls: judge.recalls(answers.ids), populations: data.populations)
            #expect(figures.recall >= floor, "ef \(ef ?? 0)")
            #expect(figures.lostQueries == 0, "ef \(ef ?? 0)")
        }
        return index.index
    }
}
