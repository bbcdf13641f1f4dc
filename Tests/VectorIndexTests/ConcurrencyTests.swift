import Glibc
import Quantization
import Synchronization
import TestSupport
import Testing
import VectorIndex

/// Searches shared, writes alone, as the engine locks.
final class SharedLock: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)
    init() { pthread_rwlock_init(lock, nil) }
    deinit {
        pthread_rwlock_destroy(lock)
        lock.deallocate()
    }
    func read<R>(_ body: () throws -> R) rethrows -> R {
        pthread_rwlock_rdlock(lock)
        defer { pthread_rwlock_unlock(lock) }
        return try body()
    }
    func write<R>(_ body: () throws -> R) rethrows -> R {
        pthread_rwlock_wrlock(lock)
        defer { pthread_rwlock_unlock(lock) }
        return try body()
    }
}

@Suite(.serialized) struct ConcurrencyTests {
    /// A writer, linkers, searchers and a saver at once, through training and retraining; then everything must hold.
    @Test(arguments: [Metric.cosine, .euclid])
    func everythingAtOnce(_ metric: Metric) throws {
        let parameters = IndexParameters(dimensions: 12, metric: metric, m: 8, efConstruct: 40)
        // Enough to train twice.
        let total = 4000 + repetitions(16_000)
        let rows = Rows(parameters, capacity: total)
        let lock = SharedLock()
        let index = VectorIndex(parameters)
        let removedSlots = Mutex(Set<Int>())
        let isDone = Atomic(false)
        let problems = Mutex<[String]>([])
        let seed = Seed.value

        @Sendable func writer() {
            var vectors = ClusteredVectors(parameters, clusters: 30, seed: seed)
            var random = RandomSource(seed: seed &+ 1)
            while rows.count < total {
                lock.write {
                    for _ in 0..<min(Int.random(in: 1...200, using: &random), total - rows.count) {
                        rows.append(vectors.next())
                    }
                    index.publish(rows: rows.guardedMatrix(), count: rows.count, absent: [])
                    let slots = (0..<8).map { _ in Int.random(in: 0..<rows.count, using: &random) }
                    index.remove(slots.map { UInt32($0) })
                    removedSlots.withLock { $0.formUnion(slots) }
                }
            }
            isDone.store(true, ordering: .releasing)
        }
        @Sendable func linker() {
            while !isDone.load(ordering: .acquiring) || index.pendingCount > 0 {
                if index.work(limit: 50) == 0 { usleep(100) }
            }
        }
        @Sendable func searcher(_ number: UInt64) {
            var vectors = ClusteredVectors(parameters, clusters: 30, seed: seed)
            var random = RandomSource(seed: seed &+ number)
            repeat {
                let query = vectors.query()
                lock.read {
                    let count = index.publishedCount
                    if count == 0 { return }
                    let filter =
                        Bool.random(using: &random)
                        ? SlotBitmap(count: count) { $0 % 7 < Int(number) } : nil
                    let outcome = index.search(query, SearchOptions(k: 10, ef: 30), allowed: filter)
                    let dead = removedSlots.withLock { $0 }
                    if outcome.hits.count != min(10, outcome.allowedCount) {
                        problems.withLock { $0.append("\(outcome.hits.count) hits of \(outcome.allowedCount)") }
                    }
                    for hit in outcome.hits
                    where Int(hit.slot) >= count || dead.contains(Int(hit.slot))
                        || filter?.contains(hit.slot) == false
                    {
                        problems.withLock { $0.append("slot \(hit.slot) should not be returned") }
                    }
                    // The newest slot is found, wherever the linkers are.
                    if !dead.contains(count - 1) {
                        let newest = index.search(rows.vector(count - 1), SearchOptions(k: 1)).hits
                        let best = index.score(rows.vector(count - 1), slot: UInt32(count - 1))
                        if (newest.first?.score ?? -.infinity) < best - 1e-5 {
                            problems.withLock { $0.append("slot \(count - 1) is not found") }
                        }
                    }
                }
            } while !isDone.load(ordering: .acquiring)
        }
        @Sendable func saver() {
            repeat {
                do {
                    let file = MemoryFile()
                    try index.save(to: file)
                    let loaded = try VectorIndex.load(from: file, parameters: parameters, rowCount: total)
                    try loaded.checkSavedInvariants()
                } catch {
                    problems.withLock { $0.append("save: \(error)") }
                }
                usleep(20_000)
            } while !isDone.load(ordering: .acquiring)
        }
        let tasks: [@Sendable () -> Void] = [
            writer, linker, linker, { searcher(1) }, { searcher(4) }, saver,
        ]
        onThreads(tasks.count) { tasks[$0]() }

        #expect(problems.withLock { Array(Set($0).prefix(5)) } == [], Seed.note)
        #expect(index.pendingCount == 0 && index.linkedCount == total)
        #expect(try index.checkInvariants() >= 0.999, Seed.note)
        let live = Set(0..<total).subtracting(removedSlots.withLock { $0 })
        #expect(index.liveCount == live.count)
        var vectors = ClusteredVectors(parameters, clusters: 30, seed: seed)
        // So many that the mean is the index's, and not that of a few hard queries.
        let queries = 300
        var sum = 0.0
        for _ in 0..<queries {
            let query = vectors.query()
            let outcome = index.search(query, SearchOptions(k: 10).walking)
            #expect(outcome.method == .graphFiltered)
            expectSound(outcome, rows, query, k: 10, allowed: live)
            sum += recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: Array(live)))
        }
        #expect(sum / Double(queries) > 0.97, Seed.note)
    }
}
