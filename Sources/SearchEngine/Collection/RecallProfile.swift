import VectorIndex

/// Recall against the width of walks, for queries of each kind that an audit has told apart: the collection's own points,
/// recent queries, and populations that are harder to find than the rest.
///
/// One curve of all queries would promise each kind what the mean finds. A population of one query in twenty hardly moves
/// that mean, and its own queries would miss their target.
package struct RecallProfile: Sendable {
    /// What one query of an audit found.
    package struct Query: Sendable {
        /// Whether it is a point of the collection.
        package var isOwn: Bool
        /// Whether it was drawn for the sake of its population alone, which now has more than its share of the queries.
        package var isExtra: Bool
        /// Recall of a search that asks for nothing.
        package var recall: Double
        /// By curve, and by the curve's points.
        package var recalls: [[Double]]
        /// By curve: the score of its true k-th.
        package var lastScores: [Float]

        package init(
            isOwn: Bool, isExtra: Bool = false, recall: Double, recalls: [[Double]], lastScores: [Float] = []
        ) {
            self.isOwn = isOwn
            self.isExtra = isExtra
            self.recall = recall
            self.recalls = recalls
            self.lastScores = lastScores
        }
    }

    /// Curves of one kind of queries, by ascending `k`.
    package typealias Curves = [RecallCurve]

    /// Queries that are harder than the rest.
    package struct Population: Sendable {
        package let curves: Curves
        /// Recall of searches that ask for nothing.
        package let recall: RecallCurve.Point
        /// Of the sample's queries, drawn for no population's sake.
        package let share: Double
    }

    /// Of all queries but the extra ones.
    package let overall: Curves
    /// By curve: the least score that the k-th result has for all but one in a hundred queries of the sample; empty where there are
    /// too few queries. A search whose k-th scores less has hardly found the nearest, unless its query is unlike all of the
    /// sample's; in neither case the curves hold.
    package let floors: [SearchOptions.LeastScore]
    package let populations: [Population]
    /// The kinds of what belongs to no population: own points and recent queries, each if it has enough queries to tell.
    private let common: [Curves]
    /// `nil` where queries weren't told apart.
    private let clusters: QueryClusters?
    /// By cluster: the place in ``populations``.
    private let populationOfCluster: [Int: Int]
    /// Clusters of so few queries that they tell nothing.
    private let unknown: Set<Int>

    /// - Parameters:
    ///   - ks: results a query, of each curve.
    ///   - clusters: that queries were told apart by, if they were, and the cluster of each query.
    ///   - hard: clusters that are harder than the rest, hardest first.
    package init(
        _ queries: [Query], ks: [Int], clusters: (QueryClusters, assigned: [Int])? = nil, hard: [Int] = []
    ) {
        func curves(_ queries: [Query]) -> Curves {
            var curves = ks.map { RecallCurve(k: $0) }
            for query in queries {
                for place in curves.indices { curves[place].add(query.recalls[place]) }
            }
            return curves
        }
        let sample = queries.filter { !$0.isExtra }
        overall = curves(sample)
        floors = Self.floors(sample, ks)
        self.clusters = clusters?.0
        let sizes = (clusters?.assigned ?? []).reduce(into: [:]) { $0[$1, default: 0] += 1 }
        unknown = Set(sizes.filter { $0.value < Self.leastMembers }.keys)
        guard let clusters, !hard.isEmpty else {
            populationOfCluster = [:]
            populations = []
            common = Self.kinds(sample).map(curves)
            return
        }
        // Clusters with too few queries to tell share a population with the next hardest.
        var members: [[Query]] = []
        var populationOfCluster: [Int: Int] = [:]
        for cluster in hard {
            let own = zip(queries, clusters.assigned).filter { $0.1 == cluster }.map(\.0)
            if let last = members.last, last.count < RecallCurve.leastQueries {
                members[members.count - 1] += own
            } else {
                members.append(own)
            }
            populationOfCluster[cluster] = members.count - 1
        }
        if members.count > 1, let last = members.last, last.count < RecallCurve.leastQueries {
            members.removeLast()
            members[members.count - 1] += last
            for (cluster, place) in populationOfCluster where place == members.count {
                populationOfCluster[cluster] = place - 1
            }
        }
        self.populationOfCluster = populationOfCluster
        populations = members.map { own in
            var recall = RecallCurve.Point(width: 0)
            for query in own { recall.add(query.recall) }
            return Population(
                curves: curves(own), recall: recall,
                share: Double(own.count { !$0.isExtra }) / Double(max(sample.count, 1)))
        }
        let rest = zip(queries, clusters.assigned).filter { populationOfCluster[$0.1] == nil }.map(\.0)
        common = Self.kinds(rest.filter { !$0.isExtra }).map(curves)
    }

    /// The least of the floors of each kind: a query may be of any.
    private static func floors(_ sample: [Query], _ ks: [Int]) -> [SearchOptions.LeastScore] {
        let kinds = kinds(sample)
        guard kinds.allSatisfy({ $0.count >= RecallCurve.leastQueries }) else { return [] }
        return ks.indices.compactMap { place in
            let floors = kinds.compactMap { queries -> Float? in
                let scores = queries.compactMap { place < $0.lastScores.count ? $0.lastScores[place] : nil }
                    .filter(\.isFinite).sorted()
                return scores.isEmpty ? nil : scores[Int(Double(scores.count) * shareBelowFloor)]
            }
            return floors.min().map { SearchOptions.LeastScore(rank: ks[place], score: $0) }
        }
    }

    private static let shareBelowFloor = 0.01

    /// Own points and recent queries apart where there are enough of both, else all together.
    private static func kinds(_ queries: [Query]) -> [[Query]] {
        let kinds = [queries.filter(\.isOwn), queries.filter { !$0.isOwn }]
        return kinds.allSatisfy { $0.count >= RecallCurve.leastQueries } ? kinds : [queries]
    }

    /// The kinds that a query may be of, and whether it is like those that were measured: a query unlike all of them may find
    /// less than any.
    ///
    /// - Parameter query: as the index is searched with.
    /// - Complexity: O(clusters · dimensions).
    package func kinds(of query: [Float]) -> (curves: [Curves], isKnown: Bool) {
        guard let clusters else { return (common, true) }
        let (cluster, isWithin) = clusters.cluster(of: query)
        return (
            populationOfCluster[cluster].map { [populations[$0].curves] } ?? common,
            isWithin && !unknown.contains(cluster)
        )
    }

    /// Clusters whose queries find less than the others', hardest first: by more than chance and by more than can be
    /// neglected.
    ///
    /// - Parameters:
    ///   - queries: the cluster of each, and its mean recall over the widths of a curve.
    ///   - count: clusters.
    package static func hardClusters(_ queries: [(cluster: Int, recall: Double)], count: Int) -> [Int] {
        var hard: Set<Int> = []
        func moments(_ isMember: (Int) -> Bool) -> Moments {
            var moments = Moments()
            for query in queries where isMember(query.cluster) { moments.add(query.recall) }
            return moments
        }
        let groups = (0..<count).map { cluster in moments { $0 == cluster } }
        // Once the hardest are taken out the others can be compared with a rest that is all of one kind.
        while true {
            let rest = (0..<count).filter { !hard.contains($0) }
            let found = rest.filter { cluster in
                let others = moments { $0 != cluster && !hard.contains($0) }
                let own = groups[cluster]
                guard own.count >= leastMembers, others.count >= own.count else { return false }
                // A few equal members have no spread; theirs is no less than that of the others.
                let ownVariance = max(own.sampleVariance, others.sampleVariance)
                let spread =
                    (ownVariance / Double(own.count) + others.sampleVariance / Double(others.count)).squareRoot()
                let gap = others.mean - own.mean
                return gap > leastGap && gap > significance * spread
            }
            guard !found.isEmpty else { break }
            hard.formUnion(found)
        }
        return hard.sorted { groups[$0].mean < groups[$1].mean }
    }

    private static let leastMembers = 5
    private static let leastGap = 0.005
    /// Standard errors.
    private static let significance = 2.5
}
