import Bench
import Quantization
import Testing
import VectorIndex

/// Steps, slots and filters of shapes, as our index gets them.
@Suite struct ShapeIndexTests {
    static let names = [
        "growth", "drift", "churn", "churn-return", "removed-clusters", "removed-half", "filter-random",
        "filter-population", "uint8-gradients", "float16-clusters", "manhattan-24", "dot-norm-clusters",
    ]

    /// Indexes so small are scanned by their stored rows: each row must lie in its slot, and those alone be found that may.
    @Test(arguments: names) func slotsAreRows(name: String) throws {
        let (shape, data) = try Shape.drawn(name, rows: 600)
        let judge = try ShapeTruth.judge(data, metric: shape.metric, k: shape.k)
        let index = try ShapeIndex(shape, data, seed: 1, threads: 1)
        #expect(index.index.publishedCount == data.base.count)
        #expect(index.index.liveCount == data.live.count)
        let answers = index.answers(ef: nil)
        #expect(judge.recalls(answers.ids) == Array(repeating: 1, count: data.queries.count))
        #expect(answers.scored.count == data.queries.count && answers.widths.isEmpty)
    }

    /// Walks find rows of all steps. Of rows at random fewer than one in twenty would be hits.
    @Test(arguments: names) func walksFindRows(name: String) throws {
        let (shape, data) = try Shape.drawn(name, rows: 3000, queries: 50)
        let judge = try ShapeTruth.judge(data, metric: shape.metric, k: shape.k)
        let index = try ShapeIndex(shape, data, seed: 1, threads: 2)
        #expect(index.index.pendingCount == 0)
        #expect(index.index.linkedCount == data.base.count)
        let answers = index.answers(ef: 256, prefersGraph: true)
        #expect(answers.widths == Array(repeating: 256, count: data.queries.count))
        let figures = ShapeFigures(recalls: judge.recalls(answers.ids), populations: data.populations)
        #expect(figures.recall > 0.9)
        #expect(figures.worstPopulation?.recall ?? 1 > 0.85)
        let matches = data.matches
        for (place, id) in answers.ids.enumerated() where id >= 0 {
            #expect(matches(place / shape.k, Int(id)))
        }
    }
}
