import Glibc
import Logging
import Synchronization

/// The background threads: they link published points into graphs, save what they derived, and start compactions.
///
/// They run at a lower priority than searches, and offer their core to others after every slot, so that a search during
/// a bulk upload stays fast: the priority gives a share, but a thread with the lowest may keep its core for a time slice
/// of milliseconds while a search waits.
final class Indexer: Sendable {
    /// Slots linked in one go, before the thread looks at other collections again.
    private static let batch = 64
    private static let retryDelay = Duration.seconds(30)

    private let executor: any Executor
    private let time: any TimeSource
    private let logger: Logger
    private let threadCount: Int

    private struct State {
        /// Collections with news.
        var waiting: [PointCollection] = []
        var compactionWaiting: [PointCollection] = []
        var compacting: Compaction?
        /// Collections whose compactions have failed count as busy until then.
        var failed: [(collection: PointCollection, retry: ContinuousClock.Instant)] = []
        var isStopping = false
        /// The last one compacts.
        var loops: [BackgroundLoop] = []

        func isBusy(_ collection: PointCollection) -> Bool {
            compacting?.collection === collection || failed.contains { $0.collection === collection }
                || compactionWaiting.contains { $0 === collection }
        }
    }

    private let state = Mutex(State())
    private let saving = Mutex(())

    init(threads: Int, environment: Environment, logger: Logger) {
        threadCount = threads
        executor = environment.executor
        time = environment.time
        self.logger = logger
    }

    func start(_ builds: IndexBuilds, compactor: Compactor) {
        var loops = (0..<threadCount).map { number in
            BackgroundLoop("trendex-index-\(number)", .background(nice: 10)) { [self] in linkStep(builds) }
        }
        loops.append(
            BackgroundLoop("trendex-compact", .background(nice: 10)) { [self] in compactStep(compactor) })
        state.withLock { [loops] in $0.loops = loops }
        loops.forEach(executor.start)
    }

    /// Ends the threads after the batches at hand.
    func stop() {
        let loops = state.withLock { state in
            state.isStopping = true
            return state.loops
        }
        executor.end(loops)
    }

    var shouldStop: Bool { state.withLock { $0.isStopping } }

    /// Takes a collection into care, and looks at it at once.
    func watch(_ collection: PointCollection) {
        collection.onChange.withLock {
            $0 = { [weak self, weak collection] in
                if let collection { self?.wake(collection) }
            }
        }
        wake(collection)
    }

    func forget(_ collection: PointCollection) {
        collection.onChange.withLock { $0 = nil }
        state.withLock { state in
            state.waiting.removeAll { $0 === collection }
            state.compactionWaiting.removeAll { $0 === collection }
            // Its files are mapped as long as it is kept.
            state.failed.removeAll { $0.collection === collection }
        }
    }

    /// The settings changed: the graphs may have to be made anew.
    func reconsider(_ collection: PointCollection) { wake(collection) }

    /// Whether the collection is being compacted or waits for it.
    func isBusy(_ collection: PointCollection) -> Bool { state.withLock { $0.isBusy(collection) } }

    private func wake(_ collection: PointCollection) {
        let loops = state.withLock { state in
            if !state.waiting.contains(where: { $0 === collection }) { state.waiting.append(collection) }
            return state.loops
        }
        loops.forEach { $0.wake() }
    }

    /// Links a batch of each vector of the next collection with news. Several threads may work on one collection.
    private func linkStep(_ builds: IndexBuilds) -> BackgroundLoop.Next {
        let (next, isStopping) = state.withLock { state in
            (state.waiting.isEmpty ? nil : state.waiting.removeFirst(), state.isStopping)
        }
        guard !isStopping else { return .ended }
        guard let collection = next else { return .whenWoken }
        guard !collection.isDropped else { return .again }
        let missing = collection.missingDeclaredIndexes
        if !missing.isEmpty { builds.request(missing, of: collection) }
        let hasChanged = collection.reconsiderIndexes()
        var linked = 0
        var isHelped = false
        for field in collection.lock.read({ collection.generation.fields }) {
            linked += link(field, collection, &isHelped)
        }
        // Other collections get their turn before the next batch.
        if linked > 0 || hasChanged { wake(collection) } else { settle(collection) }
        return .again
    }

    /// Links a batch, unless so many threads do already that the settings allow no more.
    private func link(_ field: any VectorField, _ collection: PointCollection, _ isHelped: inout Bool) -> Int {
        let (gate, limit) = collection.linkGate(field)
        guard gate.enter(limit: limit) else { return 0 }
        defer { if gate.leave() { wake(collection) } }
        if !isHelped, field.pendingCount > Self.batch {
            // Another idle thread may help.
            isHelped = true
            wake(collection)
        }
        var linked = 0
        while !collection.isDropped, !shouldStop {
            let count = field.work(limit: Self.batch) { sched_yield() }
            linked += count
            // Without a limit other vectors and collections get their turn.
            if count == 0 || limit == 0 { break }
        }
        return linked
    }

