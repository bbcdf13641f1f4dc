import Foundation
import VectorIndex

extension Engine {
    /// The nearest points to each request's query vector, best first; exactly `min(limit, matching)` of them behind
    /// `offset`, unless a score threshold or the query's own point takes some away.
    ///
    /// All requests see one state of the collection, unless their filters take so much memory together that they are evaluated
    /// one after the other. No lock is held while vectors are scored. Throws `.timeout` once `deadline` has passed.
    public func search(
        _ collection: String, _ requests: [SearchRequest], deadline: ContinuousClock.Instant?
    ) throws -> [SearchResult] {
        try withCollection(collection) { collection in
            var results: [SearchResult] = []
            while results.count < requests.count {
                let part = requests[results.count...].prefix(
                    collection.mostSearchesTogether(requests[results.count...]))
                results += try searchTogether(collection, part, deadline)
            }
            return results
        }
    }

    /// Searches in one state of the collection.
    private func searchTogether(
        _ collection: PointCollection, _ requests: ArraySlice<SearchRequest>, _ deadline: Deadline?
    ) throws -> [SearchResult] {
        var watches = requests.map { Stopwatch(isOn: $0.explain, environment.time) }
        var results = try retrying("Search", deadline) {
            // What an attempt in vain took was waiting.
            for place in watches.indices { watches[place].lap(\.wait) }
            return try search(collection, requests, deadline, watches)
        }
        for place in results.indices {
            guard let times = results[place].explanation?.times else { continue }
            // Of several each has its own part.
            results[place].explanation?.times.total = requests.count == 1 ? watches[place].elapsed : times.sum
        }
        return results
    }

    /// The same for one request, for a thread that must not be held: `nil` if the search would have to wait (for a writer,
    /// for payload indexes), if it would scan more than `mostScanned` points or takes more than `limit` of CPU time, or if
    /// more is asked for than surely takes little.
    /// Only pages that are not in memory, and the payloads' size, can hold it longer.
    public func searchAtOnce(
        _ collection: String, _ request: SearchRequest, within limit: Duration, scanning mostScanned: Int
    ) throws -> SearchResult? {
        guard request.isBrief else { return nil }
        try request.parameters.validate()
        return try withCollection(collection) { try searchAtOnce($0, request, within: limit, scanning: mostScanned) }
    }

    private func searchAtOnce(
        _ collection: PointCollection, _ request: SearchRequest, within limit: Duration, scanning mostScanned: Int
    ) throws -> SearchResult? {
        let work = WorkLimit(limit, environment.time)
        var watch = Stopwatch(isOn: request.explain, environment.time)
        let finding = try collection.lock.tryRead { () throws -> Finding? in
            guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
            let generation = collection.generation
            if let filter = request.filter, !filter.isEmpty {
                guard filter.isBrief(slots: generation.points.slotCount),
                    generation.payloadIndexes.missing(for: filter).isEmpty
                else { return nil }
            }
            watch.lap(\.wait)
            // The lock is kept for this little time, as getting it again might have to wait.
            guard
                var prepared = try prepare(
                    request, nil, collection, generation, cancelled: { work.isOver }, scanning: mostScanned, &watch)
            else { return nil }
            if let filter = request.filter, !filter.isEmpty {
                let (words, count) = generation.matchingSlots(filter)
                prepared.allowed = SlotBitmap(words: words, count: count)
                watch.lap(\.filter)
            }
            guard let outcome = search(prepared, &watch) else { return nil }
            return try found(outcome, prepared, request)
        }
        guard let finding, let finding else { return nil }
        do {
            var result = try fetched(finding, request, nil, mayWait: false, &watch)
            result.explanation?.times.total = watch.elapsed
            return result
        } catch is StaleSlot {
            return nil
        } catch is ReadWouldWait {
            return nil
        }
    }

