/// Answers filters from payload indexes, once those that are missing have been built.
final class IndexedReader: Sendable {
    private let builds: IndexBuilds
    private let environment: Environment

    init(builds: IndexBuilds, environment: Environment) {
        self.builds = builds
        self.environment = environment
    }

    /// Runs `body` under the collection's shared lock once every payload index that it needs is there. Throws `.timeout`
    /// when building them takes longer than the deadline; the build goes on. Throws `PayloadIndexesMissing` where this
    /// thread must not wait for that (`Engine.withoutWaitingForIndexes`).
    func reading<T>(
        _ collection: PointCollection, filter: Filter?, _ operation: String, deadline: Deadline? = nil,
        _ body: (Generation, inout FilterPace) throws -> T
    ) throws -> T {
        try reading(collection, filters: filter.map { [$0] } ?? [], operation, deadline: deadline, body)
    }

    /// The same for several filters, and for keys that points are ordered by.
    func reading<T>(
        _ collection: PointCollection, filters: [Filter], orderKeys: [PayloadPath] = [], _ operation: String,
        deadline: Deadline? = nil, _ body: (Generation, inout FilterPace) throws -> T
    ) throws -> T {
        var attemptsLeft = Self.mostAttempts
        var outdated = 0
        while attemptsLeft > 0 {
            var missing: [FieldIndexKey] = []
            do {
                let result: T? = try collection.lock.read {
                    guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
                    missing = collection.generation.payloadIndexes.missing(for: filters, orders: orderKeys)
                    guard missing.isEmpty else { return nil }
                    var pace = FilterPace(
                        collection, yields: outdated < Self.mostOutdated, until: deadline, operation, environment.time)
                    return try body(collection.generation, &pace)
                }
                if let result { return result }
            } catch is FilterPace.Outdated {
                outdated += 1
                continue
            }
            attemptsLeft -= 1
            try build(missing, of: collection, until: deadline)
        }
        throw Self.evicted
    }

    /// Evaluations in vain after which one lets nobody go ahead.
    private static let mostOutdated = 3

    /// Builds after which an index may be gone again before it was used: others have taken its memory.
    static let mostAttempts = 8
    static let evicted = EngineError.busy(
        "The payload indexes that the filter needs are evicted by others before they are used; declare them, or try again"
    )

    /// Makes the indexes of the declared schema that are not there yet (after a start, or a compaction). Throws as `reading`.
    func buildDeclared(_ collection: PointCollection, until deadline: Deadline? = nil) throws {
        let missing = collection.missingDeclaredIndexes
        if !missing.isEmpty { try build(missing, of: collection, until: deadline) }
    }

    private func build(_ keys: [FieldIndexKey], of collection: PointCollection, until deadline: Deadline?) throws {
        guard PayloadIndexesMissing.mayWait else { throw PayloadIndexesMissing(collection: collection, keys: keys) }
        // A build that nobody calls for is begun last.
        let build = builds.request(keys, of: collection) { _ in }
        guard environment.executor.wait(for: build.isDone, until: deadline) else { throw timedOut("Index") }
        try build.outcome?.get()
    }
}

extension PointCollection {
    /// The indexes of the declared schema that are not there.
    var missingDeclaredIndexes: [FieldIndexKey] {
        lock.read {
            let indexes = generation.payloadIndexes
            return indexes.schemas.flatMap { path, schema in indexes.missing(for: schema, at: path) }
        }
    }
}

extension Generation {
    /// The live slots that match a filter whose payload indexes are all there. Under the shared lock, which isn't let go.
    func matchingSlots(_ filter: Filter) -> (words: [UInt64], count: Int) {
        matchingSlots(filter, among: LivePoints(points), slot: { self.points.slot(of: $0) }, step: {})
    }

    /// The same among the points of one time, in parts between which others go ahead.
    func matchingSlots(
        _ filter: Filter, among live: LivePoints, _ pace: inout FilterPace
    ) throws -> (words: [UInt64], count: Int) {
        // A point may have another slot after a pause.
        var slots: [PointID: UInt32] = [:]
        filter.forEachLeaf { condition in
            guard case .hasID(let ids) = condition else { return }
            for id in ids { slots[id] = points.slot(of: id) }
        }
        return try matchingSlots(filter, among: live, slot: { [slots] in slots[$0] }, step: { try pace.step() })
    }

    private func matchingSlots(
        _ filter: Filter, among live: LivePoints, slot: @escaping (PointID) -> UInt32?, step: () throws -> Void
    ) rethrows -> (words: [UInt64], count: Int) {
        // Words made for one evaluation, kept until it ends.
        var made: [UnsafeMutablePointer<UInt64>] = []
        defer { for words in made { words.deallocate() } }
        let context = FilterContext(
            slot: slot,
            vectorSlots: { name in
                guard let space = self.space(name) else { return nil }
                let words = self.words(with: space)
                made.append(words)
                return UnsafePointer(words)
            })
        return try live.words.withUnsafeBufferPointer { words in
            guard let base = words.baseAddress else { return ([], 0) }
            return try payloadIndexes.evaluate(
                filter, universe: live.slotCount, live: base, context: context, step: step)
        }
    }

    /// What an explanation tells of a filter that `matching` points fulfil; `nil` for none. Under the shared lock.
    func summary(of filter: Filter?, matching: Int?) -> Explanation.FilterSummary? {
        guard let filter, let matching else { return nil }
        return payloadIndexes.summary(of: filter, matching: matching)
    }

    /// One bit a slot: whether it has the vector. The caller deallocates it. Complexity: O(slots).
    private func words(with space: VectorSpace) -> UnsafeMutablePointer<UInt64> {
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: points.live.count)
        words.initialize(repeating: 0, count: points.live.count)
        for slot in 0..<points.slotCount where points.vectors(UInt32(slot)) & space.bit != 0 {
            words[slot >> 6] |= 1 << UInt64(slot & 63)
        }
        return words
    }
}