    /// Nothing is left to link: save what is worth it, and compact if it pays.
    private func settle(_ collection: PointCollection) {
        guard !collection.isDropped, !shouldStop else { return }
        let (generation, wantsCompaction) = collection.lock.read {
            (collection.generation, collection.wantsCompaction)
        }
        for field in generation.fields { tellLimit(field, collection) }
        guard generation.fields.allSatisfy({ $0.pendingCount == 0 }) else { return }
        if generation.fields.contains(where: \.isWorthSaving) { save(collection) }
        guard wantsCompaction else { return }
        let loop: BackgroundLoop? = state.withLock { state in
            guard !state.isBusy(collection) else { return nil }
            state.compactionWaiting.append(collection)
            return state.loops.last
        }
        loop?.wake()
    }

    /// Logs once that an index can't take more slots.
    private func tellLimit(_ field: any VectorField, _ collection: PointCollection) {
        guard let limitation = field.takeLimitation() else { return }
        logger.error(
            "An index can't grow; each search scans what is not in it",
            metadata: [
                "collection": "\(collection.name)", "vector": "\(field.name)", "indexed": "\(field.counts.indexed)",
                "why": "\(limitation)",
            ])
    }

    /// Saves what of the collection's fields was derived since the last save.
    func save(_ collection: PointCollection) {
        saving.withLock { _ in
            guard !collection.isDropped else { return }
            for field in collection.lock.read({ collection.generation.fields }) {
                do { try field.saveDerived() } catch {
                    // Only the next start gets slower.
                    logger.warning(
                        "An index can't be saved",
                        metadata: ["path": "\(field.site.indexFile)", "why": "\(error)"])
                }
            }
        }
    }

    /// Goes on with the compaction at hand, or begins the next one.
    private func compactStep(_ compactor: Compactor) -> BackgroundLoop.Next {
        let now = time.now
        let due = state.withLock { state in
            let due = state.failed.filter { $0.retry <= now }
            state.failed.removeAll { $0.retry <= now }
            return due
        }
        for failed in due { wake(failed.collection) }
        let current = state.withLock { state in
            if state.compacting == nil, !state.isStopping, !state.compactionWaiting.isEmpty {
                state.compacting = compactor.begin(state.compactionWaiting.removeFirst())
            }
            return state.compacting
        }
        guard let current else {
            if shouldStop { return .ended }
            let next = state.withLock { $0.failed.map(\.retry).min() }
            return next.map { .after($0 - now) } ?? .whenWoken
        }
        let collection = current.collection
        do {
            let next = shouldStop ? .ended : try current.step()
            guard next == .ended else { return next }
            current.end()
            collection.backgroundError.withLock { $0 = nil }
            state.withLock { $0.compacting = nil }
            wake(collection)
        } catch {
            current.end()
            let isStopping = shouldStop
            // Tried again, but not at once: the disk may be full.
            let isFailure = state.withLock { state in
                state.compacting = nil
                let isFailure = !(error is Compaction.Outdated) && !collection.isDropped && !isStopping
                if isFailure { state.failed.append((collection, now + Self.retryDelay)) }
                return isFailure
            }
            if isFailure {
                logger.error(
                    "A compaction failed", metadata: ["collection": "\(collection.name)", "why": "\(error)"])
                collection.backgroundError.withLock { $0 = "Compaction failed: \(error)" }
            } else {
                wake(collection)
            }
        }
        return .again
    }
}

extension PointCollection {
    /// Whether tombstones take so much that a new generation pays. Under the shared lock.
    var wantsCompaction: Bool {
        // Rows of the table must not have vectors that the next generation hasn't.
        guard generation.leaving.isEmpty else { return false }
        let points = generation.points
        let dead = points.slotCount - points.liveCount
        return dead >= 1_000 && dead * 5 > points.slotCount
    }

    /// Whether settings have changed that a field hasn't caught up with. Under the lock.
    var wantsRebuild: Bool { generation.fields.contains { $0.needsRebuild(configuration) } }

    /// Has the fields follow the settings that now hold. Returns whether anything was begun or put in place.
    fileprivate func reconsiderIndexes() -> Bool {
        guard lock.read({ wantsRebuild }) else { return false }
        return lock.write { !isDropped && generation.follow(configuration) }
    }
}
