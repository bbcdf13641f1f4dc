import Foundation
import VectorIndex

extension Engine {
    /// Answers each query: exactly `min(limit, candidates)` points behind `offset`, unless a score threshold or the query's
    /// own point takes some away.
    ///
    /// All see one state of the collection, unless their filters' bitmaps would take more than 64 MiB together: then they are
    /// answered in several. No lock is held while vectors are scored. Throws `.timeout` once `deadline` has passed.
    public func query(
        _ collection: String, _ requests: [QueryRequest], deadline: Deadline?
    ) throws -> [QueryResult] {
        try withCollection(collection) { collection in
            var results: [QueryResult] = []
            while results.count < requests.count {
                let part = requests[results.count...].prefix(collection.mostTogether(requests[results.count...]))
                results += try queryTogether(collection, part, deadline)
            }
            return results
        }
    }

    /// The same for one query.
    public func query(
        _ collection: String, _ request: QueryRequest, deadline: Deadline? = nil
    ) throws -> QueryResult {
        try query(collection, [request], deadline: deadline)[0]
    }

    /// Answers all of them in one state of the collection.
    private func queryTogether(
        _ collection: PointCollection, _ requests: ArraySlice<QueryRequest>, _ deadline: Deadline?
    ) throws -> [QueryResult] {
        let operation = requests.count == 1 ? requests.first?.query.operation ?? "Query" : "Query"
        var watches = requests.map { Stopwatch(isOn: $0.explain, environment.time) }
        var results = try retrying(operation, deadline) {
            // An attempt that came to nothing counts as waiting.
            for place in watches.indices { watches[place].lap(\.wait) }
            return try attempt(collection, requests, operation, deadline, watches)
        }
        for place in results.indices {
            guard let times = results[place].explanation?.times else { continue }
            // Of several each has its own part.
            results[place].explanation?.times.total = requests.count == 1 ? watches[place].elapsed : times.sum
        }
        return results
    }

    private func attempt(
        _ collection: PointCollection, _ requests: ArraySlice<QueryRequest>, _ operation: String,
        _ deadline: Deadline?, _ started: [Stopwatch]
    ) throws -> [QueryResult] {
        var watches = started
        var expired: (@Sendable () -> Bool)?
        if let deadline { expired = { [time = environment.time] in time.isOver(deadline) } }
        let lookups = try zip(watches.indices, requests).map { place, request in
            let query = request.query
            guard query.limit >= 0, query.offset >= 0 else {
                throw EngineError.invalid("limit and offset must not be negative")
            }
            try query.parameters.validate()
            let lookup = try lookedUp(query)
            watches[place].lap(\.prepare)
            return lookup
        }
        let prepared = try reader.reading(
            collection, filters: requests.compactMap(\.query.filter), orderKeys: requests.compactMap(\.query.orderKey),
            operation, deadline: deadline
        ) { generation, pace in
            for place in watches.indices { watches[place].lap(\.wait) }
            // Fixed before filters are evaluated, as writers may go ahead meanwhile.
            let live = LivePoints(generation.points)
            var prepared = try zip(watches.indices, requests).map { place, request in
                watches[place].skip()
                defer { watches[place].lap(\.prepare) }
                return try prepare(request, lookups[place], collection, generation)
            }
            for (place, request) in zip(watches.indices, requests) {
                guard let filter = request.query.filter, !filter.isEmpty else { continue }
                watches[place].skip()
                prepared[place].allowed = try generation.matchingSlots(filter, among: live, &pace)
                watches[place].lap(\.filter)
            }
            for (place, request) in zip(watches.indices, requests) where prepared[place].search == nil {
                watches[place].skip()
                prepared[place].page = try QueryPage(
                    request.query, generation, among: prepared[place].allowed?.words ?? live.words,
                    matching: prepared[place].matching, points: prepared[place].points,
                    idOrder: prepared[place].idOrder)
                watches[place].lap(\.scan)
                try pace.step()
            }
            return prepared
        }
        let found = try zip(watches.indices, requests).map { place, request in
            watches[place].skip()
            return try find(request, prepared[place], operation, expired, &watches[place])
        }
        var results = try collection.lock.read {
            try zip(watches.indices, requests).map { place, request in
                watches[place].skip()
                defer { watches[place].lap(\.fetch) }
                return try named(found[place], request, prepared[place])
            }
        }
        for (place, request) in zip(watches.indices, requests) {
            watches[place].skip()
            try fetch(
                &results[place], found[place], request, prepared[place].generation, operation, deadline,
                &watches[place])
        }
        return results
    }

