// A minority of rows without structure, far from a clustered majority: its rows link to the majority or to nothing.

extension Shape {
    static let minorities =
        [2500, 1500, 1000, 500].map { minority("minority-\($0)", count: $0, place: 0, "first") } + [
            minority("minority-middle", count: 1000, place: 0.5, "in the middle"),
            minority("minority-last", count: 1000, place: 1, "last"),
            minority("minority-later", count: 1000, place: 1, "when the others are linked", isLater: true),
        ]

    /// `count` rows in random directions about one mean, the others in 200 clusters about the opposite mean. All queries
    /// are from the minority.
    ///
    /// - Parameters:
    ///   - place: share of the majority that is inserted before the minority.
    ///   - isLater: whether what comes before the minority is linked when it comes.
    private static func minority(
        _ name: String, count: Int, place: Double, _ when: String, isLater: Bool = false
    ) -> Shape {
        Shape(
            name: name, summary: "\(count) rows without clusters, inserted \(when), far from 200 clusters",
            metric: .cosine, dimensions: 128, queries: 200
        ) { maker in
            let offset = 1 / Float(maker.dimensions).squareRoot()
            let clusters = Clusters(maker.scaled(200), dimensions: maker.dimensions, noise: 0.7, &maker.random)
            let minority = maker.scaled(count, least: 10)
            let first = Int(Double(maker.rowCount - minority) * place)
            func member(_ row: ShapeRow, _ random: inout ShapeRandom) {
                for (axis, value) in random.direction(row.count).enumerated() { row[axis] = value + offset }
            }
            let base = try maker.base { index, row, random in
                if (first..<first + minority).contains(index) { return member(row, &random) }
                clusters.add(to: row, &random)
                for axis in row.indices { row[axis] -= 2 * offset }
            }
            return ShapeData(
                base: base, queries: try maker.queries { _, row, random in member(row, &random) },
                steps: (isLater ? [.publish(upTo: first)] : []) + [.publish(upTo: maker.rowCount)])
        }
    }
}
