// Long vectors like those of language models.

extension Shape {
    static let embeddings =
        [1536, 3072].map { dimensions in
            Shape(
                name: "spectrum-\(dimensions)", summary: "50 clusters; deviation of component i falls as 1/√(i + 10)",
                metric: .cosine, dimensions: dimensions, rows: 10_000
            ) { maker in
                let spectrum = (0..<dimensions).map { 1 / Float($0 + 10).squareRoot() }
                let centers = (0..<maker.scaled(50)).map { _ in spectrum.map { $0 * maker.random.normal() } }
                func fill(_ row: ShapeRow, _ random: inout ShapeRandom) {
                    let center = centers[random.below(centers.count)]
                    for axis in row.indices { row[axis] = center[axis] + 0.8 * spectrum[axis] * random.normal() }
                }
                return ShapeData(
                    base: try maker.base { _, row, random in fill(row, &random) },
                    queries: try maker.queries { _, row, random in fill(row, &random) })
            }
        } + [
            Shape(
                name: "strong-mean", summary: "100 clusters with 70 % noise about a mean of 5 times their length",
                metric: .cosine, dimensions: 256
            ) { maker in
                let mean = maker.random.direction(maker.dimensions)
                let clusters = Clusters(maker.scaled(100), dimensions: maker.dimensions, noise: 0.7, &maker.random)
                func fill(_ row: ShapeRow, _ random: inout ShapeRandom) {
                    for axis in row.indices { row[axis] = 5 * mean[axis] }
                    clusters.add(to: row, &random)
                }
                return ShapeData(
                    base: try maker.base { _, row, random in fill(row, &random) },
                    queries: try maker.queries { _, row, random in fill(row, &random) })
            }
        ]
}
