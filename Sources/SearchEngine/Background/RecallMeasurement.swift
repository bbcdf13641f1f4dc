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

    /// One search of each query.
    private struct Search {
        let k: Int
        let aim: SearchAim
    }

    private struct Query {
        let asked: SampleQuery
        var sweep: ExactSweep
    }

    private enum Stage {
        case drawing
        /// The next query whose next piece is scanned.
        case sweeping(Int)
        /// The next query, and its next search.
        case searching(Int, Int)
    }

    private let collection: PointCollection
    private let generation: Generation
    private let space: VectorSpace
    private let allowed: SlotBitmap?
    private let fullScanBytes: Int?
    private let k: Int
    /// The search whose recall is told, and then those of each curve in turn.
    private let searches: [Search]
    private var sample: SampleQueries
    private var stage = Stage.drawing
    /// Queries of the sample that have been drawn.
    private var drawn = 0
    private var batch: [Query] = []
    /// By search: recall for the query at hand.
    private var recalls: [Double] = []

    // Results so far. A curve of a single width sums up searches of one kind.
    private var total = RecallCurve(k: RecallCurve.widths.max() ?? 1)
    private(set) var curves: [RecallCurve] = []
    private var width: Int?
    private var ownQueries = 0
    private var lostQueries = 0

    /// Draws the sample. Under the shared lock of the collection, whose generation has the space.
    ///
    /// - Parameters:
    ///   - parameters: of the searches whose recall is told.
    ///   - k: results a query, at least 1.
    ///   - allowed: the slots that the searches' filter admits; `nil` for no filter.
    ///   - hasCurves: whether recall against width is measured too.
    init(
        _ collection: PointCollection, _ space: VectorSpace, sample: Int, k: Int, _ parameters: SearchParameters,
        allowed: SlotBitmap? = nil, hasCurves: Bool
    ) {
        self.collection = collection
        generation = collection.generation
        self.space = space
        self.allowed = allowed
        self.k = k
        fullScanBytes = space.parameters.fullScanBytes(wider: collection.configuration.hnsw.fullScanThreshold)
        self.sample = SampleQueries(sample, of: space)
        let live = space.index.liveCount
        let aim = SearchAim(parameters, k: k, points: live, space, collection.configuration)
        // Wider walks than there are points would find what an exact search finds.
        curves = hasCurves ? Self.curveKs.filter { $0 < live }.map { RecallCurve(k: $0) } : []
        searches =
            [Search(k: k, aim: aim)]
            + curves.flatMap { curve in
                curve.points.filter { $0.width < live }.map { Search(k: curve.k, aim: SearchAim(ef: $0.width)) }
            }
    }

    /// Whether every query of the sample has been answered.
    var isDone: Bool { if case .drawing = stage { drawn == sample.count } else { false } }

    /// The queries at hand.
    var queries: [SampleQuery] { batch.map(\.asked) }

    /// What was measured so far.
    var figures: RecallFigures {
        let point = total.points.first
        return RecallFigures(
            k: k, width: width, recall: point?.recall ?? 0, bounds: point?.bounds ?? 0...1, queries: total.queries,
            ownQueries: ownQueries, recentQueries: total.queries - ownQueries, lostQueries: lostQueries,
            points: space.index.liveCount, filterMatching: allowed?.count, time: .now,
            curves: curves.map { curve in
                RecallFigures.Curve(
                    k: curve.k,
                    points: curve.points.map {
                        RecallFigures.Curve.Point(width: $0.width, recall: $0.recall, bounds: $0.bounds)
                    })
            })
    }

    /// Does the next piece: draws queries, scans some rows for the true best of one, or searches once.
    ///
    /// Throws `.notFound` when the collection is dropped, and `GenerationReplaced` when it was compacted.
    mutating func advance() throws {
        switch stage {
        case .drawing: try draw()
        case .sweeping(let place): try scan(place)
        case .searching(let place, let next): try search(place, next)
        }
    }

    private mutating func draw() throws {
        let places = drawn..<min(drawn + Self.batchSize, sample.count)
        let sources = try reading { places.map { sample.source(at: $0, space) } }
        drawn = places.upperBound
        // One more for the point itself.
        let sweep = ExactSweep(k: searches.reduce(k) { max($0, $1.k) } + 1)
        batch = []
        for source in sources {
            switch source {
            case .own(let slot, let row):
                // A query that can't be is left out.
                guard let query = SampleQueries.asked(row, space.parameters) else { continue }
                batch.append(Query(asked: SampleQuery(vector: query, own: slot), sweep: sweep))
            case .recent(let query):
                batch.append(Query(asked: SampleQuery(vector: query, own: nil), sweep: sweep))
            }
        }
        stage = batch.isEmpty ? .drawing : .sweeping(0)
    }

    private mutating func scan(_ place: Int) throws {
        let rows = min(max(Self.elementsAtOnce / space.parameters.size, 1), Self.mostRowsAtOnce)
        var query = batch[place]
        try reading {
            query.asked.vector.withUnsafeBufferPointer {
                space.index.advance(&query.sweep, $0, slots: rows, allowed: allowed)
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
        stage = place < batch.count ? .searching(place, 0) : .drawing
    }

    private mutating func search(_ place: Int, _ next: Int) throws {
        let query = batch[place]
        let search = searches[next]
        var options = SearchOptions(k: search.k, ef: search.aim.ef, exact: search.aim.isExact)
        options.fullScanBytes = fullScanBytes
        options.excluded = query.asked.own
        options.hidesExcluded = true
        let (outcome, best) = try reading {
            let outcome = query.asked.vector.withUnsafeBufferPointer {
                space.index.search($0, options, allowed: allowed)
            }
            return (
                outcome,
                query.sweep.hits.filter { $0.slot != query.asked.own && generation.points.isLive($0.slot) }
                    .prefix(search.k)
            )
        }
        // Nothing matches, or all of the true best were removed meanwhile: then the query tells nothing.
        guard let last = best.last else { return begin(place + 1) }
        // A walk that leaves a point out may be wider by one.
        if next == 0, let walked = outcome.ef { width = search.aim.ef ?? walked }
        let least = last.score - abs(last.score) * Self.tie
        let found = outcome.hits.count { least.isNaN || $0.score >= least }
        recalls.append(Double(min(found, best.count)) / Double(best.count))
        if next + 1 < searches.count {
            stage = .searching(place, next + 1)
        } else {
            count(query)
            begin(place + 1)
        }
    }

    /// Adds what the searches of a query have found.
    private mutating func count(_ query: Query) {
        total.add([recalls[0]])
        if query.asked.own != nil { ownQueries += 1 }
        if recalls[0] == 0 { lostQueries += 1 }
        var next = 1
        for (index, curve) in curves.enumerated() {
            let measured = searches[next...].prefix { $0.k == curve.k }.count
            var points = Array(recalls[next..<next + measured])
            next += measured
            // Widths that weren't measured find no less than the widest that was.
            points += repeatElement(points.last ?? 1, count: curve.points.count - measured)
            curves[index].add(points)
        }
    }

    private func reading<T>(_ body: () throws -> T) throws -> T {
        try collection.lock.read {
            guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
            guard collection.generation === generation else { throw GenerationReplaced() }
            return try body()
        }
    }
}

/// A compaction has put another generation in the place of the one that was looked at.
struct GenerationReplaced: Error {}
