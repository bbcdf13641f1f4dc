import Glibc
import Logging
import Synchronization
import VectorIndex

/// The background threads: they link published points into graphs, save what they derived, and start compactions.
///
/// They run at a lower priority than searches, and offer their core to others after every slot, so that a search during
/// a bulk upload stays fast: the priority gives a share, but a thread with the lowest may keep its core for a time slice
/// of milliseconds while a search waits.
final class Indexer: Sendable {
    /// Slots linked in one go, before the thread looks at other collections again.
    private static let batch = 64
    /// Links since the last save after which an idle collection's indexes are saved again: this share, and at least
    /// that many.
    private static let saveShare = 0.25
    private static let saveMinimum = 2_000
    private static let retryDelay = Duration.seconds(30)

    private let layout: StorageLayout
    private let fileSystem: any FileSystem
    private let executor: any Executor
    private let time: any TimeSource
    private let logger: Logger
    private let threadCount: Int

    private struct State {
        /// Collections with news.
        var waiting: [PointCollection] = []
        var compactionWaiting: [PointCollection] = []
        var compacting: Compaction?
        /// A collection whose compaction has failed counts as busy until then.
        var failed: (collection: PointCollection, retry: ContinuousClock.Instant)?
        var isStopping = false
        /// The last one compacts.
        var loops: [BackgroundLoop] = []

        func isBusy(_ collection: PointCollection) -> Bool {
            compacting?.collection === collection || failed?.collection === collection
                || compactionWaiting.contains { $0 === collection }
        }
    }

    private let state = Mutex(State())
    private let saving = Mutex(())

    init(threads: Int, layout: StorageLayout, environment: Environment, logger: Logger) {
        threadCount = threads
        self.layout = layout
        fileSystem = environment.files
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
        let (spaces, successors) = collection.lock.read {
            (collection.generation.spaces, collection.generation.successors)
        }
        for space in spaces {
            linked += link(space.index, of: space, collection, &isHelped)
            if let successor = successors[space.id] { linked += link(successor, of: space, collection, &isHelped) }
        }
        // Other collections get their turn before the next batch.
        if linked > 0 || hasChanged { wake(collection) } else { settle(collection) }
        return .again
    }

