import Foundation

// Surfaces of few dimensions in a space of many.

extension Shape {
    static let surfaces = [
        surface("sphere", "a sphere of 10 dimensions", axes: 11) { random in random.direction(11) },
        surface("swiss-roll", "a rolled-up strip", axes: 3) { random in
            let angle = 1.5 * Float.pi * (1 + 2 * (1 - random.positiveUnit()))
            let (radius, height) = (angle / (4.5 * .pi), 1.4 * random.positiveUnit())
            return [radius * cos(angle), height, radius * sin(angle)]
        },
    ]

    /// A surface of about length 1 in 256 dimensions, turned at random, with 1 % noise in all directions.
    ///
    /// - Parameter point: draws a point of the surface: `float[axes]`.
    private static func surface(
        _ name: String, _ summary: String, axes: Int, point: @escaping @Sendable (inout ShapeRandom) -> [Float]
    ) -> Shape {
        Shape(
            name: name, summary: "\(summary) in 256 dimensions, 1 % noise", metric: .euclid, dimensions: 256
        ) { maker in
            // Directions at random: in so many dimensions nearly at right angles.
            let directions = (0..<axes).map { _ in maker.random.direction(maker.dimensions) }
            func fill(_ row: ShapeRow, _ random: inout ShapeRandom) {
                for (factor, direction) in zip(point(&random), directions) {
                    for axis in row.indices { row[axis] += factor * direction[axis] }
                }
                random.addNoise(0.01, to: row)
            }
            return ShapeData(
                base: try maker.base { _, row, random in fill(row, &random) },
                queries: try maker.queries { _, row, random in fill(row, &random) })
        }
    }
}
