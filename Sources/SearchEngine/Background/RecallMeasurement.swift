import Quantization
import VectorIndex

/// Measures what the searches of one vector find of the true best, some queries at a time and piece by piece: the
/// collection's lock is held for less than a millisecond at once.
///
/// The true best come from a scan of all stored rows. Points may come and go meanwhile: removed ones are no longer among
/// the true best, and new ones that a search finds count as found, being as close as the true best.
package struct RecallMeasurement {
    /// Widths at which recall against width is measured, for 10 and for 100 results.
    private static let curveKs = [10, 100]
    /// Queries that the rows are scanned for in one pass: what is read for the first, from the disk perhaps, is in memory
    /// for the others.
    private static let batchSize = 16
    /// Elements of rows that are scored in one go, a quarter of a millisecond: 2,048 rows of 768 dimensions fit in a cache.
    private static let elementsAtOnce = 2_048 * 768
    /// Short rows take some time however short they are.
    private static let mostRowsAtOnce = 65_536
    /// Scores that differ by less, as a share, are equal: rounding.
    private static let tie: Float = 1e-6

    // Queries are told apart by clusters. A population of one in fifty has ten of 512 queries, enough to be noticed.
    private static let mostClusters = 16
    private static let queriesPerCluster = 16
    private static let leastClusters = 4
    private static let mostRounds = 20
    /// Elements of the queries that are kept for this: longer vectors than 16,384 elements are not told apart.
    private static let mostClusteredElements = 512 * 16_384
    /// Queries that a hard cluster is filled up to, and that all of them together are.
    private static let clusterQueries = 128
    private static let mostExtraQueries = 512
    /// Points that are looked at for these queries, at most and in one go.
    private static let mostLookedAt = 16_384
    private static let lookedAtOnce = 64

    /// One search of each query.
    private struct Search {
        let k: Int
        /// `nil`: as the searches whose recall is told.
        let width: Int?
    }

    private struct Query {
        let asked: SampleQuery
        var sweep: ExactSweep
        /// Its cluster, when it was drawn for the sake of that cluster's population.
        var extraOf: Int?
    }

    /// How queries are told apart.
    private struct Grouping {
        var clusters: QueryClusters
        var round = 0
        /// By query.
        var assigned: [Int] = []
        /// Hardest first.
        var hard: [Int] = []
        /// Points that were looked at in order to fill the hard clusters up.
        var lookedAt = 0
    }

    private enum Stage {
        case drawing
        /// The next query whose next piece is scanned.
        case sweeping(Int)
        /// The next query, and its next search.
        case searching(Int, Int)
        /// The sample has been searched for: its queries are put in clusters.
        case grouping
        /// More queries of the hard clusters are drawn.
        case fillingUp
        case done
    }

    private let collection: PointCollection
    private let time: any TimeSource
    private var random: RandomSource
    private let generation: Generation
    private let field: DenseField
    private let allowed: SlotBitmap?
    private let fullScanBytes: Int?
    private let k: Int
    /// Of the searches whose recall is told.
    private let parameters: SearchParameters
    /// The search whose recall is told, and then those of each curve in turn.
    private let searches: [Search]
    private var sample: SampleQueries
    private var stage = Stage.drawing
    /// Queries of the sample that have been drawn.
    private var drawn = 0
    private var batch: [Query] = []
    /// By search: recall for the query at hand.
    private var recalls: [Double] = []
    private var grouping: Grouping?

    // Results so far.
    private var results: [RecallProfile.Query] = []
    /// The results' vectors, until they have been put in clusters; empty where they are not.
    private var vectors: [[Float]] = []
    private var width: Int?
    /// Results a query, of each curve.
    private let curveKs: [Int]

    /// Draws the sample. Under the shared lock of the collection, whose generation has the field.
    ///
    /// - Parameters:
    ///   - parameters: of the searches whose recall is told.
    ///   - k: results a query, at least 1.
    ///   - allowed: the slots that the searches' filter admits; `nil` for no filter.
    ///   - hasCurves: whether recall against width is measured too.
    init(
        _ collection: PointCollection, _ field: DenseField, sample: Int, k: Int, _ parameters: SearchParameters,
        allowed: SlotBitmap? = nil, hasCurves: Bool, _ environment: Environment
    ) {
        time = environment.time
        random = RandomSource(seed: environment.seeds.next())
        self.collection = collection
        generation = collection.generation
        self.field = field
        self.allowed = allowed
        self.k = k
        fullScanBytes = collection.configuration.fullScanBytes(field)
        self.sample = SampleQueries(sample, of: field, seed: environment.seeds.next())
        self.parameters = parameters
        let live = field.index.liveCount
        // Wider walks than there are points would find what an exact search finds.
        curveKs = hasCurves ? Self.curveKs.filter { $0 < live } : []
        searches =
            [Search(k: k, width: nil)]
            + curveKs.flatMap { k in Self.widths(k).filter { $0 < live }.map { Search(k: k, width: $0) } }
    }

    private static func widths(_ k: Int) -> [Int] { RecallCurve(k: k).points.map(\.width) }

    /// Whether every query has been answered.
    var isDone: Bool { if case .done = stage { true } else { false } }

    /// The queries at hand.
    var queries: [SampleQuery] { batch.map(\.asked) }

    /// What was measured so far, for queries of each kind.
    var profile: RecallProfile {
        RecallProfile(
            results, ks: curveKs, clusters: grouping.map { ($0.clusters, $0.assigned) }, hard: grouping?.hard ?? [])
    }

    /// What was measured so far, as it is told.
    ///
    /// - Parameter profile: of the same results.
    func figures(_ profile: RecallProfile) -> RecallFigures {
        let sample = results.filter { !$0.isExtra }
        var recall = RecallCurve.Point(width: width ?? 0)
        for query in sample { recall.add(query.recall) }
        let own = sample.count(where: \.isOwn)
        return RecallFigures(
            k: k, width: width, recall: recall.recall, bounds: recall.bounds, queries: sample.count,
            ownQueries: own, recentQueries: sample.count - own, lostQueries: sample.count { $0.recall == 0 },
            points: field.index.liveCount, filterMatching: allowed?.count, time: time.now,
            curves: profile.overall.map { RecallFigures.Curve($0) },
            hardPopulations: profile.populations.map { population in
                RecallFigures.Population(
                    share: population.share, queries: population.recall.queries, recall: population.recall.recall,
                    bounds: population.recall.bounds, curves: population.curves.map { RecallFigures.Curve($0) })
            })
    }

    /// Does the next piece: draws queries, scans some rows for the true best of one, searches once, or tells queries apart.
    ///
    /// Throws `.notFound` when the collection is dropped, and `GenerationReplaced` when it was compacted.
    mutating func advance() throws {
        switch stage {
        case .drawing: try draw()
        case .sweeping(let place): try scan(place)
        case .searching(let place, let next): try search(place, next)
        case .grouping: group()
        case .fillingUp: try fillUp()
        case .done: break
        }
    }

    private mutating func draw() throws {
        guard drawn < sample.count else {
            stage = vectors.count >= Self.leastClusters * Self.queriesPerCluster ? .grouping : .done
            return
        }
        let places = drawn..<min(drawn + Self.batchSize, sample.count)
        let sources = try reading { places.map { sample.source(at: $0, field) } }
        drawn = places.upperBound
        batch = []
        for source in sources {
            switch source {
            case .own(let slot, let row):
                // A query that can't be is left out.
                guard let query = SampleQueries.asked(row, field.parameters) else { continue }
                batch.append(Query(asked: SampleQuery(vector: query, own: slot), sweep: newSweep))
            case .recent(let query):
                batch.append(Query(asked: SampleQuery(vector: query, own: nil), sweep: newSweep))
            }
        }
        stage = batch.isEmpty ? .drawing : .sweeping(0)
    }

    /// One more for the point itself.
    private var newSweep: ExactSweep { ExactSweep(k: searches.reduce(k) { max($0, $1.k) } + 1) }

    private mutating func scan(_ place: Int) throws {
        let rows = min(max(Self.elementsAtOnce / field.parameters.size, 1), Self.mostRowsAtOnce)
        var query = batch[place]
        try reading {
            query.asked.vector.withUnsafeBufferPointer {
                field.index.advance(&query.sweep, $0, slots: rows, allowed: allowed)
            }
        }
        batch[place] = query
        // The same rows for the next query, and the next rows after the last one.
        stage = .sweeping((place + 1) % batch.count)
        if batch.allSatisfy(\.sweep.isDone) { begin(0) }
    }

    /// Goes on with the searches of a query, or behind the last one with the next batch.
    private mutating func begin(_ place: Int) {
        recalls = []
        stage = place < batch.count ? .searching(place, 0) : grouping == nil ? .drawing : .fillingUp
    }

    private mutating func search(_ place: Int, _ next: Int) throws {
        let query = batch[place]
        let search = searches[next]
        let (outcome, asked, best) = try reading { () -> (SearchOutcome?, Int?, ArraySlice<Hit>) in
            let aim =
                search.width.map { SearchAim(ef: $0) }
                ?? SearchAim(
                    parameters, k: k, points: field.index.liveCount, index: field.index.parameters,
                    RecallKnowledge(parameters, query: query.asked.vector, field, collection.configuration))
            let best = query.sweep.hits.filter { $0.slot != query.asked.own && generation.points.isLive($0.slot) }
                .prefix(search.k)
            // An exact search needn't be made: it finds them all.
            guard !aim.isExact else { return (nil, nil, best) }
            var options = SearchOptions(k: search.k, ef: aim.ef)
            options.fullScanBytes = fullScanBytes
            options.leastScore = aim.leastScore
            options.excluded = query.asked.own
            options.hidesExcluded = true
            let outcome = query.asked.vector.withUnsafeBufferPointer {
                field.index.search($0, options, allowed: allowed)
            }
            return (outcome, aim.ef, best)
        }
        // Nothing matches, or all of the true best were removed meanwhile: then the query tells nothing.
        guard let last = best.last else { return begin(place + 1) }
        if let outcome {
            // A walk that leaves a point out may be wider by one.
            if next == 0, let walked = outcome.ef { width = max(width ?? 0, min(asked ?? walked, walked)) }
            let least = last.score - abs(last.score) * Self.tie
            let found = outcome.hits.count { least.isNaN || $0.score >= least }
            recalls.append(Double(min(found, best.count)) / Double(best.count))
        } else {
            recalls.append(1)
        }
        if next + 1 < searches.count {
            stage = .searching(place, next + 1)
        } else {
            count(query)
            begin(place + 1)
        }
    }

    /// Adds what the searches of a query have found.
    private mutating func count(_ query: Query) {
        var next = 1
        let curves = curveKs.map { k in
            let measured = searches[next...].prefix { $0.k == k }.count
            let points = recalls[next..<next + measured]
            next += measured
            // Widths that weren't measured find no less than the widest that was.
            return points + repeatElement(points.last ?? 1, count: Self.widths(k).count - measured)
        }
        results.append(
            RecallProfile.Query(
                isOwn: query.asked.own != nil, isExtra: query.extraOf != nil, recall: recalls[0],
                recalls: curves.map(Array.init), lastScores: lastScores(query)))
        if let cluster = query.extraOf {
            grouping?.assigned.append(cluster)
        } else if !curveKs.isEmpty, sample.count * field.parameters.size <= Self.mostClusteredElements {
            vectors.append(query.asked.vector)
        }
    }

    /// By curve: the score of the true k-th, or of the last where there are fewer. The query's own point takes no place.
    private func lastScores(_ query: Query) -> [Float] {
        let best = query.sweep.hits.lazy.filter { $0.slot != query.asked.own }
        return curveKs.map { k in best.prefix(k).reduce(Float.nan) { $1.score.isNaN ? $0 : $1.score } }
    }

    /// Puts the sample's queries in clusters, a round at a time, and decides which are harder than the others.
    private mutating func group() {
        guard var grouping else {
            let count = min(vectors.count / Self.queriesPerCluster, Self.mostClusters)
            grouping = Grouping(
                clusters: QueryClusters(
                    vectors, metric: field.index.parameters.metric, count: count, using: &random))
            return
        }
        let hasChanged = grouping.clusters.refine(vectors, &grouping.assigned)
        grouping.round += 1
        if !hasChanged || grouping.round >= Self.mostRounds {
            let recalls = zip(grouping.assigned, results).map { cluster, result in
                (cluster: cluster, recall: result.recalls[0].reduce(0, +) / Double(result.recalls[0].count))
            }
            grouping.hard = RecallProfile.hardClusters(recalls, count: grouping.clusters.count)
            vectors = []
            stage = grouping.hard.isEmpty ? .done : .fillingUp
        }
        self.grouping = grouping
    }

    /// Draws more queries for clusters that are harder than the others and have few, if points of theirs can be found.
    private mutating func fillUp() throws {
        guard var grouping else { return }
        // By cluster: queries that are still to be drawn.
        var wanted: [Int: Int] = [:]
        let goal = min(Self.clusterQueries, Self.mostExtraQueries / grouping.hard.count)
        for cluster in grouping.hard {
            let missing = goal - grouping.assigned.count { $0 == cluster }
            if missing > 0 { wanted[cluster] = missing }
        }
        guard !wanted.isEmpty, grouping.lookedAt < Self.mostLookedAt else {
            stage = .done
            return
        }
        grouping.lookedAt += Self.lookedAtOnce
        self.grouping = grouping
        var random = self.random
        defer { self.random = random }
        let points = try reading {
            field.index.randomLiveSlots(Self.lookedAtOnce, using: &random).map { ($0, field.vector($0)) }
        }
        batch = []
        for (slot, row) in points {
            guard let query = SampleQueries.asked(row, field.parameters) else { continue }
            let (cluster, isWithin) = grouping.clusters.cluster(of: query)
            guard isWithin, let missing = wanted[cluster] else { continue }
            batch.append(Query(asked: SampleQuery(vector: query, own: slot), sweep: newSweep, extraOf: cluster))
            wanted[cluster] = missing > 1 ? missing - 1 : nil
        }
        if !batch.isEmpty { stage = .sweeping(0) }
    }

    private func reading<T>(_ body: () throws -> T) throws -> T {
        try collection.lock.read {
            guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
            guard collection.generation === generation, generation.fields.contains(where: { $0 === field }) else {
                throw GenerationReplaced()
            }
            return try body()
        }
    }
}

/// A compaction has put another generation in the place of the one that was looked at, or its vector was deleted.
struct GenerationReplaced: Error {}

extension RecallFigures.Curve {
    fileprivate init(_ curve: RecallCurve) {
        self.init(
            k: curve.k,
            points: curve.points.map { Point(width: $0.width, recall: $0.recall, bounds: $0.bounds) })
    }
}
