// Data whose neighbours no graph finds at these widths; for information.

extension Shape {
    static let hard = [
        Shape(
            name: "isotropic", summary: "directions at random", metric: .cosine, dimensions: 128, isHard: true
        ) { maker in
            ShapeData(
                base: try maker.base { _, row, random in random.addNoise(1, to: row) },
                queries: try maker.queries { _, row, random in random.addNoise(1, to: row) })
        },
        Shape(
            name: "outside-queries", summary: "200 clusters with 50 % noise about a mean; queries lie opposite to it",
            metric: .cosine, dimensions: 128, isHard: true
        ) { maker in
            let mean = maker.random.direction(maker.dimensions)
            let clusters = Clusters(maker.scaled(200), dimensions: maker.dimensions, noise: 0.5, &maker.random)
            return ShapeData(
                base: try maker.base { _, row, random in
                    _ = row.update(fromContentsOf: mean)
                    clusters.add(to: row, &random)
                },
                queries: try maker.queries { _, row, random in
                    for axis in row.indices { row[axis] = -mean[axis] }
                    random.addNoise(1, to: row)
                })
        },
    ]
}
