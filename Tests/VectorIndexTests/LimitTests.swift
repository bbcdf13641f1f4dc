import Quantization
import Testing
import VectorIndex

/// Address space runs out, or is granted in small pieces.
@Suite struct LimitTests {
    private func grown(_ parameters: IndexParameters, _ count: Int) -> (VectorIndex, Rows, ClusteredVectors) {
        var vectors = ClusteredVectors(parameters, clusters: 25, seed: Seed.value)
        let rows = Rows(parameters, capacity: count)
        let index = VectorIndex(parameters)
        for goal in stride(from: 1500, through: count, by: 1500) {
            while rows.count < goal { rows.append(vectors.next()) }
            index.publish(rows: rows.matrix, count: goal, absent: [])
            index.drain()
        }
        return (index, rows, vectors)
    }

    /// However little is set aside, an index that grows by as much gets more.
    @Test(arguments: [true, false]) func codesGrowWithTheIndex(keepsCodes: Bool) throws {
        var parameters = IndexParameters(
            dimensions: 40, metric: .euclid, m: 8, codec: keepsCodes ? .int8(quantile: nil) : .none)
        parameters.limits = IndexLimits(codeBytes: 1, graphBytes: 1 << 30, growth: 5)
        var (index, rows, vectors) = grown(parameters, 12_000)
        #expect(index.limitation == nil && index.linkedCount == 12_000 && index.pendingCount == 0)
        try index.checkInvariants()
        let query = vectors.query()
        expectSound(
            index.search(query, SearchOptions(k: 10)), rows, query, k: 10, allowed: Set(0..<12_000))
    }

    /// Of a graph without more room the rest is scanned, and told.
    @Test func aFullGraphIsTold() throws {
        var parameters = IndexParameters(dimensions: 40, metric: .euclid, m: 8)
        parameters.limits = IndexLimits(codeBytes: 1 << 30, graphBytes: 1, growth: 2)
        var (index, rows, vectors) = grown(parameters, 6_000)
        #expect(index.limitation == .capacityReached && index.linkedCount == 3_000)
        #expect(index.pendingCount == 0 && index.liveLinkedCount == 3_000 && index.liveCount == 6_000)
        var sum = 0.0
        for _ in 0..<20 {
            let query = vectors.query()
            let outcome = index.search(query, SearchOptions(k: 10).walking)
            expectSound(outcome, rows, query, k: 10, allowed: Set(0..<6_000))
            sum += recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: Array(0..<6_000)))
        }
        #expect(sum / 20 > 0.97)
    }
}
