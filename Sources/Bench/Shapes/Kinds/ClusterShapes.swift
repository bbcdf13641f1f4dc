import Foundation
import Quantization

// Clusters of equal and of unequal sizes, in high dimensions.

extension Shape {
    static let clusters = [
        clustered("euclid-copies", .euclid, 200, noise: 0.001),
        // More rows in each than a walk is wide.
        clustered("euclid-copies-1000", .euclid, 50, noise: 0.0001, dimensions: 64),
        clustered("cosine-copies-1000", .cosine, 50, noise: 0.001, dimensions: 64),
        clustered("euclid-clusters", .euclid, 200, noise: 0.03),
        clustered("euclid-clusters-q99", .euclid, 200, noise: 0.03, quantile: 0.99),
        clustered("cosine-copies", .cosine, 200, noise: 0.003),
        clustered("cosine-clusters", .cosine, 200, noise: 0.03, queries: 2000),
        clustered("cosine-clusters-2000", .cosine, 2000, noise: 0.03, queries: 2000),
        clustered("float16-clusters", .cosine, 200, noise: 0.7, dimensions: 768, element: .float16),
        zipf,
    ]

    /// Clusters of about equal sizes; queries are from the same clusters.
    private static func clustered(
        _ name: String, _ metric: Metric, _ count: Int, noise: Float, dimensions: Int = 128,
        element: ElementType = .float32, quantile: Float? = nil, queries: Int = usualQueries
    ) -> Shape {
        let stored = element == .float32 ? "" : ", rows of \(element)"
        let covered = quantile.map { ", quantile \($0)" } ?? ""
        return Shape(
            name: name,
            summary:
                "\(count) clusters with \(fixed(Double(noise) * 100, noise < 0.001 ? 2 : noise < 0.01 ? 1 : 0)) % noise\(stored)\(covered)",
            metric: metric, dimensions: dimensions, element: element, quantile: quantile, queries: queries
        ) { maker in
            let clusters = Clusters(maker.scaled(count), dimensions: dimensions, noise: noise, &maker.random)
            return ShapeData(
                base: try maker.base { _, row, random in clusters.add(to: row, &random) },
                queries: try maker.queries { _, row, random in clusters.add(to: row, &random) })
        }
    }

    /// The cluster of rank r has a share of rows proportional to 1/r; queries choose among the clusters uniformly.
    private static let zipf = Shape(
        name: "zipf-clusters", summary: "500 clusters, the r-th of a size proportional to 1/r; each is asked as often",
        metric: .cosine, dimensions: 128, populations: ["large clusters", "medium clusters", "small clusters"]
    ) { maker in
        let clusters = Clusters(maker.scaled(500), dimensions: maker.dimensions, noise: 0.4, &maker.random)
        var total = 0.0
        let sums = (1...clusters.count).map { rank in
            total += 1 / Double(rank)
            return total
        }
        let base = try maker.base { _, row, random in
            let share = Double.random(in: 0..<total, using: &random)
            clusters.add(sums.firstIndex { share < $0 } ?? 0, to: row, &random)
        }
        var populations: [Int] = []
        let queries = try maker.queries { _, row, random in
            let cluster = random.below(clusters.count)
            populations.append(3 * cluster / clusters.count)
            clusters.add(cluster, to: row, &random)
        }
        return ShapeData(base: base, queries: queries, populations: populations)
    }
}
