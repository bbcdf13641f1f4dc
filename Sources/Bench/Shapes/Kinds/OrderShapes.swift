// Rows that are inserted in the order of their places: early links can't lead far.

extension Shape {
    static let orders = [
        Shape(
            name: "sorted-clusters", summary: "200 clusters with 50 % noise, inserted one after the other",
            metric: .cosine, dimensions: 128
        ) { maker in
            let clusters = Clusters(maker.scaled(200), dimensions: maker.dimensions, noise: 0.5, &maker.random)
            let count = maker.rowCount
            return ShapeData(
                base: try maker.base { index, row, random in
                    clusters.add(index * clusters.count / count, to: row, &random)
                },
                queries: try maker.queries { _, row, random in clusters.add(to: row, &random) })
        },
        Shape(
            name: "sorted-axis", summary: "mixture of 100 Gaussians, inserted by rising first component",
            metric: .euclid, dimensions: 32
        ) { maker in
            let mixture = Mixture(maker.scaled(100), dimensions: maker.dimensions, &maker.random)
            let unsorted = try maker.base { _, row, random in mixture.fill(row, &random) }
            let order = (0..<unsorted.count).sorted { unsorted.row($0)[0] < unsorted.row($1)[0] }
            return ShapeData(
                base: try maker.base { index, row, _ in _ = row.update(fromContentsOf: unsorted.row(order[index])) },
                queries: try maker.queries { _, row, random in mixture.fill(row, &random) })
        },
    ]
}