    private func search(
        _ collection: PointCollection, _ requests: ArraySlice<SearchRequest>, _ deadline: Deadline?,
        _ started: [Stopwatch]
    ) throws -> [SearchResult] {
        var watches = started
        var expired: (@Sendable () -> Bool)?
        if let deadline { expired = { [time = environment.time] in time.isOver(deadline) } }
        let lookups = try zip(watches.indices, requests).map { place, request in
            guard request.limit >= 0, request.offset >= 0 else {
                throw EngineError.invalid("limit and offset must not be negative")
            }
            try request.parameters.validate()
            let lookup = try lookedUp(request)
            watches[place].lap(\.prepare)
            return lookup
        }
        let prepared = try reader.reading(
            collection, filters: requests.compactMap(\.filter), "Search", deadline: deadline
        ) { generation, pace in
            for place in watches.indices { watches[place].lap(\.wait) }
            // Fixed before filters are evaluated, as writers may go ahead meanwhile.
            let live = LivePoints(generation.points)
            var prepared = try zip(watches.indices, requests).map { place, request in
                watches[place].skip()
                guard
                    let prepared = try prepare(
                        request, lookups[place], collection, generation, cancelled: expired, &watches[place])
                else { throw timedOut("Search") }
                return prepared
            }
            for (place, request) in zip(watches.indices, requests) {
                guard let filter = request.filter, !filter.isEmpty else { continue }
                watches[place].skip()
                let (words, count) = try generation.matchingSlots(filter, among: live, &pace)
                prepared[place].allowed = SlotBitmap(words: words, count: count)
                watches[place].lap(\.filter)
            }
            return prepared
        }
        let outcomes = try prepared.indices.map { place in
            watches[place].skip()
            guard let outcome = search(prepared[place], &watches[place]) else { throw timedOut("Search") }
            return outcome
        }
        let findings = try collection.lock.read {
            try zip(prepared.indices, requests).map { place, request in
                watches[place].skip()
                defer { watches[place].lap(\.fetch) }
                return try found(outcomes[place], prepared[place], request)
            }
        }
        return try zip(watches.indices, requests).map { place, request in
            watches[place].skip()
            return try fetched(findings[place], request, deadline, &watches[place])
        }
    }

    /// A search that needs no lock any more until its points are named.
    private struct PreparedSearch {
        let generation: Generation
        let space: VectorSpace
        /// What is searched.
        let view: IndexView?
        let query: [Float]
        let options: SearchOptions
        /// What the filter admits; `nil` without one, and before it is evaluated.
        var allowed: SlotBitmap?
        let aim: SearchAim
        let live: Int
        let filter: Filter?
    }

    private struct Outcome {
        var hits: [Hit]
        var explanation: Explanation?
    }

    /// The points of a search, still without payloads.
    private struct Finding {
        var points: [(slot: UInt32, point: ScoredPoint)]
        var generation: Generation
        var explanation: Explanation?
    }

    /// Fixes what is to be searched, under the shared lock; `nil` if the search would be too long.
    private func prepare(
        _ request: SearchRequest, _ lookup: [Float]?, _ collection: PointCollection, _ generation: Generation,
        cancelled: (@Sendable () -> Bool)?, scanning mostScanned: Int = .max, _ watch: inout Stopwatch
    ) throws -> PreparedSearch? {
        let name = request.using ?? ""
        guard let space = generation.space(name) else { throw unknownVector(name) }
        let (query, excluded) = try generation.queryVector(request.query, lookup, space)
        if configuration.recallAudits.keepsQueries, case .vector = request.query { space.recall.recent.note(query) }
        watch.lap(\.prepare)
        let live = generation.points.liveCount
        let limit = min(min(request.limit, live) + min(request.offset, live), live)
        let aim = SearchAim(
            request.parameters, k: limit, points: live, query: query, space, collection.configuration)
        // A scan of all rows isn't begun by a thread that others wait for; what has no codes yet is small.
        if aim.isExact, mostScanned < .max, live >= VectorIndex.smallestTrainedCount { return nil }
        var options = SearchOptions(
            request, aim, k: limit, mayEstimate: collection.configuration.quantization(space) != nil,
            excluded: excluded, cancelled: cancelled)
        if request.explain { options.clock = { [time = environment.time] in time.nanoseconds } }
        options.fullScanBytes = collection.configuration.fullScanBytes(space)
        options.mostScanned = mostScanned
        return PreparedSearch(
            generation: generation, space: space, view: space.index.view(), query: query, options: options, aim: aim,
            live: live, filter: request.filter)
    }

