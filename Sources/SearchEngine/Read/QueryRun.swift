import VectorIndex

/// One query on its way to its result. Its steps, in this order: ``check(_:)``; ``prepare(_:keepsQueries:)``, under the
/// shared lock; ``evaluate(_:)``, ``page(_:)`` and ``find(_:_:_:scanning:)`` without any; ``name()`` under the lock again;
/// ``addPayloads(_:)`` without.
///
/// An object, as the steps of several queries alternate: nothing of it is copied between them.
final class QueryRun {
    private let request: QueryRequest
    private(set) var watch: Stopwatch
    /// The query's vector, where it is looked up in another collection.
    private var lookup: [Float]?
    private var state: State?
    /// What the filter admits; `nil` without one, and before it is evaluated.
    private var allowed: (words: [UInt64], count: Int)?
    private var found = Found()
    private var result = QueryResult(points: [])

    /// The state in which the query is answered.
    private struct State {
        let view: CollectionView
        /// `nil` for a query without a vector.
        var search: VectorSearch?
        /// All slots in the order of their points' ids, for a query by id. Taken with the state, as it leaves out what has died.
        var idOrder: [UInt32] = []
    }

    /// What a search by a vector needs without a lock.
    private struct VectorSearch {
        let space: VectorSpace
        let view: IndexView?
        let vector: [Float]
        let excluded: UInt32?
        let knowledge: RecallKnowledge
        let fullScanBytes: Int?
        let mayEstimate: Bool
    }

    /// What was found, by slot.
    private struct Found {
        var slots: [UInt32] = []
        /// Of each slot, as the API shows them; empty for a query without a vector.
        var scores: [Float] = []
        /// Of each slot; empty for all other queries.
        var values: [OrderValue?] = []
    }

    /// A scan is longer than the caller allows.
    struct GivenUp: Error {}

    init(_ request: QueryRequest, _ watch: Stopwatch) {
        self.request = request
        self.watch = watch
    }

    private var filter: Filter? { request.query.filter.flatMap { $0.isEmpty ? nil : $0 } }

    /// Throws `.invalid` and `.outOfRange` for a query that can't be answered.
    ///
    /// - Parameter lookedUp: reads the query's vector from another collection; `nil` where there is none.
    func check(_ lookedUp: () throws -> [Float]?) throws {
        let query = request.query
        guard query.limit >= 0, query.offset >= 0 else {
            throw EngineError.invalid("limit and offset must not be negative")
        }
        try query.parameters.validate()
        lookup = try lookedUp()
        watch.lap(\.prepare)
    }

    // MARK: Under the shared lock

    /// The lock is held, and every payload index that is needed is there.
    func hasWaited() { watch.lap(\.wait) }

    /// Fixes what is to be searched.
    ///
    /// - Parameter keepsQueries: whether the vector is noted for audits.
    func prepare(_ view: CollectionView, keepsQueries: Bool) throws {
        watch.skip()
        defer { watch.lap(\.prepare) }
        let generation = view.generation
        var state = State(view: view)
        switch request.query.ranking {
        case .byID: state.idOrder = generation.idOrder.slots(generation.points)
        case .byValue: break
        case .nearest(let target):
            let name = request.query.using ?? ""
            guard let space = generation.space(name) else { throw unknownVector(name) }
            let (vector, excluded) = try generation.queryVector(target, lookup, space)
            let settings = view.collection.configuration
            if keepsQueries, case .vector = target { space.recall.recent.note(vector) }
            state.search = VectorSearch(
                space: space, view: space.index.view(), vector: vector, excluded: excluded,
                knowledge: RecallKnowledge(request.query.parameters, query: vector, space, settings),
                fullScanBytes: settings.fullScanBytes(space), mayEstimate: settings.quantization(space) != nil)
        }
        self.state = state
    }

    // MARK: Without a lock

    /// Finds what the filter admits.
    func evaluate(_ pace: inout FilterPace) throws {
        guard let filter, let state else { return }
        watch.skip()
        allowed = try state.view.matchingSlots(filter, &pace)
        watch.lap(\.filter)
    }

    /// Finds the points of a query without a vector.
    func page(_ pace: inout FilterPace) throws {
        guard let state, state.search == nil else { return }
        watch.skip()
        let page = try QueryPage(
            request.query, state.view, among: allowed?.words ?? state.view.live.words,
            matching: allowed?.count ?? state.view.pointCount, idOrder: state.idOrder)
        found = Found(slots: page.slots.map(\.slot), values: page.slots.map(\.value))
        result.nextID = page.next
        watch.lap(\.scan)
        if request.explain { result.explanation = Explanation(page.plan, filter: nil, times: watch.times) }
        try pace.step()
    }

    /// The same as `prepare` for a search by a vector on a thread that must not be held. Under the shared lock. Returns `false`
    /// where it would be.
    func prepareBriefly(_ view: CollectionView, keepsQueries: Bool) throws -> Bool {
        if let filter {
            guard filter.isBrief(slots: view.live.slotCount), view.indexes.missing(for: filter).isEmpty else {
                return false
            }
        }
        hasWaited()
        try prepare(view, keepsQueries: keepsQueries)
        return true
    }

