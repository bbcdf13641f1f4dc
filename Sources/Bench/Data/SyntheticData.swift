import Foundation
import JSON
import Quantization

/// Vectors for a run without data: a mixture of clusters whose directions have a falling spectrum, as embeddings' have.
enum SyntheticData {
    static let dimensions = 768

    static func make(rows: Int, queries: Int, k: Int, metric: Metric, seed: UInt64) throws -> Dataset {
        guard rows >= k, queries > 0 else { throw BenchError("needs at least \(k) rows and one query") }
        var random = RandomSource(seed: seed)
        let clusters = 64
        let spectrum = (0..<dimensions).map { 1 / Float($0 + 10).squareRoot() }
        let centers = (0..<clusters).map { _ in spectrum.map { $0 * random.normal() } }
        func row() -> [Float] {
            let center = centers[Int(random.next() % UInt64(clusters))]
            return zip(center, spectrum).map { $0 + 0.8 * $1 * random.normal() }
        }
        let base = try FloatRows(count: rows, dimensions: dimensions, normalising: metric == .cosine) { _ in row() }
        let targets = try FloatRows(count: queries, dimensions: dimensions, normalising: metric == .cosine) { _ in row()
        }
        let best = try ExactScore.best(k, rows: base, queries: targets, metric: metric, label: "true neighbours")
        let judge = try Judge(
            rows: base, queries: targets, metric: metric, k: k, neighbours: { best[$0].map(\.row) })
        return Dataset(name: "synthetic", rows: base, queries: targets, metric: metric, judge: judge)
    }
}

extension RandomSource {
    /// Normally distributed with mean 0 and variance 1 (Box and Muller, 1958).
    package mutating func normal() -> Float {
        let radius = (-2 * log(1 - Double.random(in: 0..<1, using: &self))).squareRoot()
        return Float(radius * cos(2 * .pi * Double.random(in: 0..<1, using: &self)))
    }
}
