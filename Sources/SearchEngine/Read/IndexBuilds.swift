import GRDB
import Logging
import Synchronization

/// Builds payload indexes that reads and writes need, on threads of its own: no caller's thread is held, and a request
/// whose time is up is answered while the build that it wanted goes on.
///
/// Up to `mostAtOnce` builds run beside each other, so that a long one doesn't hold up a short one. Whatever else a
/// collection needs until one of its builds begins is added to that build: one scan makes all of it. Builds that somebody
/// waits for go before those that a start or a compaction calls for.
final class IndexBuilds: Sendable {
    /// Each reads all payloads of a collection and keeps a database connection and a core busy.
    private static let mostAtOnce = 4

    /// One scan of a collection's payloads, and the indexes that it is to make.
    final class Build: Sendable {
        let collection: PointCollection
        let isDone = Latch()
        fileprivate let state: Mutex<State>

        fileprivate struct State {
            var keys: Set<FieldIndexKey>
            /// Some who wait for this build asked for these together: what exists of them must not be evicted for the rest.
            var needed: Set<FieldIndexKey>
            var waiters: [@Sendable (Result<Void, any Error>) -> Void] = []
            var hasBegun = false
            var outcome: Result<Void, any Error>?
        }

        fileprivate init(_ collection: PointCollection, _ keys: [FieldIndexKey]) {
            self.collection = collection
            state = Mutex(State(keys: Set(keys), needed: Set(keys)))
        }

        var outcome: Result<Void, any Error>? { state.withLock { $0.outcome } }
        fileprivate var isAwaited: Bool { state.withLock { !$0.waiters.isEmpty } }
    }

    private struct State {
        /// In the order in which they were asked for.
        var waiting: [Build] = []
        var running: [Build] = []
        var isStopping = false
    }

    private let database: EngineDatabase
    private let publication: TimedLock
    private let environment: Environment
    private let logger: Logger
    private let state = Mutex(State())
    private let loops = Mutex<[BackgroundLoop]>([])

    init(database: EngineDatabase, publication: TimedLock, environment: Environment, logger: Logger) {
        self.database = database
        self.publication = publication
        self.environment = environment
        self.logger = logger
    }

    private var executor: any Executor { environment.executor }

    func start() {
        let made = (0..<Self.mostAtOnce).map { number in
            BackgroundLoop("trendex-build-\(number)", .foreground) { [self] in step() }
        }
        loops.withLock { $0 = made }
        made.forEach(executor.start)
    }

    /// Ends after the builds at hand. Those that haven't begun fail.
    func stop() {
        let abandoned = state.withLock { state in
            state.isStopping = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for build in abandoned { end(build, .failure(Self.stopping)) }
        executor.end(loops.withLock { $0 })
    }

    private static let stopping = EngineError.unavailable("The engine is stopping")

    /// Has the indexes built, and calls `completion` when they are, or when that has failed: on the thread that built them,
    /// or on this one.
    ///
    /// - Parameter keys: as `PayloadIndexes.missing` tells them. Those that exist meanwhile are not built again.
    @discardableResult
    func request(
        _ keys: [FieldIndexKey], of collection: PointCollection,
        completion: (@Sendable (Result<Void, any Error>) -> Void)? = nil
    ) -> Build {
        let build: Build? = state.withLock { state in
            guard !state.isStopping else { return nil }
            let joined =
                state.running.first { $0.collection === collection && $0.add(keys, completion, all: true) }
                ?? state.waiting.first { $0.collection === collection && $0.add(keys, completion, all: false) }
            if let joined { return joined }
            let build = Build(collection, keys)
            if let completion { build.state.withLock { $0.waiters.append(completion) } }
            state.waiting.append(build)
            return build
        }
        guard let build else {
            let build = Build(collection, keys)
            end(build, .failure(Self.stopping))
            completion?(.failure(Self.stopping))
            return build
        }
        loops.withLock { $0 }.forEach { $0.wake() }
        return build
    }

    private func step() -> BackgroundLoop.Next {
        let (build, isStopping) = state.withLock { state -> (Build?, Bool) in
            guard !state.isStopping else { return (nil, true) }
            guard let place = state.waiting.firstIndex(where: \.isAwaited) ?? state.waiting.indices.first else {
                return (nil, false)
            }
            let build = state.waiting.remove(at: place)
            build.state.withLock { $0.hasBegun = true }
            state.running.append(build)
            return (build, false)
        }
        guard let build else { return isStopping ? .ended : .whenWoken }
        let outcome = Result { try run(build) }
        state.withLock { state in state.running.removeAll { $0 === build } }
        end(build, outcome)
        return .again
    }

    private func end(_ build: Build, _ outcome: Result<Void, any Error>) {
        let waiters = build.state.withLock { state in
            state.outcome = outcome
            defer { state.waiters = [] }
            return state.waiters
        }
        build.isDone.open()
        for waiter in waiters { waiter(outcome) }
    }

    /// Scans a snapshot of the payloads while writes go on, then replays what they changed and installs the indexes.
    private func run(_ build: Build) throws {
        let collection = build.collection
        let keys = build.state.withLock { Array($0.keys) }
        let start = environment.time.now
        var points = 0
        publication.lock()
        var isLocked = true
        defer { if isLocked { publication.unlock() } }
        guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
        let generation = collection.generation
        let builder = generation.payloadIndexes.makeBuilder(for: keys, budget: collection.changeMemory)
        guard !builder.keys.isEmpty else { return }
        generation.payloadIndexBuilds.wrappingAdd(1, ordering: .relaxed)
        defer { generation.payloadIndexBuilds.wrappingSubtract(1, ordering: .relaxed) }
        try database.read { db in
            // The first statement fixes the snapshot, so from here on writers may go on; the builder logs them.
            _ = try Row.fetchOne(db, sql: "SELECT version FROM collections WHERE id = ?", arguments: [collection.id])
            publication.unlock()
            isLocked = false
            do {
                try generation.table.forEachRecord(db) { row, _, payload in
                    builder.feed(row.slot, payload.value)
                    points += 1
                }
            } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR && collection.isDropped {
                throw PointCollection.missing(collection.name)
            }
        }
        builder.finish()
        // A compaction meanwhile made all slots new: then whoever needs the indexes asks again.
        generation.payloadIndexes.install(builder)
        let duration = environment.time.now - start
        for key in builder.keys {
            logger.tell(
                .payloadIndexBuilt(
                    key, collection: collection.name, points: points, isOnFirstUse: !builder.declared.contains(key),
                    duration))
        }
    }
}

extension IndexBuilds.Build {
    /// Joins a wish with this build. `all`: only if the build makes everything already. Returns whether it was joined.
    fileprivate func add(
        _ wanted: [FieldIndexKey], _ completion: (@Sendable (Result<Void, any Error>) -> Void)?, all: Bool
    ) -> Bool {
        state.withLock { state in
            guard state.outcome == nil else { return false }
            if all {
                guard state.keys.isSuperset(of: wanted) else { return false }
            } else {
                guard !state.hasBegun else { return false }
                state.keys.formUnion(wanted)
            }
            if let completion { state.waiters.append(completion) }
            return true
        }
    }
}
