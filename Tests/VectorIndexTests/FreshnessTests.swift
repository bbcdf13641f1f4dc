import Quantization
import Testing
import VectorIndex

@Suite struct FreshnessTests {
    /// A slot is found by the search after its publication, whatever the background work has got to.
    @Test(arguments: [0, 16])
    func publishedIsFoundAtOnce(_ m: Int) {
        let parameters = IndexParameters(dimensions: 20, metric: .euclid, m: m)
        var vectors = ClusteredVectors(parameters, clusters: 9, seed: Seed.value)
        let rows = Rows(parameters, capacity: 4000)
        let index = VectorIndex(parameters)
        var random = RandomSource(seed: Seed.value)
        var plans: [SearchMethod: Int] = [:]
        var older = 0
        var found = 0
        while rows.count < 4000 {
            let first = rows.count
            for _ in 0..<min(Int.random(in: 1...60, using: &random), 4000 - first) { rows.append(vectors.next()) }
            index.publish(rows: rows.matrix, count: rows.count, absent: [])
            for slot in [first, rows.count - 1] {
                let outcome = index.search(rows.vector(slot), SearchOptions(k: 1, ef: 16).walking)
                #expect(outcome.hits.first?.score == 0, Seed.note)
                plans[outcome.method, default: 0] += 1
            }
            let slot = Int.random(in: 0..<rows.count, using: &random)
            older += 1
            found += index.search(rows.vector(slot), SearchOptions(k: 1, ef: 16)).hits.first?.score == 0 ? 1 : 0
            if Bool.random(using: &random) { _ = index.work(limit: Int.random(in: 1...100, using: &random)) }
        }
        index.drain()
        #expect(index.pendingCount == 0)
        #expect(Double(found) >= 0.97 * Double(older), Seed.note)
        #expect(m == 0 ? plans[.graph] == nil : plans[.graph, default: 0] > 20, Seed.note)
    }

    /// Between its steps the background work holds nothing that a search, a publication or another thread's work needs.
    @Test func workCanBePausedBetweenSteps() {
        let parameters = IndexParameters(dimensions: 20, metric: .euclid)
        var vectors = ClusteredVectors(parameters, clusters: 9, seed: Seed.value)
        let rows = Rows(parameters, capacity: 2100)
        for _ in 0..<2100 { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 2000, absent: [])
        var pauses = 0
        let linked = index.work(limit: 50) {
            pauses += 1
            if pauses == 1 { index.publish(rows: rows.matrix, count: 2100, absent: []) }
            #expect(index.search(rows.vector(2099), SearchOptions(k: 1, ef: 16)).hits.first?.score == 0, Seed.note)
            _ = index.work(limit: 1)
        }
        #expect(linked == 50 && pauses >= 50)
        index.drain()
        #expect(index.pendingCount == 0 && index.linkedCount == 2100)
    }

    /// The tail lies far outside what the quantizer was trained on.
    @Test(arguments: [8, 20])
    func indexedOnlyLeavesOutTheTail(_ dimensions: Int) {
        let parameters = IndexParameters(dimensions: dimensions, metric: .euclid)
        var vectors = ClusteredVectors(parameters, clusters: 9, seed: Seed.value)
        let rows = Rows(parameters, capacity: 3100)
        for _ in 0..<3000 { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 100, absent: [])
        // Too small for a graph: all of it counts as indexed.
        #expect(index.search(rows.vector(50), SearchOptions(k: 1, indexedOnly: true)).hits.first?.score == 0)
        index.publish(rows: rows.matrix, count: 3000, absent: [])
        index.drain()
        for _ in 0..<100 { rows.append([Float](repeating: 1000, count: dimensions)) }
        index.publish(rows: rows.matrix, count: 3100, absent: [])
        let far = [Float](repeating: 1000, count: dimensions)
        #expect(index.pendingCount == 100)
        #expect(index.search(far, SearchOptions(k: 1, ef: 16)).hits.first?.slot == 3000)
        let indexed = index.search(far, SearchOptions(k: 5, ef: 16, indexedOnly: true))
        #expect(indexed.method == .graph && indexed.hits.count == 5 && indexed.hits.allSatisfy { $0.slot < 3000 })
        index.drain()
        // So far out, a narrow walk needn't come by.
        #expect(index.search(far, SearchOptions(k: 1, ef: 3100, indexedOnly: true)).hits.first?.score == 0)
    }

    @Test func absentAndEarlyRemovedSlotsAreNeverLinkedNorReturned() throws {
        let parameters = IndexParameters(dimensions: 8, metric: .cosine)
        var vectors = ClusteredVectors(parameters, clusters: 9, seed: Seed.value)
        let rows = Rows(parameters, capacity: 12_000)
        for _ in 0..<12_000 { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        let absent = (0..<UInt32(12_000)).filter { $0 % 3 == 0 }
        let removed = (0..<UInt32(12_000)).filter { $0 % 3 == 1 && $0 < 6000 }
        index.publish(rows: rows.matrix, count: 12_000, absent: absent)
        index.remove(removed)
        let live = Set((0..<12_000).filter { $0 % 3 == 2 || ($0 % 3 == 1 && $0 >= 6000) })
        #expect(index.pendingCount == live.count && index.liveCount == live.count)
        index.drain()
        #expect(try index.checkInvariants() >= 0.999)
        #expect(index.pendingCount == 0)
        var sum = 0.0
        for _ in 0..<20 {
            let query = vectors.query()
            let outcome = index.search(query, SearchOptions(k: 10, ef: 16))
            #expect(outcome.method == .graphFiltered)
            expectSound(outcome, rows, query, k: 10, allowed: live)
            sum += recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: Array(live)))
        }
        #expect(sum / 20 > 0.9, Seed.note)
    }
}
