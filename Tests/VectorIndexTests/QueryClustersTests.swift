import Quantization
import Testing
import VectorIndex

@Suite struct QueryClustersTests {
    private static let dimensions = 24

    /// Vectors around `centers` centres of length 1, a tenth as far from them.
    private func groups(_ centers: Int, each: Int, _ random: inout RandomSource) -> [[[Float]]] {
        (0..<centers).map { _ in
            let center = direction(&random)
            return (0..<each).map { _ in zip(center, direction(&random)).map { $0 + 0.1 * $1 } }
        }
    }

    private func direction(_ random: inout RandomSource) -> [Float] {
        var vector = (0..<Self.dimensions).map { _ in Float.random(in: -1...1, using: &random) }
        Normalization.normalize(&vector)
        return vector
    }

    private func refined(
        _ vectors: [[Float]], metric: Metric, count: Int, _ random: inout RandomSource
    ) -> (clusters: QueryClusters, assigned: [Int]) {
        var clusters = QueryClusters(vectors, metric: metric, count: count, using: &random)
        var assigned: [Int] = []
        while clusters.refine(vectors, &assigned) {}
        return (clusters, assigned)
    }

    @Test(arguments: [Metric.cosine, .dot, .euclid, .manhattan])
    func aSmallGroupFarFromTheOthersGetsItsOwnCluster(_ metric: Metric) {
        var random = RandomSource(seed: 5)
        for _ in 0..<20 {
            // One of fifty.
            var groups = groups(2, each: 490, &random)
            groups[1].removeLast(480)
            let vectors = groups[0] + groups[1]
            let (clusters, assigned) = refined(vectors, metric: metric, count: 4, &random)
            let few = Set(assigned[490...])
            #expect(few.isDisjoint(with: assigned[..<490]))
            for (vector, cluster) in zip(vectors, assigned) {
                // Directions alone count for dot product.
                let found = clusters.cluster(of: metric == .dot ? vector.map { $0 * 1_000 } : vector)
                #expect(found == (cluster, true))
            }
        }
    }

    @Test(arguments: [Metric.cosine, .dot, .euclid])
    func queriesOfAnotherKindAreTold(_ metric: Metric) {
        var random = RandomSource(seed: 6)
        let groups = groups(3, each: 400, &random)
        let sample = groups.flatMap { $0[..<200] }
        let (clusters, _) = refined(sample, metric: metric, count: 8, &random)
        let alike = groups.flatMap { $0[200...] }.count { clusters.cluster(of: $0).isWithin }
        #expect(alike >= 590, "of 600 of the sample's kind")
        #expect((0..<600).count { _ in clusters.cluster(of: direction(&random)).isWithin } < 10)
    }

    @Test func thereAreNoMoreClustersThanVectors() {
        var random = RandomSource(seed: 7)
        let same = Array(repeating: direction(&random), count: 40)
        let (clusters, assigned) = refined(same, metric: .cosine, count: 16, &random)
        #expect(clusters.count == 1 && assigned == Array(repeating: 0, count: 40))
        #expect(clusters.cluster(of: same[0]) == (0, true))
        // Squares of these overflow.
        let huge = (0..<40).map { n in direction(&random).map { $0 * (n % 2 == 0 ? 3e38 : 1) } }
        let (_, places) = refined(huge, metric: .euclid, count: 4, &random)
        #expect(places.count == 40)
        let zero = Array(repeating: Array(repeating: Float(0), count: Self.dimensions), count: 20)
        #expect(refined(zero, metric: .dot, count: 4, &random).assigned == Array(repeating: 0, count: 20))
    }
}
