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
            // Zero keys in front, as a pool wants them.
            let padding = 8
            var room = [UInt64](repeating: 0, count: padding + SpareNeighbours.room(goal))
            var out = [UInt32](repeating: 0, count: count + goal + 1)
            for (i, place) in taken.enumerated() { out[i] = UInt32(1000 + 7 * place) }
            let total = room.withUnsafeMutableBufferPointer { room in
                var spares = SpareNeighbours(keys: room.baseAddress! + padding, capacity: goal)
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

    /// The last slot's own list, which nothing has changed since it was chosen, against a choice made here from exact
    /// scores.
    @Test(arguments: [Metric.cosine, .dot, .euclid, .manhattan])
    func choosesAsItSays(_ metric: Metric) throws {
        for round in 0..<5 {
            // So few dimensions that rows are scored and not codes.
            let parameters = IndexParameters(dimensions: 12, metric: metric, m: 8, efConstruct: 1700)
            var vectors = ClusteredVectors(parameters, clusters: 3, seed: Seed.value &+ UInt64(round))
            let rows = Rows(parameters, capacity: 1601)
            for _ in 0..<1601 { rows.append(vectors.next()) }
            let index = VectorIndex(parameters)
            // The last slot when all others are done: it neither misses one that another thread is linking nor gets a
            // link from it afterwards.
            for count in [1600, 1601] {
                index.publish(rows: rows.matrix, count: count, absent: [])
                index.drain()
            }
            let score = { (a: UInt32, b: UInt32) in rows.score(rows.vector(Int(a)), Int(b)) }
            let node = UInt32(1600)
            let candidates = (0..<node).sorted { (score(node, $0), $1) > (score(node, $1), $0) }
            var taken: [UInt32] = []
            var spares: [(excess: Double, place: Int)] = []
            next: for (place, candidate) in candidates.enumerated() {
                if taken.count == 16 { break }
                for start in stride(from: 0, to: taken.count, by: 8) {
                    let closest = taken[start..<min(start + 8, taken.count)].map { score(candidate, $0) }.max()!
                    let excess = closest - score(node, candidate)
                    if excess > 0 {
                        spares.append((excess, place))
                        continue next
                    }
                }
                taken.append(candidate)
            }
            spares.sort { $0 < $1 }
            let filled = spares.prefix(max(10 - taken.count, 0)).map { candidates[$0.place] }
            let expected = candidates.filter { taken.contains($0) || filled.contains($0) }
            let found = index.neighbours(of: node)
            // Rounding may decide otherwise once.
            let same = Set(found).intersection(expected).count
            #expect(found.count == expected.count && same >= expected.count - 1, "round \(round), \(Seed.note)")
            let inOrder = candidates.filter(found.contains)
            #expect(found == inOrder, "in the order of closeness, round \(round), \(Seed.note)")
        }
    }

    /// A crowd of equal vectors gets no more of a list than one of them deserves.
    @Test func copiesDoNotFillLists() throws {
        let parameters = IndexParameters(dimensions: 32, metric: .euclid, m: 8, efConstruct: 1700)
        var vectors = ClusteredVectors(parameters, clusters: 1, seed: Seed.value)
        let rows = Rows(parameters, capacity: 2400)
        let copied = vectors.next()
        for _ in 0..<1200 { rows.append(copied) }
        for _ in 0..<1200 { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 2400, absent: [])
        index.drain()
        for slot in UInt32(2300)..<2400 {
            let neighbours = index.neighbours(of: slot)
            #expect(neighbours.count >= 8, "slot \(slot), \(Seed.note)")
            #expect(neighbours.count { $0 < 1200 } <= 2, "slot \(slot), \(Seed.note)")
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
