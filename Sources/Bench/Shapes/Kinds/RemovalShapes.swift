// Rows that are removed after they were linked: walks pass through many that they may not return.

extension Shape {
    static let removals = [
        churn("churn", "60 % of the rows replaced by others in 6 rounds", comeBack: false),
        churn("churn-return", "60 % of the rows removed and published again in 6 rounds", comeBack: true),
        Shape(
            name: "removed-clusters", summary: "200 clusters with 50 % noise, half of the clusters removed",
            metric: .cosine, dimensions: 128
        ) { maker in
            let clusters = Clusters(maker.scaled(200), dimensions: maker.dimensions, noise: 0.5, &maker.random)
            var removed: [Int] = []
            let base = try maker.base { index, row, random in
                let cluster = random.below(clusters.count)
                if cluster % 2 == 1 { removed.append(index) }
                clusters.add(cluster, to: row, &random)
            }
            return ShapeData(
                base: base, queries: try maker.queries { _, row, random in clusters.add(to: row, &random) },
                steps: [.publish(upTo: base.count), .remove(removed)])
        },
        Shape(
            name: "removed-half", summary: "200 clusters with 50 % noise, a random half of the rows removed",
            metric: .cosine, dimensions: 128
        ) { maker in
            let clusters = Clusters(maker.scaled(200), dimensions: maker.dimensions, noise: 0.5, &maker.random)
            let base = try maker.base { _, row, random in clusters.add(to: row, &random) }
            let removed = (0..<base.count).shuffled(using: &maker.random).prefix(base.count / 2).sorted()
            return ShapeData(
                base: base, queries: try maker.queries { _, row, random in clusters.add(to: row, &random) },
                steps: [.publish(upTo: base.count), .remove(removed)])
        },
    ]

    /// In each of six rounds a tenth of the first rows goes, and as many rows are published behind the others.
    ///
    /// - Parameter comeBack: whether those are the removed vectors again.
    private static func churn(_ name: String, _ summary: String, comeBack: Bool) -> Shape {
        Shape(
            name: name, summary: "200 clusters with 50 % noise, \(summary)", metric: .cosine, dimensions: 128,
            rows: 80_000
        ) { maker in
            let clusters = Clusters(maker.scaled(200), dimensions: maker.dimensions, noise: 0.5, &maker.random)
            let round = maker.rowCount / 16
            let first = maker.rowCount - 6 * round
            let order = (0..<first).shuffled(using: &maker.random)
            // Row i of the later ones takes the place of row order[i − first].
            let drawn = try maker.base { _, row, random in clusters.add(to: row, &random) }
            let base = try maker.base { index, row, _ in
                let source = comeBack && index >= first ? order[index - first] : index
                _ = row.update(fromContentsOf: drawn.row(source))
            }
            var steps = [ShapeStep.publish(upTo: first)]
            for number in 0..<6 {
                steps.append(.remove(order[number * round..<(number + 1) * round].sorted()))
                steps.append(.publish(upTo: first + (number + 1) * round))
            }
            return ShapeData(
                base: base, queries: try maker.queries { _, row, random in clusters.add(to: row, &random) },
                steps: steps)
        }
    }
}
