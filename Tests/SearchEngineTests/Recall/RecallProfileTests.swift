import SearchEngine
import TestSupport
import Testing
import VectorIndex

/// What is known of queries of each kind.
@Suite struct RecallProfileTests {
    private func query(_ isOwn: Bool, _ recall: Double, isExtra: Bool = false) -> RecallProfile.Query {
        RecallProfile.Query(
            isOwn: isOwn, isExtra: isExtra, recall: recall,
            recalls: [Array(repeating: recall, count: RecallCurve(k: 10).points.count)])
    }

    private func recall(_ curves: RecallProfile.Curves) -> Double? { curves[0].recall(at: 64) }

    @Test func ownAndRecentQueriesEachCount() {
        let own = (0..<200).map { _ in query(true, 1) }
        let recent = (0..<100).map { _ in query(false, 0.7) }
        let profile = RecallProfile(own + recent, ks: [10])
        let (kinds, isKnown) = profile.kinds(of: [1, 0])
        #expect(kinds.count == 2 && isKnown)
        #expect(abs((recall(kinds[1]) ?? 0) - 0.7) < 1e-9 && recall(kinds[0]) == 1)
        #expect(abs((recall(profile.overall) ?? 0) - 0.9) < 1e-9)
        // A few recent queries can't speak for themselves.
        let few = RecallProfile(own + recent.prefix(50), ks: [10]).kinds(of: [1, 0]).curves
        #expect(few.count == 1 && few[0][0].queries == 250)
    }

    @Test func floorsAreWhatNearlyAllFind() {
        func queries(_ isOwn: Bool, _ scores: [Float]) -> [RecallProfile.Query] {
            scores.map {
                RecallProfile.Query(
                    isOwn: isOwn, recall: 1, recalls: [Array(repeating: 1, count: RecallCurve(k: 10).points.count)],
                    lastScores: [$0])
            }
        }
        let own = queries(true, (0..<200).map { 0.5 + Float($0) / 1_000 })
        let odd = queries(true, [-1, .nan, -2])
        #expect(RecallProfile((own + odd).shuffled(), ks: [10]).floors == [.init(rank: 10, score: 0.5)])
        // The least of both kinds; too few of one are no kind, and too few of all tell nothing.
        let recent = queries(false, (0..<99).map { 0.2 + Float($0) / 1_000 })
        #expect(RecallProfile(own + recent, ks: [10]).floors == [.init(rank: 10, score: 0.2)])
        #expect(RecallProfile(own + recent.prefix(1), ks: [10]).floors == [.init(rank: 10, score: 0.501)])
        #expect(RecallProfile(Array(own.prefix(63)), ks: [10]).floors.isEmpty)
    }

    /// Clusters at (0, 0), (10, 0), …; the first queries of each are as easy as `recalls` says.
    private func profile(
        _ counts: [Int], _ recalls: [Double], hard: [Int], _ test: String = #function
    ) -> RecallProfile {
        var vectors: [[Float]] = []
        var assigned: [Int] = []
        var queries: [RecallProfile.Query] = []
        var random = SeededGenerator(test)
        for (place, count) in counts.enumerated() {
            for _ in 0..<count {
                vectors.append([Float(10 * place), Float.random(in: 0...1, using: &random)])
                queries.append(query(true, recalls[place]))
            }
        }
        // K-means may find other clusters when it begins badly.
        var clusters: QueryClusters
        var numbers: [Int]
        repeat {
            clusters = QueryClusters(vectors, metric: .euclid, count: counts.count, using: &random)
            while clusters.refine(vectors, &assigned) {}
            numbers = counts.indices.map { place in assigned[counts[..<place].reduce(0, +)] }
        } while Set(numbers).count < counts.count
        let places = hard.map { numbers[$0] }
        return RecallProfile(queries, ks: [10], clusters: (clusters, assigned), hard: places)
    }

    @Test func aHardPopulationHasItsOwnCurve() throws {
        let profile = profile([300, 100, 80], [1, 0.5, 0.75], hard: [1, 2])
        for (x, expected) in [(Float(0), 1.0), (10, 0.5), (20, 0.75)] {
            let (kinds, isKnown) = profile.kinds(of: [x, 0.5])
            #expect(kinds.count == 1 && isKnown)
            #expect(abs(try #require(recall(kinds[0])) - expected) < 1e-9)
        }
        #expect(!profile.kinds(of: [15, 8]).isKnown)
        #expect(profile.populations.map(\.recall.queries) == [100, 80])
        #expect(profile.populations.allSatisfy { $0.share == Double($0.recall.queries) / 480 })
    }

    @Test func smallPopulationsAreTakenTogether() {
        let profile = profile([300, 40, 50, 30], [1, 0.5, 0.6, 0.7], hard: [1, 2, 3])
        #expect(profile.populations.map(\.recall.queries) == [120])
        for x in [Float(10), 20, 30] { #expect(profile.kinds(of: [x, 0.5]).curves[0][0].queries == 120) }
        #expect(profile.kinds(of: [0, 0.5]).curves[0][0].queries == 300)
    }

    @Test func aClusterOfFewQueriesTellsNothing() {
        let profile = profile([300, 4], [1, 1], hard: [])
        #expect(profile.kinds(of: [0, 0.5]).isKnown)
        #expect(!profile.kinds(of: [10, 0.5]).isKnown)
    }

    @Test func extraQueriesDoNotWeighInTheWhole() {
        let queries =
            (0..<100).map { query(true, $0 < 90 ? 1 : 0) } + (0..<100).map { _ in query(true, 0, isExtra: true) }
        let profile = RecallProfile(queries, ks: [10])
        #expect(abs((recall(profile.overall) ?? 0) - 0.9) < 1e-9)
    }

    @Test func clustersAreHardByMoreThanChance() {
        var random = SeededGenerator()
        /// The recall of each of 32 queries a cluster, with a spread of 0.1.
        func sample(_ means: [Double], each: Int = 32) -> [(cluster: Int, recall: Double)] {
            means.indices.flatMap { cluster in
                (0..<each).map { _ in (cluster, means[cluster] + Double.random(in: -0.17...0.17, using: &random)) }
            }
        }
        func hard(_ sample: [(cluster: Int, recall: Double)]) -> [Int] {
            RecallProfile.hardClusters(sample, count: 16)
        }
        let even = Array(repeating: 0.8, count: 16)
        let wrong = (0..<100).reduce(0) { sum, _ in sum + hard(sample(even)).count }
        #expect(wrong < 40, "of 1,600 clusters that are as easy as the others")
        var uneven = even
        (uneven[3], uneven[9]) = (0.5, 0.6)
        for _ in 0..<20 {
            #expect(hard(sample(uneven)).prefix(2) == [3, 9])
        }
        #expect(hard(sample(uneven, each: 2)).isEmpty, "two queries tell nothing")
        #expect(hard([]).isEmpty)
        // Without any spread, and a gap too small to matter.
        let alike = even.indices.flatMap { cluster in (0..<32).map { _ in (cluster, cluster == 5 ? 0.799 : 0.8) } }
        #expect(hard(alike).isEmpty)
    }
}