    /// Links a batch, unless so many threads do already that the settings allow no more.
    private func link(
        _ index: VectorIndex, of space: VectorSpace, _ collection: PointCollection, _ isHelped: inout Bool
    ) -> Int {
        let (gate, limit) = collection.linkGate(space)
        guard gate.enter(limit: limit) else { return 0 }
        defer { if gate.leave() { wake(collection) } }
        if !isHelped, index.pendingCount > Self.batch {
            // Another idle thread may help.
            isHelped = true
            wake(collection)
        }
        var linked = 0
        while !collection.isDropped, !shouldStop {
            let count = index.work(limit: Self.batch) { sched_yield() }
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
        for space in generation.spaces { tellLimit(space, collection) }
        guard generation.spaces.allSatisfy({ $0.index.pendingCount == 0 }) else { return }
        // A file tells whether its graph was looked through, and the last piece of that may be under way on another thread,
        // which has the collection looked at again.
        let isLookedThrough = generation.spaces.allSatisfy { $0.index.uncheckedCount == 0 }
        let isWorthSaving = generation.spaces.contains { space in
            let share = Int(Double(space.index.linkedCount) * Self.saveShare)
            return growth(space) >= max(Self.saveMinimum, share) || hasMended(space)
        }
        if isLookedThrough, isWorthSaving { save(collection) }
        guard wantsCompaction else { return }
        let loop: BackgroundLoop? = state.withLock { state in
            guard !state.isBusy(collection) else { return nil }
            state.compactionWaiting.append(collection)
            return state.loops.last
        }
        loop?.wake()
    }

    /// Logs once that an index can't take more slots.
    private func tellLimit(_ space: VectorSpace, _ collection: PointCollection) {
        guard let limitation = space.index.limitation,
            !space.hasToldLimit.exchange(true, ordering: .relaxed)
        else { return }
        logger.error(
            "An index can't grow; each search scans what is not in it",
            metadata: [
                "collection": "\(collection.name)", "vector": "\(space.name)", "indexed": "\(space.index.linkedCount)",
                "why": "\(limitation)",
            ])
    }

    /// Slots linked since the index was saved or loaded.
    private func growth(_ space: VectorSpace) -> Int {
        space.index.linkedCount - space.savedCount.load(ordering: .relaxed)
    }

    /// Whether slots were mended since the index was saved or loaded.
    private func hasMended(_ space: VectorSpace) -> Bool {
        space.index.reachability.mended != space.savedMends.load(ordering: .relaxed)
    }

    /// Saves the collection's indexes that changed since the last save.
    func save(_ collection: PointCollection) {
        saving.withLock { _ in
            guard !collection.isDropped else { return }
            let generation = collection.lock.read { collection.generation }
            for space in generation.spaces where growth(space) > 0 || hasMended(space) {
                let path = layout.indexFile(collection.id, generation.number, space.id)
                do {
                    let linked = space.index.linkedCount
                    let mended = space.index.reachability.mended
                    // What can be derived again takes none of the space that deletions may need.
                    let memory = space.index.memory
                    try fileSystem.requireFree(
                        memory.codes + memory.reducedCodes + memory.links + DiskReserve.mostBytes, at: path)
                    try IndexFile(path: path, fileSystem: fileSystem).save(space.index)
                    space.savedCount.store(linked, ordering: .relaxed)
                    space.savedMends.store(mended, ordering: .relaxed)
                } catch {
                    // Only the next start gets slower.
                    logger.warning("An index can't be saved", metadata: ["path": "\(path)", "why": "\(error)"])
                }
            }
        }
    }

    /// Counts what a start loaded from files as saved.
    func noteLoaded(_ collection: PointCollection) {
        for space in collection.generation.spaces {
            space.savedCount.store(space.index.linkedCount, ordering: .relaxed)
        }
    }

    /// Goes on with the compaction at hand, or begins the next one.
    private func compactStep(_ compactor: Compactor) -> BackgroundLoop.Next {
        let now = time.now
        if let failed = state.withLock({ $0.failed }) {
            if now < failed.retry && !shouldStop { return .after(failed.retry - now) }
            state.withLock { $0.failed = nil }
            wake(failed.collection)
        }
        let current = state.withLock { state in
            if state.compacting == nil, !state.isStopping, !state.compactionWaiting.isEmpty {
                state.compacting = compactor.begin(state.compactionWaiting.removeFirst())
            }
            return state.compacting
        }
        guard let current else { return shouldStop ? .ended : .whenWoken }
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
            let isFailure = !(error is Compaction.Outdated) && !collection.isDropped && !shouldStop
            // Tried again, but not at once: the disk may be full.
            state.withLock { state in
                state.compacting = nil
                if isFailure { state.failed = (collection, now + Self.retryDelay) }
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

    /// Whether an index was built with settings that have changed. Under the lock.
    var wantsRebuild: Bool { generation.spaces.contains { $0.index.parameters != wanted($0) } }

    private func wanted(_ space: VectorSpace) -> IndexParameters {
        configuration.parameters(of: space).indexParameters(in: configuration)
    }

    /// Begins indexes with the settings that now hold, beside those that were built with others, and puts them in their places
    /// when they are complete. Returns whether anything was begun or put in place.
    fileprivate func reconsiderIndexes() -> Bool {
        guard lock.read({ wantsRebuild || !generation.successors.isEmpty }) else { return false }
        return lock.write {
            guard !isDropped else { return false }
            var hasChanged = false
            for space in generation.spaces {
                let wanted = wanted(space)
                let successor = generation.successors[space.id]
                if space.index.parameters == wanted {
                    generation.dropSuccessor(of: space.id)
                } else if let successor, successor.parameters == wanted {
                    guard successor.isAsFar(as: space.index) else { continue }
                    generation.adoptSuccessor(of: space.id)
                    hasChanged = true
                } else {
                    generation.beginSuccessor(of: space, wanted)
                    hasChanged = true
                }
            }
            return hasChanged
        }
    }
}

extension VectorIndex {
    /// Whether searches find here what they find in another index over the same rows. While points keep coming, neither is ever
    /// complete.
    fileprivate func isAsFar(as other: VectorIndex) -> Bool {
        if other.pendingCount > 0 { return linkedCount >= other.linkedCount && pendingCount <= other.pendingCount }
        return pendingCount == 0 && uncheckedCount == 0
    }
}
