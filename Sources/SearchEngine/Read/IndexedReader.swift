/// Answers filters from payload indexes, once those that are missing have been built.
final class IndexedReader: Sendable {
    private let builds: IndexBuilds
    private let environment: Environment

    init(builds: IndexBuilds, environment: Environment) {
        self.builds = builds
        self.environment = environment
    }

    /// Evaluates a filter in one state of the collection. As the other `reading`.
    func reading<T>(
        _ collection: PointCollection, filter: Filter?, _ operation: String, deadline: Deadline? = nil,
        _ body: (CollectionView, inout FilterPace) throws -> T
    ) throws -> T {
        try reading(collection, filters: filter.map { [$0] } ?? [], operation, deadline: deadline, body)
    }

    /// Fixes a state of the collection in which every payload index is there that the filters, and keys that points are ordered
    /// by, need, and runs `body` on it. Where payloads were exchanged meanwhile it does so again; so both closures may be called
    /// several times.
    ///
    /// Throws `.timeout` when building indexes takes longer than the deadline; the build goes on. Throws
    /// `PayloadIndexesMissing` where this thread must not wait for that (`Engine.withoutWaitingForIndexes`).
    ///
    /// - Parameters:
    ///   - pinning: called under the collection's shared lock, for what else is fixed.
    ///   - body: called without a lock.
    func reading<T>(
        _ collection: PointCollection, filters: [Filter], orderKeys: [PayloadPath] = [], _ operation: String,
        deadline: Deadline? = nil, pinning: (CollectionView) throws -> Void = { _ in },
        _ body: (CollectionView, inout FilterPace) throws -> T
    ) throws -> T {
        var attemptsLeft = Self.mostAttempts
        var outdated = 0
        while attemptsLeft > 0 {
            var missing: [FieldIndexKey] = []
            func attempt() throws -> T? {
                let view = try collection.lock.read { () throws -> CollectionView in
                    let view = try CollectionView(collection, filters: filters, orderKeys: orderKeys)
                    guard view.missing.isEmpty else { return view }
                    guard view.isCurrent else { throw FilterPace.Outdated() }
                    try pinning(view)
                    return view
                }
                missing = view.missing
                guard missing.isEmpty else { return nil }
                var pace = FilterPace(view, until: deadline, operation, environment.time)
                let result = try body(view, &pace)
                guard view.isCurrent else { throw FilterPace.Outdated() }
                return result
            }
            do {
                let result =
                    outdated == 0
                    ? try attempt()
                    : try afterChanges(
                        collection, holding: outdated >= Self.mostOutdated, operation, until: deadline, attempt)
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

    /// After so many outdated attempts the collection's payloads aren't changed during the next.
    private static let mostOutdated = 8

    /// Runs an attempt once no change of the collection's payloads is under way.
    private func afterChanges<T>(
        _ collection: PointCollection, holding: Bool, _ operation: String, until deadline: Deadline?,
        _ attempt: () throws -> T?
    ) throws -> T? {
        let indexes = collection.lock.read { collection.generation.payloadIndexes }
        let limit = environment.time.remaining(until: deadline)
        guard let result = try indexes.betweenChanges(within: limit, holding: holding, attempt) else {
            throw timedOut(operation)
        }
        return result
    }

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
        let indexes = lock.read { generation.payloadIndexes }.view()
        return indexes.schemas.flatMap { path, schema in indexes.missing(for: schema, at: path) }
    }
}
