import Foundation
import Quantization

// Components of very different sizes: few large ones decide a score.

extension Shape {
    static let tails =
        [Metric.euclid, .cosine].map { metric in
            Shape(
                name: "student-\(metric)", summary: "components of Student's t with 2 degrees of freedom",
                metric: metric, dimensions: 32
            ) { maker in
                func fill(_ row: ShapeRow, _ random: inout ShapeRandom) {
                    for axis in row.indices {
                        // χ² with two degrees is −2·log(u), so this is a normal by the root of χ² / 2.
                        let spread = max(-log(random.positiveUnit()), 0x1p-32)
                        row[axis] = random.normal() / spread.squareRoot()
                    }
                }
                return ShapeData(
                    base: try maker.base { _, row, random in fill(row, &random) },
                    queries: try maker.queries { _, row, random in fill(row, &random) })
            }
        }
        + [Metric.cosine, .dot].map { metric in
            Shape(
                name: "sparse-\(metric)",
                summary: "95 % zeros, positive values mostly on the axes of one of 100 topics",
                metric: metric, dimensions: 512
            ) { maker in
                let (dimensions, kept) = (maker.dimensions, maker.dimensions / 20)
                let topics = (0..<maker.scaled(100)).map { _ in
                    (0..<60).map { _ in maker.random.below(dimensions) }
                }
                func fill(_ row: ShapeRow, _ random: inout ShapeRandom) {
                    let topic = topics[random.below(topics.count)]
                    for _ in 0..<kept {
                        let isOfTopic = random.positiveUnit() <= 0.7
                        let axis = isOfTopic ? topic[random.below(topic.count)] : random.below(dimensions)
                        row[axis] = -log(random.positiveUnit())
                    }
                }
                return ShapeData(
                    base: try maker.base { _, row, random in fill(row, &random) },
                    queries: try maker.queries { _, row, random in fill(row, &random) })
            }
        }
        + [
            Shape(
                name: "unequal-axes", summary: "mixture of 100 Gaussians; deviations of the axes fall from 10 to 0.01",
                metric: .euclid, dimensions: 64
            ) { maker in
                let mixture = Mixture(maker.scaled(100), dimensions: maker.dimensions, &maker.random)
                let scales = (0..<maker.dimensions).map { Float(pow(10, 1 - 3 * Double($0) / 63)) }
                    .shuffled(using: &maker.random)
                func fill(_ row: ShapeRow, _ random: inout ShapeRandom) {
                    mixture.fill(row, &random)
                    for axis in row.indices { row[axis] *= scales[axis] }
                }
                return ShapeData(
                    base: try maker.base { _, row, random in fill(row, &random) },
                    queries: try maker.queries { _, row, random in fill(row, &random) })
            }
        ]
}