    /// A query for a thread that must not be held: `nil` if it would have to wait (for a writer, for payload indexes), if
    /// it would scan more than `mostScanned` points or takes more than `limit` of CPU time, or if more is asked for than
    /// surely takes little.
    /// Only pages that are not in memory, and the payloads' size, can hold it longer.
    public func queryAtOnce(
        _ collection: String, _ request: QueryRequest, within limit: Duration, scanning mostScanned: Int
    ) throws -> QueryResult? {
        guard request.isBrief else { return nil }
        try request.query.parameters.validate()
        return try withCollection(collection) { try queryAtOnce($0, request, within: limit, scanning: mostScanned) }
    }

    private func queryAtOnce(
        _ collection: PointCollection, _ request: QueryRequest, within limit: Duration, scanning mostScanned: Int
    ) throws -> QueryResult? {
        let work = WorkLimit(limit, environment.time)
        var watch = Stopwatch(isOn: request.explain, environment.time)
        // The lock is kept for this little time, as getting it again might have to wait.
        let attempt = try collection.lock.tryRead { () throws -> (found: Found, result: QueryResult, Generation)? in
            guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
            let generation = collection.generation
            if let filter = request.query.filter, !filter.isEmpty {
                guard filter.isBrief(slots: generation.points.slotCount),
                    generation.payloadIndexes.missing(for: filter).isEmpty
                else { return nil }
            }
            watch.lap(\.wait)
            var prepared = try prepare(request, nil, collection, generation)
            prepared.mostScanned = mostScanned
            watch.lap(\.prepare)
            if let filter = request.query.filter, !filter.isEmpty {
                prepared.allowed = generation.matchingSlots(filter)
                watch.lap(\.filter)
            }
            do {
                let found = try find(request, prepared, "Search", { work.isOver }, &watch)
                return (found, try named(found, request, prepared), generation)
            } catch is GivenUp {
                return nil
            }
        }
        guard let attempt, case (let found, var result, let generation)? = attempt else { return nil }
        do {
            try fetch(&result, found, request, generation, "Search", nil, mayWait: false, &watch)
            result.explanation?.times.total = watch.elapsed
            return result
        } catch is StaleSlot {
            return nil
        } catch is ReadWouldWait {
            return nil
        }
    }

    // MARK: The steps of a query

    /// A scan is longer than the caller allows.
    private struct GivenUp: Error {}

    /// What a search by a vector needs without a lock.
    private struct PreparedSearch {
        let space: VectorSpace
        let view: IndexView?
        let vector: [Float]
        let excluded: UInt32?
        let knowledge: RecallKnowledge
        let fullScanBytes: Int?
        let mayEstimate: Bool
    }

    /// A query that has seen the state in which it is answered.
    private struct PreparedQuery {
        let generation: Generation
        /// Live ones.
        let points: Int
        /// `nil` for a query without a vector.
        var search: PreparedSearch?
        /// All slots in the order of their points' ids, for a query by id. Taken with the state, as it leaves out what has died.
        var idOrder: [UInt32] = []
        /// What the filter admits; `nil` without one, and before it is evaluated.
        var allowed: (words: [UInt64], count: Int)?
        /// Of a query without a vector.
        var page: QueryPage?
        var mostScanned = Int.max

