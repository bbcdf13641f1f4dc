import Quantization

// Gaussian mixtures in few dimensions.

extension Shape {
    static let mixtures =
        [2, 3, 8, 16, 32].map { mixture("mixture-\($0)", .euclid, $0) } + [mixture("manhattan-24", .manhattan, 24)]

    private static func mixture(_ name: String, _ metric: Metric, _ dimensions: Int) -> Shape {
        Shape(
            name: name, summary: "mixture of 100 Gaussians of deviation 0.2, their means of deviation 1",
            metric: metric, dimensions: dimensions
        ) { maker in
            let mixture = Mixture(maker.scaled(100), dimensions: dimensions, &maker.random)
            return ShapeData(
                base: try maker.base { _, row, random in mixture.fill(row, &random) },
                queries: try maker.queries { _, row, random in mixture.fill(row, &random) })
        }
    }
}

/// Gaussians of deviation 0.2 a component; their means have deviation 1.
struct Mixture: Sendable {
    private let means: [[Float]]

    init(_ count: Int, dimensions: Int, _ random: inout ShapeRandom) {
        means = (0..<count).map { _ in (0..<dimensions).map { _ in random.normal() } }
    }

    func fill(_ row: ShapeRow, _ random: inout ShapeRandom) {
        let mean = means[random.below(means.count)]
        for axis in row.indices { row[axis] = mean[axis] + 0.2 * random.normal() }
    }
}
