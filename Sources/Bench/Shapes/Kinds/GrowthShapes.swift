import Foundation

// Rows that come over time, of kinds that change: codes and graph were begun with other rows.

extension Shape {
    static let growths = [growth, drift]

    /// Rows about a strong mean: clusters, and noise that lies in few directions.
    private struct Kind {
        private let mean: [Float]
        private let clusters: Clusters
        /// Directions of the noise, each scaled to its share.
        private let directions: [[Float]]

        init(clusters count: Int, dimensions: Int, _ random: inout ShapeRandom) {
            mean = random.direction(dimensions)
            clusters = Clusters(count, dimensions: dimensions, noise: 0.05, &random)
            let shares = (0..<48).map { 1 / Float($0 + 5).squareRoot() }
            let length = shares.reduce(0) { $0 + $1 * $1 }.squareRoot()
            directions = shares.map { share in random.direction(dimensions).map { 0.7 * $0 * share / length } }
        }

        func fill(_ row: ShapeRow, _ random: inout ShapeRandom) {
            clusters.add(to: row, &random)
            for axis in row.indices { row[axis] = mean[axis] + 0.7 * row[axis] }
            for direction in directions {
                let factor = random.normal()
                direction.withUnsafeBufferPointer { for axis in row.indices { row[axis] += factor * $0[axis] } }
            }
        }
    }

    private static let growth = Shape(
        name: "growth", summary: "5,000 rows of one kind, then 95,000 of another with other mean, clusters and axes",
        metric: .cosine, dimensions: 256, rows: 100_000, populations: ["first rows", "later rows"]
    ) { maker in
        let first = maker.scaled(5000, least: 10)
        let kinds = [maker.scaled(50), maker.scaled(200)].map {
            Kind(clusters: $0, dimensions: maker.dimensions, &maker.random)
        }
        return ShapeData(
            base: try maker.base { index, row, random in kinds[index < first ? 0 : 1].fill(row, &random) },
            queries: try maker.queries { query, row, random in kinds[query % 2].fill(row, &random) },
            steps: [.publish(upTo: first), .publish(upTo: maker.rowCount)],
            populations: (0..<maker.queryCount).map { $0 % 2 })
    }

    /// The mean goes from one direction to another in ten equal steps.
    private static let drift = Shape(
        name: "drift", summary: "100 clusters; the mean moves in 10 steps, after each of which a tenth is published",
        metric: .cosine, dimensions: 128, populations: (1...10).map { "part \($0)" }
    ) { maker in
        let clusters = Clusters(maker.scaled(100), dimensions: maker.dimensions, noise: 0.6, &maker.random)
        let ends = [maker.random.direction(maker.dimensions), maker.random.direction(maker.dimensions)]
        func fill(_ row: ShapeRow, part: Int, _ random: inout ShapeRandom) {
            let share = Float(part) / 9
            for axis in row.indices { row[axis] = 1.5 * ((1 - share) * ends[0][axis] + share * ends[1][axis]) }
            clusters.add(to: row, &random)
        }
        let count = maker.rowCount
        return ShapeData(
            base: try maker.base { index, row, random in fill(row, part: 10 * index / count, &random) },
            queries: try maker.queries { query, row, random in fill(row, part: query % 10, &random) },
            // Row i is of part ⌊10·i / count⌋, so a part ends before the first row of the next.
            steps: (1...10).map { .publish(upTo: ($0 * count + 9) / 10) },
            populations: (0..<maker.queryCount).map { $0 % 10 })
    }
}
