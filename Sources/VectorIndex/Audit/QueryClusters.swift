import Quantization

/// Query vectors in clusters of near ones, by k-means (Lloyd, 1982), begun as k-means++ begins (Arthur and Vassilvitskii,
/// 2007).
///
/// Clusters tell kinds of queries apart: a small population far from the rest gets a cluster of its own, because a first
/// centre is the likelier drawn the farther it is from the others. For cosine and dot product only directions count, since a
/// query's length doesn't decide what is found.
public struct QueryClusters: Sendable {
    /// Rows of the centres, one after the other.
    private var centers: [Float]
    /// By cluster: the squared distance of its farthest vector from the centre.
    private var radii: [Float]
    private let comparesDirections: Bool
    private let scorer: ExactScorer

    /// How much farther from its centre than all of a sample a query of the sample's kind may be: squared distances.
    private static let slack: Float = 1.2

    /// Draws the centres from the vectors. ``refine(_:)`` improves them.
    ///
    /// - Parameters:
    ///   - vectors: `dimensions` elements each, as the index is searched with; not empty.
    ///   - count: clusters, at least 1; fewer where fewer vectors differ.
    /// - Complexity: O(count · vectors · dimensions).
    public init(
        _ vectors: [[Float]], metric: Metric, count: Int, using random: inout some RandomNumberGenerator
    ) {
        precondition(!vectors.isEmpty && count >= 1)
        comparesDirections = metric == .cosine || metric == .dot
        scorer = ExactScorer(metric: .euclid, element: .float32, dimensions: vectors[0].count)
        centers = []
        radii = []
        var nearest = Array(repeating: Float.infinity, count: vectors.count)
        var next = Int.random(in: 0..<vectors.count, using: &random)
        for _ in 0..<count {
            centers += comparable(vectors[next])
            radii.append(0)
            var sum = 0.0
            for (place, vector) in vectors.enumerated() {
                nearest[place] = min(nearest[place], squaredDistance(comparable(vector), radii.count - 1))
                sum += Double(nearest[place])
            }
            guard sum > 0, sum.isFinite else { break }
            var rest = Double.random(in: 0..<sum, using: &random)
            next =
                nearest.firstIndex { distance in
                    rest -= Double(distance)
                    return rest < 0
                } ?? nearest.indices.max { nearest[$0] < nearest[$1] } ?? 0
        }
    }

    public var count: Int { radii.count }

    /// Moves each centre to the mean of its vectors, and measures how far they lie from it. Returns whether any went to
    /// another cluster than before.
    ///
    /// - Parameters:
    ///   - vectors: as given to the initialiser.
    ///   - assigned: the cluster of each vector; empty at first.
    /// - Complexity: O(clusters · vectors · dimensions).
    public mutating func refine(_ vectors: [[Float]], _ assigned: inout [Int]) -> Bool {
        let dimensions = scorer.dimensions
        var sums = Array(repeating: Float(0), count: centers.count)
        var members = Array(repeating: 0, count: count)
        let before = assigned
        assigned = vectors.map { vector in
            let vector = comparable(vector)
            let cluster = nearest(to: vector).cluster
            members[cluster] += 1
            for i in 0..<dimensions { sums[cluster * dimensions + i] += vector[i] }
            return cluster
        }
        for cluster in 0..<count where members[cluster] > 0 {
            for i in cluster * dimensions..<(cluster + 1) * dimensions {
                centers[i] = sums[i] / Float(members[cluster])
            }
        }
        radii = Array(repeating: 0, count: count)
        for (vector, cluster) in zip(vectors, assigned) {
            radii[cluster] = max(radii[cluster], squaredDistance(comparable(vector), cluster))
        }
        return assigned != before
    }

    /// The cluster whose centre is nearest, and whether the query is about as near to it as those that it was made from.
    ///
    /// - Parameter query: `dimensions` elements, as the index is searched with.
    /// - Complexity: O(clusters · dimensions).
    public func cluster(of query: [Float]) -> (cluster: Int, isWithin: Bool) {
        let (cluster, distance) = nearest(to: comparable(query))
        return (cluster, distance <= Self.slack * radii[cluster])
    }

    private func nearest(to vector: [Float]) -> (cluster: Int, distance: Float) {
        var best = (cluster: 0, distance: Float.infinity)
        for cluster in 0..<count {
            let distance = squaredDistance(vector, cluster)
            if distance < best.distance { best = (cluster, distance) }
        }
        return best
    }

    private func squaredDistance(_ vector: [Float], _ cluster: Int) -> Float {
        vector.withUnsafeBufferPointer { vector in
            centers.withUnsafeBufferPointer { centers in
                guard let vector = vector.baseAddress, let centers = centers.baseAddress else { return 0 }
                return -scorer.score(vector, queryFactor: 1, row: centers + cluster * scorer.dimensions)
            }
        }
    }

    private func comparable(_ vector: [Float]) -> [Float] {
        guard comparesDirections else { return vector }
        var direction = vector
        Normalization.normalize(&direction)
        return direction
    }
}