    /// Scores vectors. Without any lock; `nil` if the search was cancelled.
    private func search(_ search: PreparedSearch, _ watch: inout Stopwatch) -> Outcome? {
        let outcome = search.query.withUnsafeBufferPointer {
            search.space.index.search($0, search.options, allowed: search.allowed, in: search.view)
        }
        if outcome.cancelled { return nil }
        var explanation: Explanation?
        if search.options.clock != nil {
            explanation = Explanation(outcome, points: search.live, filter: nil, times: watch.times)
            explanation?.recall = search.aim.recall
            if outcome.plan == .exactScan || outcome.plan == .exactFilteredScan { explanation?.recall?.foundExactly() }
        }
        watch.skip()
        return Outcome(hits: outcome.hits, explanation: explanation)
    }

    /// Names the points. Under the shared lock.
    private func found(_ outcome: Outcome, _ search: PreparedSearch, _ request: SearchRequest) throws -> Finding {
        var explanation = outcome.explanation
        explanation?.filter = search.generation.summary(of: search.filter, matching: search.allowed?.count)
        return Finding(
            points: try search.generation.scored(outcome.hits, request, search.space), generation: search.generation,
            explanation: explanation)
    }

    /// Adds the payloads. Throws `StaleSlot` when a point that was found has changed since.
    private func fetched(
        _ finding: Finding, _ request: SearchRequest, _ deadline: ContinuousClock.Instant?, mayWait: Bool = true,
        _ watch: inout Stopwatch
    ) throws -> SearchResult {
        var result = SearchResult(points: finding.points.map(\.point), explanation: finding.explanation)
        if request.payload != .none {
            let payloads = try payloads(
                finding.points.map(\.slot), request.payload, finding.generation, "Search", deadline, mayWait: mayWait)
            for index in result.points.indices { result.points[index].payload = payloads[index] }
        }
        watch.lap(\.fetch)
        result.explanation?.times.fetch = watch.times.fetch
        return result
    }

    /// The query's vector from another collection, when the request looks it up there.
    private func lookedUp(_ request: SearchRequest) throws -> [Float]? {
        guard let location = request.lookupFrom, case .id(let id) = request.query else { return nil }
        return try withCollection(location.collection) { collection in
            try collection.lock.read {
                guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
                let name = location.vector ?? request.using ?? ""
                guard let space = collection.generation.space(name) else { throw unknownVector(name) }
                return try collection.generation.storedVector(id, space)
            }
        }
    }

}

extension SearchOptions {
    /// - Parameter mayEstimate: whether scores may be those of codes. Without a quantization that somebody asked for, codes
    ///   are the engine's own affair.
    fileprivate init(
        _ request: SearchRequest, _ aim: SearchAim, k: Int, mayEstimate: Bool, excluded: UInt32?,
        cancelled: (@Sendable () -> Bool)?
    ) {
        let parameters = request.parameters
        self.init(
            k: k, ef: aim.ef, exact: aim.isExact, indexedOnly: parameters.indexedOnly,
            ignoreCodes: parameters.ignoreQuantization, rescore: mayEstimate ? parameters.rescore ?? true : true,
            oversampling: max(parameters.oversampling ?? 1, 1), excluded: excluded, cancelled: cancelled)
    }
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

    /// Hits as points with the score that the API shows.
    fileprivate func scored(_ hits: [Hit], _ request: SearchRequest, _ space: VectorSpace) throws
        -> [(slot: UInt32, point: ScoredPoint)]
    {
        var scored: [(slot: UInt32, point: ScoredPoint)] = []
        scored.reserveCapacity(min(hits.count, request.limit))
        for hit in hits.dropFirst(request.offset) {
            let score = space.metric.shown(hit.score)
            if let threshold = request.scoreThreshold, !space.metric.passes(score, threshold: threshold) { break }
            let point = ScoredPoint(
                id: points.id(hit.slot), version: points.version(hit.slot), score: score,
                vectors: try vectors(request.vectors, hit.slot))
            scored.append((hit.slot, point))
        }
        return scored
    }
}

extension PointCollection {
    /// Bytes that the filters of searches in one state may take.
    private static let mostFilterBytes = 64 << 20

    /// How many of the searches can be made in one state: their filters' bitmaps are held at the same time.
    fileprivate func mostSearchesTogether(_ requests: ArraySlice<SearchRequest>) -> Int {
        let bytes = lock.read { generation.points.slotCount } / 8 + 1
        var room = Self.mostFilterBytes
        let count = requests.prefix { request in
            if let filter = request.filter, !filter.isEmpty { room -= bytes }
            return room >= 0
        }.count
        return max(count, 1)
    }
}
