import Foundation
import Quantization

// Vectors of zeros and ones, and other vectors whose components take few values: many scores are equal.

extension Shape {
    static let bits =
        [Metric.euclid, .cosine, .manhattan].map { metric in
            Shape(
                name: "bits-\(metric)", summary: "0/1 vectors: 300 patterns with 15 % of the bits turned over",
                metric: metric, dimensions: 256
            ) { maker in
                let patterns = (0..<maker.scaled(300)).map { _ in
                    (0..<maker.dimensions).map { _ in Bool.random(using: &maker.random) }
                }
                func fill(_ row: ShapeRow, _ random: inout ShapeRandom) {
                    let pattern = patterns[random.below(patterns.count)]
                    for axis in row.indices {
                        let isTurned = random.positiveUnit() <= 0.15
                        row[axis] = pattern[axis] != isTurned ? 1 : 0
                    }
                }
                return ShapeData(
                    base: try maker.base { _, row, random in fill(row, &random) },
                    queries: try maker.queries { _, row, random in fill(row, &random) })
            }
        } + [lattice, gradients]

    private static let lattice = Shape(
        name: "lattice", summary: "points of an integer grid of side 4: many neighbours are equally far",
        metric: .euclid, dimensions: 10
    ) { maker in
        func fill(_ row: ShapeRow, _ random: inout ShapeRandom) {
            for axis in row.indices { row[axis] = Float(random.below(4)) }
        }
        return ShapeData(
            base: try maker.base { _, row, random in fill(row, &random) },
            queries: try maker.queries { _, row, random in fill(row, &random) })
    }

    /// Like SIFT: 16 histograms of 8 gradients each, of few large and many small values, of length 512 and cut at 255.
    private static let gradients = Shape(
        name: "uint8-gradients", summary: "rows of bytes like SIFT's histograms of gradients, 300 kinds of patches",
        metric: .euclid, dimensions: 128, element: .uint8
    ) { maker in
        let patches = (0..<maker.scaled(300)).map { _ in
            (0..<maker.dimensions).map { _ in
                let value = -log(maker.random.positiveUnit())
                return value * value
            }
        }
        func fill(_ row: ShapeRow, _ random: inout ShapeRandom) {
            let patch = patches[random.below(patches.count)]
            var squares: Float = 0
            for axis in row.indices {
                row[axis] = max(0, patch[axis] * (1 + 0.4 * random.normal()) + 0.3 * random.normal())
                squares += row[axis] * row[axis]
            }
            let scale = 512 / squares.squareRoot()
            for axis in row.indices { row[axis] = min(255, (row[axis] * scale).rounded(.down)) }
        }
        return ShapeData(
            base: try maker.base { _, row, random in fill(row, &random) },
            queries: try maker.queries { _, row, random in fill(row, &random) })
    }
}
