import Foundation
import Quantization
import VectorIndex

/// What an engine answered to all queries of a shape at one width.
package struct ShapeAnswers: Sendable {
    /// Rows found, queries × k, padded with −1.
    package var ids: [Int64]
    /// Scores that each query took; empty where the engine doesn't tell.
    package var scored: [Int] = []
    /// Width of each walk; queries that were answered by a scan have none.
    package var widths: [Int] = []
}

/// Our index after all steps of a shape.
package struct ShapeIndex {
    package let index: VectorIndex
    private let shape: Shape
    private let data: ShapeData
    /// By place in the filter's sets.
    private let bitmaps: [SlotBitmap]

    /// Does the shape's steps, each when the work of the one before is done.
    ///
    /// - Parameters:
    ///   - threads: threads that link.
    ///   - portion: rows that are published and linked before the next are, as if they came over time; `nil`: all of a step
    ///     at once.
    package init(
        _ shape: Shape, _ data: ShapeData, m: Int = 16, efConstruct: Int = 100, seed: UInt64, threads: Int,
        portion: Int? = nil
    ) throws {
        index = VectorIndex(
            IndexParameters(
                dimensions: shape.dimensions, metric: shape.metric, element: shape.element, m: m,
                efConstruct: efConstruct, codec: .int8(quantile: shape.quantile), seed: seed))
        self.shape = shape
        self.data = data
        bitmaps = data.filter?.sets.map { SlotBitmap(words: $0.words) } ?? []
        let matrix = try IndexBench.matrix(data.base, shape.element)
        for step in data.steps {
            switch step {
            case .publish(let end):
                while let portion, index.publishedCount + portion < end {
                    index.publish(rows: matrix, count: index.publishedCount + portion, absent: [])
                    try index.finishWork(threads: threads)
                }
                index.publish(rows: matrix, count: end, absent: [])
            case .remove(let rows): index.remove(rows.map { UInt32($0) })
            }
            try index.finishWork(threads: threads)
        }
    }

    /// Asks all queries, one after the other.
    ///
    /// - Parameters:
    ///   - ef: the walks' width; `nil`: the index's own choice.
    ///   - prefersGraph: walks however little a scan would cost, so that small indexes are walked as large ones are.
    package func answers(ef: Int?, prefersGraph: Bool = false) -> ShapeAnswers {
        let k = shape.k
        var options = SearchOptions(k: k, ef: ef)
        options.prefersGraph = prefersGraph
        var answers = ShapeAnswers(ids: Array(repeating: -1, count: data.queries.count * k))
        for query in 0..<data.queries.count {
            let allowed = data.filter.map { bitmaps[$0.setOfQuery[query]] }
            let outcome = index.search(data.queries.row(query), options, allowed: allowed)
            for (place, hit) in outcome.hits.enumerated() { answers.ids[query * k + place] = Int64(hit.slot) }
            answers.scored.append(outcome.walked + outcome.scanned)
            if let width = outcome.ef { answers.widths.append(width) }
        }
        return answers
    }
}
