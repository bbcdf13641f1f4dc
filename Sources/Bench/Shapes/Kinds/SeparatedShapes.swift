// Populations that no neighbour of the other population leads to.

extension Shape {
    static let separated = [
        halves("orthogonal-halves", "100 clusters with 70 % noise", clusters: 100),
        halves("orthogonal-directions", "directions at random", clusters: nil),
    ]

    /// The first half of the rows lies in the first half of the axes, the second in the other: their cosines are 0.
    ///
    /// - Parameter clusters: of each half; `nil`: directions at random.
    private static func halves(_ name: String, _ summary: String, clusters count: Int?) -> Shape {
        Shape(
            name: name, summary: "two populations, each in its own half of the axes: \(summary)",
            metric: .cosine, dimensions: 256, populations: ["first axes", "last axes"]
        ) { maker in
            let half = maker.dimensions / 2
            let clusters = count.map { count in
                (0..<2).map { _ in Clusters(maker.scaled(count), dimensions: half, noise: 0.7, &maker.random) }
            }
            func fill(_ row: ShapeRow, _ population: Int, _ random: inout ShapeRandom) {
                let axes = ShapeRow(rebasing: row[population * half..<(population + 1) * half])
                if let clusters {
                    clusters[population].add(to: axes, &random)
                } else {
                    random.addNoise(1, to: axes)
                }
            }
            let count = maker.rowCount
            return ShapeData(
                base: try maker.base { index, row, random in fill(row, index < count / 2 ? 0 : 1, &random) },
                queries: try maker.queries { query, row, random in fill(row, query % 2, &random) },
                populations: (0..<maker.queryCount).map { $0 % 2 })
        }
    }
}