        var matching: Int { allowed?.count ?? points }
    }

    /// What was found, by slot.
    private struct Found {
        var slots: [UInt32] = []
        /// Of each slot, as the API shows them; empty for a query without a vector.
        var scores: [Float] = []
        /// Of each slot; empty for all other queries.
        var values: [OrderValue?] = []
        var next: PointID?
        var explanation: Explanation?
    }

    /// Fixes what is to be searched. Under the shared lock.
    private func prepare(
        _ request: QueryRequest, _ lookup: [Float]?, _ collection: PointCollection, _ generation: Generation
    ) throws -> PreparedQuery {
        let points = generation.points.liveCount
        var prepared = PreparedQuery(generation: generation, points: points)
        if case .byID = request.query.ranking { prepared.idOrder = generation.idOrder.slots(generation.points) }
        guard case .nearest(let target) = request.query.ranking else { return prepared }
        let name = request.query.using ?? ""
        guard let space = generation.space(name) else { throw unknownVector(name) }
        let (vector, excluded) = try generation.queryVector(target, lookup, space)
        if configuration.recallAudits.keepsQueries, case .vector = target { space.recall.recent.note(vector) }
        let settings = collection.configuration
        prepared.search = PreparedSearch(
            space: space, view: space.index.view(), vector: vector, excluded: excluded,
            knowledge: RecallKnowledge(request.query.parameters, query: vector, space, settings),
            fullScanBytes: settings.fullScanBytes(space), mayEstimate: settings.quantization(space) != nil)
        return prepared
    }

    /// Plans, and scores vectors. Without any lock. Throws `.timeout` when it was cancelled, `GivenUp` when a scan would be
    /// too long.
    private func find(
        _ request: QueryRequest, _ prepared: PreparedQuery, _ operation: String,
        _ cancelled: (@Sendable () -> Bool)?, _ watch: inout Stopwatch
    ) throws -> Found {
        if let page = prepared.page {
            var found = Found(slots: page.slots.map(\.slot), values: page.slots.map(\.value), next: page.next)
            if request.explain { found.explanation = Explanation(page.plan, filter: nil, times: watch.times) }
            return found
        }
        guard let search = prepared.search else { return Found() }
        let index = search.space.index
        let allowed = prepared.allowed.map { SlotBitmap(words: $0.words, count: $0.count) }
        let candidates = search.view.map { SearchCandidates($0, allowed: allowed) }
        var vector = QueryPlan.VectorFacts(
            index.parameters, search.view?.counts ?? IndexCounts(published: 0, encoded: nil, linked: nil),
            candidates: candidates?.count ?? 0, isFiltered: allowed != nil,
            candidatesBelow: { candidates?.count(below: $0) ?? 0 })
        vector.excluded = search.excluded
        vector.fullScanBytes = search.fullScanBytes
        vector.mayEstimate = search.mayEstimate
        vector.knowledge = search.knowledge
        let plan = QueryPlan.decide(
            request.query, QueryPlan.Facts(points: prepared.points, matching: prepared.matching, vector: vector))
        guard let steps = plan.search, let aim = plan.aim else { return Found() }
        // A scan of all rows isn't begun by a thread that others wait for; what has no codes yet is small.
        if prepared.mostScanned < .max, aim.isExact, prepared.points >= VectorIndex.smallestTrainedCount {
            throw GivenUp()
        }
        var options = plan.options(request.query, aim, vector)
        options.mostScanned = prepared.mostScanned
        options.cancelled = cancelled
        if request.explain { options.clock = { [time = environment.time] in time.nanoseconds } }
        watch.lap(\.prepare)
        let outcome = search.vector.withUnsafeBufferPointer {
            index.search($0, steps, options, among: candidates)
        }
        if outcome.cancelled {
            guard prepared.mostScanned < .max else { throw timedOut(operation) }
            throw GivenUp()
        }
        var found = Found()
        let metric = search.space.metric
        for hit in outcome.hits.dropFirst(request.query.offset) {
            let score = metric.shown(hit.score)
            if let threshold = request.query.scoreThreshold, !metric.passes(score, threshold: threshold) { break }
            found.slots.append(hit.slot)
            found.scores.append(score)
        }
        if request.explain { found.explanation = Explanation(plan, outcome, filter: nil, times: watch.times) }
        watch.skip()
        return found
    }

