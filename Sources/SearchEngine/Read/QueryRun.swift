/// One query on its way to its result. Its steps, in this order: ``check(_:)``; ``prepare(_:keepsQueries:)``, under the
/// shared lock; ``evaluate(_:)``, ``page(_:)`` and ``find(_:_:_:scanning:)`` without any; ``name()`` under the lock again;
/// ``addPayloads(_:)`` without.
///
/// An object, as the steps of several queries alternate: nothing of it is copied between them.
final class QueryRun {
    private let request: QueryRequest
    private(set) var watch: Stopwatch
    /// The query's vector, where it is looked up in another collection.
    private var lookup: VectorValue?
    private var state: State?
    /// What the filter admits; `nil` without one, and before it is evaluated.
    private var allowed: (words: [UInt64], count: Int)?
    /// What was found; without scores for a query without a vector.
    private var found = FieldHits()
    /// Of each slot that was found by a value; empty for all other queries.
    private var values: [OrderValue?] = []
    private var result = QueryResult(points: [])

    /// The state in which the query is answered.
    private struct State {
        let view: CollectionView
        /// Of the generation, when the state was pinned.
        let vectorsRevision: Int
        /// `nil` for a query without a vector.
        var search: (any PinnedSearch)?
        /// All slots in the order of their points' ids, for a query by id. Taken with the state, as it leaves out what has died.
        var idOrder: [UInt32] = []
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
    func check(_ lookedUp: () throws -> VectorValue?) throws {
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
        var state = State(view: view, vectorsRevision: generation.vectorsRevision)
        switch request.query.ranking {
        case .byID: state.idOrder = generation.idOrder.slots(generation.points)
        case .byValue: break
        case .nearest(let target):
            let name = request.query.using ?? ""
            guard let field = generation.field(name) else { throw unknownVector(name) }
            var wanted = try generation.searchTarget(target, lookup, field)
            wanted.isNoted = wanted.isNoted && keepsQueries
            state.search = try field.pin(wanted, request.query.parameters, view.collection.configuration)
        }
        self.state = state
    }

    /// `prepare` for a search by a vector on a thread that must not be held. Returns `false`
    /// where it would be.
    func prepareBriefly(_ view: CollectionView, keepsQueries: Bool) throws -> Bool {
        if let filter {
            guard filter.isBrief(slots: view.live.slotCount), view.missing.isEmpty, view.isCurrent else {
                return false
            }
        }
        hasWaited()
        try prepare(view, keepsQueries: keepsQueries)
        return true
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
        found.slots = page.slots.map(\.slot)
        values = page.slots.map(\.value)
        result.nextID = page.next
        watch.lap(\.scan)
        if request.explain { result.explanation = Explanation(page.plan, filter: nil, times: watch.times) }
        try pace.step()
    }

    /// The same on a thread that must not be held. Returns `false` where it would be.
    func evaluateBriefly() throws -> Bool {
        guard let filter, let state else { return true }
        watch.skip()
        defer { watch.lap(\.filter) }
        do { allowed = try state.view.matchingSlots(filter, mayWait: false) } catch is FieldIndexBusy { return false }
        return state.view.isCurrent
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
        let plan = search.plan(query, points: state.view.pointCount, allowed: allowed)
        watch.lap(\.prepare)
        var limits = SearchLimits()
        limits.mostScanned = mostScanned
        limits.cancelled = cancelled
        if request.explain { limits.explained = ({ time.nanoseconds }, watch.times) }
        guard let hits = search.find(query, plan, limits) else {
            guard mostScanned < .max else { throw timedOut(operation) }
            throw GivenUp()
        }
        result.explanation = hits.explanation
        found = hits
        watch.skip()
    }

    // MARK: Under the shared lock again

    /// Says which points were found, still without payloads. Throws `StaleSlot` when a vector of the collection has come or
    /// gone since: what was found by one isn't to be shown without it.
    func name() throws {
        guard let state else { return }
        let view = state.view
        let generation = view.generation
        guard generation.vectorsRevision == state.vectorsRevision else { throw StaleSlot() }
        watch.skip()
        defer { watch.lap(\.fetch) }
        if result.explanation != nil {
            result.explanation?.filter = view.summary(of: request.query.filter, matching: allowed?.count)
        }
        result.points.reserveCapacity(found.slots.count)
        for (place, point) in generation.points.rows(found.slots).enumerated() {
            result.points.append(
                Record(
                    id: point.id, version: point.version,
                    score: found.scores.isEmpty ? nil : found.scores[place],
                    orderValue: values.isEmpty ? nil : values[place],
                    vectors: try generation.vectors(request.vectors, point.slot)))
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
    /// What a field is searched for: a vector, and the slot that is left out because it is the query.
    fileprivate func searchTarget(
        _ query: QueryVector, _ lookedUp: VectorValue?, _ field: any VectorField
    ) throws -> SearchTarget {
        switch query {
        case .vector(let given):
            var target = SearchTarget(.nearest(given))
            target.isNoted = true
            return target
        case .id(let id):
            if let lookedUp { return SearchTarget(.nearest(lookedUp)) }
            var target = SearchTarget(.nearest(try storedVector(id, field)))
            if let slot = points.slot(of: id) { target.excluded = [slot] }
            return target
        }
    }

    /// A point's vector as it is stored. Under the shared lock.
    func storedVector(_ id: PointID, _ field: any VectorField) throws -> VectorValue {
        guard let slot = points.slot(of: id) else { throw missingPoint(id) }
        guard points.vectors(slot) & field.bit != 0 else {
            throw EngineError.notFound("Point \(id) does not have the vector `\(field.name)`")
        }
        return field.value(slot)
    }
}
