import Foundation
import Logging
import Synchronization
import VectorIndex

/// The background threads: they link published points into graphs, save what they derived, and start compactions.
///
/// They run at a lower priority than searches, and offer their core to others after every slot, so that a search during
/// a bulk upload stays fast: the priority gives a share, but a thread with the lowest may keep its core for a time slice
/// of milliseconds while a search waits.
final class Indexer: @unchecked Sendable {
    /// Slots linked in one go, before the thread looks at other collections again.
    private static let batch = 64
    /// Links since the last save after which an idle collection's indexes are saved again: this share, and at least
    /// that many.
    private static let saveShare = 0.25
    private static let saveMinimum = 2_000
    private static let retrySeconds: TimeInterval = 30

    private let layout: StorageLayout
    private let fileSystem: any FileSystem
    private let logger: Logger
    private let threadCount: Int
    private let condition = NSCondition()
    // Under the condition.
    private var waiting: [PointCollection] = []
    private var isStopping = false
    private var running = 0
    private var compacting: Set<ObjectIdentifier> = []
    private var compactionWaiting: [PointCollection] = []
    private let saving = Mutex(())

    init(threads: Int, layout: StorageLayout, fileSystem: any FileSystem, logger: Logger) {
        threadCount = threads
        self.layout = layout
        self.fileSystem = fileSystem
        self.logger = logger
    }

    func start(declaredIndexes reader: FacetReader, compactor: Compactor) {
        condition.lock()
        running = threadCount + 1
        condition.unlock()
        for number in 0..<threadCount {
            makeThread("trendex-index-\(number)") { [self] in linkLoop(reader) }
        }
        makeThread("trendex-compact") { [self] in compactLoop(compactor) }
    }

    private func makeThread(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let thread = Thread { [self] in
            runBehindSearches(nice: 10)
            body()
            condition.lock()
            running -= 1
            condition.broadcast()
            condition.unlock()
        }
        thread.name = name
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Ends the threads after the batches at hand.
    func stop() {
        condition.lock()
        isStopping = true
        condition.broadcast()
        while running > 0 { condition.wait() }
        condition.unlock()
    }

    var shouldStop: Bool {
        condition.lock()
        defer { condition.unlock() }
        return isStopping
    }

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
        condition.lock()
        waiting.removeAll { $0 === collection }
        compactionWaiting.removeAll { $0 === collection }
        condition.unlock()
    }

    /// The settings changed: the graphs may have to be made anew.
    func reconsider(_ collection: PointCollection) { wake(collection) }

    /// Whether the collection is being compacted or waits for it.
    func isBusy(_ collection: PointCollection) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        return compacting.contains(ObjectIdentifier(collection))
            || compactionWaiting.contains { $0 === collection }
    }

    private func wake(_ collection: PointCollection) {
        condition.lock()
        if !waiting.contains(where: { $0 === collection }) { waiting.append(collection) }
        condition.broadcast()
        condition.unlock()
    }

    private func linkLoop(_ reader: FacetReader) {
        while let collection = next() {
            guard !collection.isDropped else { continue }
            do {
                try reader.buildDeclared(collection)
            } catch {
                // Whoever needs the index builds it, and is told if that fails.
                logger.warning(
                    "A payload index can't be built", metadata: ["collection": "\(collection.name)", "why": "\(error)"])
            }
            var linked = 0
            var isHelped = false
            repeat {
                linked = 0
                for space in collection.lock.read({ collection.generation.spaces }) {
                    linked += link(space, collection, &isHelped)
                }
            } while linked > 0 && !collection.isDropped && !shouldStop
            settle(collection)
        }
    }

    /// Links a batch, unless so many threads do already that the settings allow no more.
    private func link(_ space: VectorSpace, _ collection: PointCollection, _ isHelped: inout Bool) -> Int {
        let (gate, limit) = collection.linkGate(space)
        guard gate.enter(limit: limit) else { return 0 }
        defer { if gate.leave() { wake(collection) } }
        if !isHelped, space.index.pendingCount > Self.batch {
            // Another idle thread may help.
            isHelped = true
            wake(collection)
        }
        var linked = 0
        while !collection.isDropped, !shouldStop {
            let count = space.index.work(limit: Self.batch) { sched_yield() }
            linked += count
            // Without a limit other vectors and collections get their turn.
            if count == 0 || limit == 0 { break }
        }
        return linked
    }

    /// The next collection with news; `nil` at the end. Several threads may work on one collection: it stays in the
    /// list while others could help.
    private func next() -> PointCollection? {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if isStopping { return nil }
            if !waiting.isEmpty { return waiting.removeFirst() }
            condition.wait()
        }
    }

    /// Nothing is left to link: save what is worth it, and compact if it pays.
    private func settle(_ collection: PointCollection) {
        guard !collection.isDropped, !shouldStop else { return }
        let (generation, wantsCompaction) = collection.lock.read {
            (collection.generation, collection.wantsCompaction)
        }
        guard generation.spaces.allSatisfy({ $0.index.pendingCount == 0 }) else { return }
        let isWorthSaving = generation.spaces.contains { space in
            let share = Int(Double(space.index.linkedCount) * Self.saveShare)
            return growth(space) >= max(Self.saveMinimum, share)
                || hasMended(space) && space.index.uncheckedCount == 0
        }
        if isWorthSaving { save(collection) }
        guard wantsCompaction else { return }
        condition.lock()
        if !compacting.contains(ObjectIdentifier(collection)), !compactionWaiting.contains(where: { $0 === collection })
        {
            compactionWaiting.append(collection)
            condition.broadcast()
        }
        condition.unlock()
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
                let path = layout.indexFile(collection.id, generation.number, space.number)
                do {
                    let linked = space.index.linkedCount
                    let mended = space.index.reachability.mended
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

    /// Waits, but not beyond the engine's stop.
    private func pause(_ seconds: TimeInterval) {
        let end = Date().addingTimeInterval(seconds)
        condition.lock()
        while !isStopping && Date() < end { _ = condition.wait(until: end) }
        condition.unlock()
    }

    private func compactLoop(_ compactor: Compactor) {
        while true {
            condition.lock()
            while compactionWaiting.isEmpty && !isStopping { condition.wait() }
            guard !isStopping else {
                condition.unlock()
                return
            }
            let collection = compactionWaiting.removeFirst()
            compacting.insert(ObjectIdentifier(collection))
            condition.unlock()
            do {
                try compactor.compact(collection) { [self] in shouldStop }
                collection.backgroundError.withLock { $0 = nil }
            } catch {
                if !collection.isDropped && !shouldStop {
                    logger.error(
                        "A compaction failed", metadata: ["collection": "\(collection.name)", "why": "\(error)"])
                    collection.backgroundError.withLock { $0 = "Compaction failed: \(error)" }
                }
            }
            let failed = collection.backgroundError.withLock { $0 != nil }
            // Tried again, but not at once: the disk may be full.
            if failed { pause(Self.retrySeconds) }
            condition.lock()
            compacting.remove(ObjectIdentifier(collection))
            condition.unlock()
            wake(collection)
        }
    }
}

extension PointCollection {
    /// Whether tombstones take so much, or settings have so changed, that a new generation pays. Under the shared lock.
    var wantsCompaction: Bool {
        let points = generation.points
        let dead = points.slotCount - points.liveCount
        if dead >= 1_000 && dead * 5 > points.slotCount { return true }
        return generation.spaces.contains { space in
            guard let parameters = configuration.vectors[space.name] else { return false }
            return space.index.parameters != parameters.indexParameters(in: configuration)
        }
    }
}
