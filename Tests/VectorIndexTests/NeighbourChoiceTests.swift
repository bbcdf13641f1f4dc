import Quantization
import Testing
import VectorIndex

/// Which neighbours a list gets besides the diverse ones.
@Suite struct NeighbourChoiceTests {
    @Test func fillsWithThosePassedOverByTheLeast() {
        for round in 0..<400 {
            var random = RandomSource(seed: Seed.value &+ UInt64(round))
            let count = Int.random(in: 0...60, using: &random)
            let goal = Int.random(in: 0...40, using: &random)
            // Few values, so that many are equal.
            let excesses: [Float?] = (0..<count).map { _ in
                Bool.random(using: &random) ? Float(Int.random(in: 0...9, using: &random)) / 8 : nil
            }
            let candidates = (0..<count).map { UInt64($0) << 32 | UInt64(1000 + 7 * $0) }
            let taken = (0..<count).filter { excesses[$0] == nil }
            var room = [UInt64](repeating: 0, count: max(goal, 1))
            var out = [UInt32](repeating: 0, count: count + goal + 1)
            for (i, place) in taken.enumerated() { out[i] = UInt32(1000 + 7 * place) }
            let total = room.withUnsafeMutableBufferPointer { room in
                var spares = SpareNeighbours(keys: room.baseAddress!, capacity: goal)
                for place in 0..<count {
                    if let excess = excesses[place] { spares.offer(place, excess: excess) }
                }
                return spares.fill(&out, taken.map(UInt32.init), taken.count, upTo: goal, candidates)
            }
            let spare = (0..<count).filter { excesses[$0] != nil }
                .sorted { (excesses[$0]!, $0) < (excesses[$1]!, $1) }.prefix(max(goal - taken.count, 0))
            let expected = (taken + spare).sorted().map { UInt32(1000 + 7 * $0) }
            #expect(Array(out.prefix(total)) == expected, "round \(round), \(Seed.note)")
        }
    }

    /// In tight clusters few neighbours are diverse; the lists are filled up all the same.
    @Test(arguments: [Metric.cosine, .dot, .euclid, .manhattan], [4, 16])
    func listsAreFull(_ metric: Metric, _ m: Int) throws {
        let parameters = IndexParameters(dimensions: 64, metric: metric, m: m)
        var vectors = ClusteredVectors(parameters, clusters: 40, seed: Seed.value)
        let rows = Rows(parameters, capacity: 3000)
        for _ in 0..<3000 { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 3000, absent: [])
        index.drain()
        try index.checkInvariants()
        #expect(index.meanDegree >= 0.625 * Double(2 * m), Seed.note)
    }
}
