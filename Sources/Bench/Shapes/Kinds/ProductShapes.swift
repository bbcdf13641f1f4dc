import Foundation

// Dot products of rows of very different lengths: the longest rows are near to many queries.

extension Shape {
    static let products = [
        lognormal("dot-lognormal", "directions at random, log-normal lengths (σ = 1)"),
        lognormal(
            "dot-lognormal-q99", "directions at random, log-normal lengths (σ = 1), quantile 0.99", quantile: 0.99),
        lognormal(
            "dot-lognormal-outlier", "directions at random, log-normal lengths (σ = 1), one row 1,000 times as long",
            outlier: 1000),
        Shape(
            name: "dot-norm-clusters", summary: "200 clusters with 30 % noise; each has its own length, log-normal",
            metric: .dot, dimensions: 128
        ) { maker in
            let clusters = Clusters(maker.scaled(200), dimensions: maker.dimensions, noise: 0.3, &maker.random)
            let lengths = (0..<clusters.count).map { _ in exp(0.7 * maker.random.normal()) }
            let base = try maker.base { _, row, random in
                let cluster = random.below(clusters.count)
                clusters.add(cluster, to: row, &random)
                for axis in row.indices { row[axis] *= lengths[cluster] }
            }
            return ShapeData(
                base: base, queries: try maker.queries { _, row, random in clusters.add(to: row, &random) })
        },
    ]

    /// Rows in random directions with log-normal lengths; queries in random directions.
    ///
    /// - Parameter outlier: by what one row's length is multiplied.
    private static func lognormal(
        _ name: String, _ summary: String, quantile: Float? = nil, outlier: Float = 1
    ) -> Shape {
        Shape(name: name, summary: summary, metric: .dot, dimensions: 384, quantile: quantile) { maker in
            let longest = maker.random.below(maker.rowCount)
            func fill(_ row: ShapeRow, length: Float, _ random: inout ShapeRandom) {
                for (axis, value) in random.direction(row.count).enumerated() { row[axis] = value * length }
            }
            let base = try maker.base { index, row, random in
                let length = exp(random.normal()) * (index == longest ? outlier : 1)
                fill(row, length: length, &random)
            }
            return ShapeData(
                base: base, queries: try maker.queries { _, row, random in fill(row, length: 1, &random) })
        }
    }
}
