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
        _ deadline: Deadline?, _ watches: [Stopwatch]
    ) throws -> [QueryResult] {
        let runs = try zip(requests, watches).map { request, watch in
            let run = QueryRun(request, watch)
            try run.check { try lookedUp(request.query) }
            return run
        }
        let keepsQueries = configuration.recallAudits.keepsQueries
        try reader.reading(
            collection, filters: requests.compactMap(\.query.filter), orderKeys: requests.compactMap(\.query.orderKey),
            operation, deadline: deadline,
            pinning: { view in
                for run in runs { run.hasWaited() }
                for run in runs { try run.prepare(view, keepsQueries: keepsQueries) }
            }
        ) { _, pace in
            for run in runs { try run.evaluate(&pace) }
            for run in runs { try run.page(&pace) }
        }
        let time = environment.time
        let expired = { @Sendable in
            CoreTurn.step()
            return deadline.map(time.isOver) ?? false
        }
        for run in runs { try run.find(operation, expired, time) }
        try collection.lock.read { for run in runs { try run.name() } }
        return try runs.map { run in
            try run.addPayloads { slots, selector, generation in
                try payloads(slots, selector, generation, operation, deadline, mayWait: true)
            }
        }
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

    /// Some ten nanoseconds each.
    private static let mostLooksForLock = 100

    private func queryAtOnce(
        _ collection: PointCollection, _ request: QueryRequest, within limit: Duration, scanning mostScanned: Int
    ) throws -> QueryResult? {
        let run = QueryRun(request, Stopwatch(isOn: request.explain, environment.time))
        let work = WorkLimit(limit, environment.time)
        let isReady = try collection.lock.tryRead { () throws -> Bool in
            try run.prepareBriefly(
                CollectionView(collection, filters: request.query.filter.map { [$0] } ?? []),
                keepsQueries: configuration.recallAudits.keepsQueries)
        }
        guard isReady == true, try run.evaluateBriefly() else { return nil }
        do {
            try run.find("Search", { work.isOver }, environment.time, scanning: mostScanned)
        } catch is QueryRun.GivenUp {
            return nil
        }
        do {
            // Others hold the lock for moments; a search that is done is worth asking for it a few times.
            var isNamed = false
            for _ in 0..<Self.mostLooksForLock where !isNamed {
                isNamed = try collection.lock.tryRead { try run.name() } != nil
            }
            guard isNamed else { return nil }
            var result = try run.addPayloads { slots, selector, generation in
                try payloads(slots, selector, generation, "Search", nil, mayWait: false)
            }
            result.explanation?.times.total = run.watch.elapsed
            return result
        } catch is StaleSlot {
            return nil
        } catch is ReadWouldWait {
            return nil
        }
    }

    /// The query's vector from another collection, when the request looks it up there.
    private func lookedUp(_ query: Query) throws -> VectorValue? {
        guard let location = query.lookupFrom, case .nearest(.id(let id)) = query.ranking else { return nil }
        return try withCollection(location.collection) { collection in
            try collection.lock.read {
                guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
                let name = location.vector ?? query.using ?? ""
                guard let field = collection.generation.field(name) else { throw unknownVector(name) }
                return try collection.generation.storedVector(id, field)
            }
        }
    }
}

extension Query {
    /// What a user calls it, for errors.
    fileprivate var operation: String { if case .nearest = ranking { "Search" } else { "Scroll" } }
}

extension PointCollection {
    /// Bytes that the filters of queries in one state may take.
    private static let mostFilterBytes = 64 << 20

    /// How many of the queries can be answered in one state: their filters' bitmaps are held at the same time.
    fileprivate func mostTogether(_ requests: ArraySlice<QueryRequest>) -> Int {
        guard requests.count > 1 else { return 1 }
        let bytes = lock.read { generation.points.slotCount } / 8 + 1
        var room = Self.mostFilterBytes
        let count = requests.prefix { request in
            if let filter = request.query.filter, !filter.isEmpty { room -= bytes }
            return room >= 0
        }.count
        return max(count, 1)
    }
}