    /// The points that were found, still without payloads. Under the shared lock.
    private func named(_ found: Found, _ request: QueryRequest, _ prepared: PreparedQuery) throws -> QueryResult {
        let generation = prepared.generation
        var result = QueryResult(points: [], nextID: found.next, explanation: found.explanation)
        result.explanation?.filter = generation.summary(
            of: request.query.filter, matching: prepared.allowed?.count)
        result.points.reserveCapacity(found.slots.count)
        for (place, slot) in found.slots.enumerated() {
            result.points.append(
                Record(
                    id: generation.points.id(slot), version: generation.points.version(slot),
                    score: found.scores.isEmpty ? nil : found.scores[place],
                    orderValue: found.values.isEmpty ? nil : found.values[place],
                    vectors: try generation.vectors(request.vectors, slot)))
        }
        return result
    }

    /// Adds the payloads. Throws `StaleSlot` when a point that was found has changed since.
    private func fetch(
        _ result: inout QueryResult, _ found: Found, _ request: QueryRequest, _ generation: Generation,
        _ operation: String, _ deadline: Deadline?, mayWait: Bool = true, _ watch: inout Stopwatch
    ) throws {
        if request.payload != .none {
            let payloads = try payloads(
                found.slots, request.payload, generation, operation, deadline, mayWait: mayWait)
            for index in result.points.indices { result.points[index].payload = payloads[index] }
        }
        watch.lap(\.fetch)
        result.explanation?.times.fetch = watch.times.fetch
    }

    /// The query's vector from another collection, when the request looks it up there.
    private func lookedUp(_ query: Query) throws -> [Float]? {
        guard let location = query.lookupFrom, case .nearest(.id(let id)) = query.ranking else { return nil }
        return try withCollection(location.collection) { collection in
            try collection.lock.read {
                guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
                let name = location.vector ?? query.using ?? ""
                guard let space = collection.generation.space(name) else { throw unknownVector(name) }
                return try collection.generation.storedVector(id, space)
            }
        }
    }
}

extension Query {
    /// What a user calls it, for errors.
    fileprivate var operation: String { if case .nearest = ranking { "Search" } else { "Scroll" } }
}

extension Generation {
    /// The query's vector, ready to be scored, and the slot that is left out because it is the query.
    fileprivate func queryVector(_ query: QueryVector, _ lookedUp: [Float]?, _ space: VectorSpace) throws
        -> (vector: [Float], excluded: UInt32?)
    {
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

    fileprivate func storedVector(_ id: PointID, _ space: VectorSpace) throws -> [Float] {
        guard let slot = points.slot(of: id) else { throw missingPoint(id) }
        guard points.vectors(slot) & space.bit != 0 else {
            throw EngineError.notFound("Point \(id) does not have the vector `\(space.name)`")
        }
        return space.vector(slot)
    }
}

extension PointCollection {
    /// Bytes that the filters of queries in one state may take.
    private static let mostFilterBytes = 64 << 20

    /// How many of the queries can be answered in one state: their filters' bitmaps are held at the same time.
    fileprivate func mostTogether(_ requests: ArraySlice<QueryRequest>) -> Int {
        let bytes = lock.read { generation.points.slotCount } / 8 + 1
        var room = Self.mostFilterBytes
        let count = requests.prefix { request in
            if let filter = request.query.filter, !filter.isEmpty { room -= bytes }
            return room >= 0
        }.count
        return max(count, 1)
    }
}
