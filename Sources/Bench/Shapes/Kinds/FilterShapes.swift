// Searches that may return a part of the rows alone.

extension Shape {
    static let filters = [
        Shape(
            name: "filter-random", summary: "200 clusters with 50 % noise; filters that allow a random tenth",
            metric: .cosine, dimensions: 128
        ) { maker in
            let clusters = Clusters(maker.scaled(200), dimensions: maker.dimensions, noise: 0.5, &maker.random)
            let base = try maker.base { _, row, random in clusters.add(to: row, &random) }
            let sets = (0..<10).map { _ in
                var set = RowSet(bound: base.count)
                let allowed = (0..<base.count).shuffled(using: &maker.random).prefix(max(10, base.count / 10))
                for row in allowed { set.insert(row) }
                return set
            }
            return ShapeData(
                base: base, queries: try maker.queries { _, row, random in clusters.add(to: row, &random) },
                filter: ShapeFilter(sets: sets, setOfQuery: (0..<maker.queryCount).map { $0 % sets.count }))
        },
        Shape(
            name: "filter-population",
            summary: "two populations of 100 clusters about opposite means; the filter allows the larger (70 %)",
            metric: .cosine, dimensions: 128, populations: ["near allowed rows", "near excluded rows"]
        ) { maker in
            let mean = maker.random.direction(maker.dimensions)
            let clusters = (0..<2).map { _ in
                Clusters(maker.scaled(100), dimensions: maker.dimensions, noise: 0.5, &maker.random)
            }
            func fill(_ row: ShapeRow, _ population: Int, _ random: inout ShapeRandom) {
                for axis in row.indices { row[axis] = population == 0 ? mean[axis] : -mean[axis] }
                clusters[population].add(to: row, &random)
            }
            var allowed = RowSet(bound: maker.rowCount)
            let base = try maker.base { index, row, random in
                let isAllowed = index % 10 < 7
                if isAllowed { allowed.insert(index) }
                fill(row, isAllowed ? 0 : 1, &random)
            }
            return ShapeData(
                base: base, queries: try maker.queries { query, row, random in fill(row, query % 2, &random) },
                filter: ShapeFilter(sets: [allowed], setOfQuery: Array(repeating: 0, count: maker.queryCount)),
                populations: (0..<maker.queryCount).map { $0 % 2 })
        },
    ]
}
