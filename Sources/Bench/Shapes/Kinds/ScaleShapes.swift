// Distances of very different scales, and rows far from the origin.

extension Shape {
    static let scales = [
        Shape(
            name: "two-scales", summary: "half of the rows spread over length 1, the others over a thousandth",
            metric: .euclid, dimensions: 64, populations: ["wide", "tight"]
        ) { maker in
            let center = maker.random.direction(maker.dimensions)
            let clusters = Clusters(maker.scaled(100), dimensions: maker.dimensions, noise: 0.5, &maker.random)
            func fill(_ row: ShapeRow, _ population: Int, _ random: inout ShapeRandom) {
                clusters.add(to: row, &random)
                guard population == 1 else { return }
                for axis in row.indices { row[axis] = center[axis] + 0.001 * row[axis] }
            }
            return ShapeData(
                base: try maker.base { index, row, random in fill(row, index % 2, &random) },
                queries: try maker.queries { query, row, random in fill(row, query % 2, &random) },
                populations: (0..<maker.queryCount).map { $0 % 2 })
        },
        Shape(
            name: "far-offset", summary: "100 clusters with 50 % noise, 100 times their length away from the origin",
            metric: .euclid, dimensions: 64
        ) { maker in
            let offset = maker.random.direction(maker.dimensions).map { 100 * $0 }
            let clusters = Clusters(maker.scaled(100), dimensions: maker.dimensions, noise: 0.5, &maker.random)
            func fill(_ row: ShapeRow, _ random: inout ShapeRandom) {
                _ = row.update(fromContentsOf: offset)
                clusters.add(to: row, &random)
            }
            return ShapeData(
                base: try maker.base { _, row, random in fill(row, &random) },
                queries: try maker.queries { _, row, random in fill(row, &random) })
        },
    ]
}
