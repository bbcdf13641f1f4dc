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
        while rows.count < 4000 {
            let first = rows.count
            for _ in 0..<min(Int.random(in: 1...60, using: &random), 4000 - first) { rows.append(vectors.next()) }
            index.publish(rows: rows.matrix, count: rows.count, absent: [])
            for slot in [first, rows.count - 1] {
                let hits = index.search(rows.vector(slot), SearchOptions(k: 1)).hits
                #expect(hits.first?.score == 0, Seed.note)
            }
            if Bool.random(using: &random) { _ = index.work(limit: Int.random(in: 1...100, using: &random)) }
        }
        index.drain()
        #expect(index.pendingCount == 0)
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
        #expect(index.search(far, SearchOptions(k: 1)).hits.first?.slot == 3000)
        #expect(index.search(far, SearchOptions(k: 5, indexedOnly: true)).hits.allSatisfy { $0.slot < 3000 })
        index.drain()
        #expect(index.search(far, SearchOptions(k: 1, indexedOnly: true)).hits.first?.score == 0)
    }

    @Test func absentAndEarlyRemovedSlotsAreNeverLinkedNorReturned() throws {
        let parameters = IndexParameters(dimensions: 8, metric: .cosine)
        var vectors = ClusteredVectors(parameters, clusters: 9, seed: Seed.value)
        let rows = Rows(parameters, capacity: 4000)
        for _ in 0..<4000 { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        let absent = (0..<UInt32(4000)).filter { $0 % 3 == 0 }
        let removed = (0..<UInt32(4000)).filter { $0 % 3 == 1 && $0 < 2000 }
        index.publish(rows: rows.matrix, count: 4000, absent: absent)
        index.remove(removed)
        let live = Set((0..<4000).filter { $0 % 3 == 2 || ($0 % 3 == 1 && $0 >= 2000) })
        #expect(index.pendingCount == live.count && index.liveCount == live.count)
        index.drain()
        #expect(try index.checkInvariants() > 0.97)
        #expect(index.pendingCount == 0)
        for _ in 0..<20 {
            let query = vectors.query()
            let outcome = index.search(query, SearchOptions(k: 50))
            expectSound(outcome, rows, query, k: 50, allowed: live)
        }
    }
}