    /// The same as `evaluate` on such a thread, without the lock.
    func evaluateBriefly() throws -> Bool {
        guard let filter, let state else { return true }
        watch.skip()
        defer { watch.lap(\.filter) }
        do { allowed = try state.view.matchingSlots(filter, mayWait: false) } catch is FieldIndexBusy { return false }
        return state.view.indexes.isCurrent
    }

    /// Plans, and scores vectors. Throws `.timeout` when it was cancelled; but with a limit to what may be scanned it throws
    /// `GivenUp`, also for a scan that would be longer.
    func find(
        _ operation: String, _ cancelled: (@Sendable () -> Bool)?, _ time: any TimeSource,
        scanning mostScanned: Int = .max
    ) throws {
        guard let state, let search = state.search else { return }
        watch.skip()
        let query = request.query
        let index = search.space.index
        let candidates = search.view.map { SearchCandidates($0, allowed: allowed?.words) }
        var vector = QueryPlan.VectorFacts(
            index.parameters, search.view?.counts ?? IndexCounts(published: 0, encoded: nil, linked: nil),
            candidates: candidates?.count ?? 0, isFiltered: allowed != nil,
            candidatesBelow: { candidates?.count(below: $0) ?? 0 })
        vector.excluded = search.excluded
        vector.fullScanBytes = search.fullScanBytes
        vector.mayEstimate = search.mayEstimate
        vector.knowledge = search.knowledge
        let plan = QueryPlan.decide(
            query,
            QueryPlan.Facts(
                points: state.view.pointCount, matching: allowed?.count ?? state.view.pointCount, vector: vector))
        guard let steps = plan.search, let aim = plan.aim else { return }
        // A scan of all rows isn't begun by a thread that others wait for; what has no codes yet is small.
        if mostScanned < .max, aim.isExact, state.view.pointCount >= VectorIndex.smallestTrainedCount {
            throw GivenUp()
        }
        var options = plan.options(query, aim, vector)
        options.mostScanned = mostScanned
        options.cancelled = cancelled
        if request.explain { options.clock = { time.nanoseconds } }
        watch.lap(\.prepare)
        let outcome = search.vector.withUnsafeBufferPointer { index.search($0, steps, options, among: candidates) }
        if outcome.cancelled {
            guard mostScanned < .max else { throw timedOut(operation) }
            throw GivenUp()
        }
        let metric = search.space.metric
        for hit in outcome.hits.dropFirst(query.offset) {
            let score = metric.shown(hit.score)
            if let threshold = query.scoreThreshold, !metric.passes(score, threshold: threshold) { break }
            found.slots.append(hit.slot)
            found.scores.append(score)
        }
        if request.explain { result.explanation = Explanation(plan, outcome, filter: nil, times: watch.times) }
        watch.skip()
    }

    // MARK: Under the shared lock again

    /// Says which points were found, still without payloads.
    func name() throws {
        guard let view = state?.view else { return }
        let generation = view.generation
        watch.skip()
        defer { watch.lap(\.fetch) }
        if result.explanation != nil {
            result.explanation?.filter = view.summary(of: request.query.filter, matching: allowed?.count)
        }
        result.points.reserveCapacity(found.slots.count)
        for (place, slot) in found.slots.enumerated() {
            result.points.append(
                Record(
                    id: generation.points.id(slot), version: generation.points.version(slot),
                    score: found.scores.isEmpty ? nil : found.scores[place],
                    orderValue: found.values.isEmpty ? nil : found.values[place],
                    vectors: try generation.vectors(request.vectors, slot)))
        }
    }

    // MARK: Without a lock again

    /// The result. Throws `StaleSlot` when a point that was found has changed since.
    ///
    /// - Parameter read: reads the payloads of slots.
    func addPayloads(
        _ read: ([UInt32], PayloadSelector, Generation) throws -> [Payload?]
    ) throws -> QueryResult {
        watch.skip()
        if request.payload != .none, let generation = state?.view.generation {
            let payloads = try read(found.slots, request.payload, generation)
            for index in result.points.indices { result.points[index].payload = payloads[index] }
        }
        watch.lap(\.fetch)
        result.explanation?.times.fetch = watch.times.fetch
        return result
    }
}

extension Generation {
    /// The query's vector, ready to be scored, and the slot that is left out because it is the query.
    fileprivate func queryVector(
        _ query: QueryVector, _ lookedUp: [Float]?, _ space: VectorSpace
    ) throws -> (vector: [Float], excluded: UInt32?) {
        var vector: [Float]
        var excluded: UInt32?
        switch query {
        case .vector(let given): vector = given
        case .id(let id):
            if let lookedUp {
                vector = lookedUp
            } else {
                vector = try storedVector(id, space)
                excluded = points.slot(of: id)
            }
        }
        try prepare(&vector, space.parameters, normalizing: true)
        return (vector, excluded)
    }

    /// A point's vector as it is stored. Under the shared lock.
    func storedVector(_ id: PointID, _ space: VectorSpace) throws -> [Float] {
        guard let slot = points.slot(of: id) else { throw missingPoint(id) }
        guard points.vectors(slot) & space.bit != 0 else {
            throw EngineError.notFound("Point \(id) does not have the vector `\(space.name)`")
        }
        return space.vector(slot)
    }
}
