import Quantization
import Testing
import VectorIndex

/// Rows that no embedding model would make, but that a client may send.
@Suite struct HostileDataTests {
    /// Rows far longer than the others, in the sample that the quantizer is trained on: the codes and the graph stay as
    /// good for the others. (By dot product every row's nearest are the long ones, which no graph of nearest rows gets
    /// over: there the codes alone are searched.)
    @Test(arguments: Metric.allCases, [Float(100), 1000, 1e12])
    func fewVeryLongRows(metric: Metric, factor: Float) throws {
        let parameters = IndexParameters(dimensions: 48, metric: metric, m: metric == .dot ? 0 : 16)
        var vectors = ClusteredVectors(parameters, clusters: 40, seed: Seed.value)
        let rows = Rows(parameters, capacity: 6000)
        let long: Set<Int> = [3, 700, 5000]
        for slot in 0..<6000 {
            let vector = vectors.next()
            rows.append(long.contains(slot) ? vector.map { $0 * factor } : vector)
        }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 1024, absent: [])
        _ = index.work(limit: 1)
        index.publish(rows: rows.matrix, count: 6000, absent: [])
        index.drain()
        #expect(try index.checkInvariants() >= 0.999, Seed.note)
        let all = Array(0..<6000)
        var sum = 0.0
        for _ in 0..<40 {
            let query = vectors.query()
            let outcome = index.search(query, SearchOptions(k: 10, ef: 64))
            #expect(outcome.method == (metric == .dot ? .codeScan : .graph))
            expectSound(outcome, rows, query, k: 10, allowed: Set(all))
            // A long row's score is so great that the tolerance of `recall` is none for the others.
            let best = bestScores(rows, query, k: 10, among: all)
            sum += Double(outcome.hits.count { rows.score(query, Int($0.slot)) >= best[9] }) / 10
        }
        // A long row across the query scores above all by its length alone: such rows are scored exactly.
        #expect(sum / 40 >= 0.95, Seed.note)
        for slot in long where metric != .dot && factor <= 1000 {
            let query = rows.vector(slot)
            #expect(index.search(query, SearchOptions(k: 1, ef: 6000)).hits.first?.slot == UInt32(slot), Seed.note)
        }
    }

    /// The first rows are unlike those that follow: spread so little that all of those lie outside the codes' range. Codes
    /// are trained anew and the graph is begun anew; meanwhile searches are answered as always.
    @Test(arguments: [Metric.euclid, .manhattan, .dot], [0.02, 0.1] as [Float])
    func rowsUnlikeTheFirst(_ metric: Metric, _ factor: Float) throws {
        let parameters = IndexParameters(dimensions: 48, metric: metric, m: 12, efConstruct: 80)
        var vectors = ClusteredVectors(parameters, clusters: 40, seed: Seed.value)
        let total = 9000
        let rows = Rows(parameters, capacity: total)
        let first = 3000
        for i in 0..<total { rows.append(vectors.next().map { i < first ? $0 * factor : $0 }) }
        let index = VectorIndex(parameters)
        for count in stride(from: 1500, through: total, by: 1500) {
            index.publish(rows: rows.matrix, count: count, absent: [])
            while index.work(limit: 4000) > 0 {
                let query = vectors.query()
                expectSound(
                    index.search(query, SearchOptions(k: 10, ef: 64)), rows, query, k: 10, allowed: Set(0..<count))
            }
        }
        #expect(index.pendingCount == 0 && index.linkedCount == total)
        #expect(try index.checkInvariants() >= 0.999, Seed.note)
        let later = Array(first..<total)
        let set = Set(later)
        let allowed = SlotBitmap(count: total) { set.contains($0) }
        var sum = 0.0
        for _ in 0..<40 {
            let query = vectors.query()
            let outcome = index.search(query, SearchOptions(k: 10, ef: 256).walking, allowed: allowed)
            expectSound(outcome, rows, query, k: 10, allowed: set)
            sum += recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: later))
        }
        #expect(sum / 40 >= 0.85, Seed.note)
    }

    @Test(arguments: Metric.allCases)
    func allEqualVectors(_ metric: Metric) throws {
        let parameters = IndexParameters(dimensions: 40, metric: metric)
        let rows = Rows(parameters, capacity: 6000)
        let vector = (0..<40).map { Float($0 % 7) - 2.5 }
        for _ in 0..<6000 { rows.append(vector) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 6000, absent: [])
        index.drain()
        #expect(try index.checkInvariants() >= 0.999)
        for k in [1, 10, 200] {
            let query = rows.vector(0)
            let outcome = index.search(query, SearchOptions(k: k, ef: 16))
            #expect(outcome.method == .graph || k == 200)
            expectSound(outcome, rows, query, k: k, allowed: Set(0..<6000))
        }
        // The last slot alone, and every third one.
        for allowed in [[5999], Array(stride(from: 0, to: 6000, by: 3))] {
            let set = Set(allowed)
            let bitmap = SlotBitmap(count: 6000) { set.contains($0) }
            let outcome = index.search(rows.vector(0), SearchOptions(k: 10, ef: 16), allowed: bitmap)
            expectSound(outcome, rows, rows.vector(0), k: 10, allowed: set)
        }
    }

    @Test func longestVectors() throws {
        let parameters = IndexParameters(
            dimensions: IndexParameters.maximumDimensions, metric: .euclid, element: .uint8, m: 4, efConstruct: 16)
        var random = RandomSource(seed: Seed.value)
        let noise = (0..<2 * parameters.dimensions).map { _ in Float.random(in: 0..<128, using: &random).rounded() }
        let rows = Rows(parameters, capacity: 1100)
        let shift = parameters.dimensions
        for slot in 0..<1100 {
            // A group's pattern and a row's own, as windows on one stretch of noise. No two rows have the same.
            let group = slot % 10 * 997
            let own = slot * 59
            rows.append((0..<shift).map { noise[group + $0] + noise[own + $0].truncatingRemainder(dividingBy: 64) })
        }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 1100, absent: [])
        index.drain()
        #expect(index.linkedCount == 1100)
        // With so few links some groups are linked from upper levels alone, so that level 0 doesn't lead to all slots. Walks find
        // them.
        try index.checkInvariants()
        #expect(index.unreachedSlots().missed == 0, Seed.note)
        // Over so few links a walk may miss a whole group: at a width of 8 one seed found 4 of 22, and 17 at this one.
        var found = 0
        for slot in stride(from: 0, to: 1100, by: 50) {
            let outcome = index.search(rows.vector(slot), SearchOptions(k: 3, ef: 48).walking)
            #expect(outcome.method == .graph)
            found += outcome.hits.first?.slot == UInt32(slot) ? 1 : 0
            let scanned = index.search(rows.vector(slot), SearchOptions(k: 1, ef: 1100))
            #expect(scanned.method == .codeScan && scanned.hits.first?.slot == UInt32(slot), Seed.note)
            expectSound(outcome, rows, rows.vector(slot), k: 3, allowed: Set(0..<1100))
        }
        #expect(found >= 9, Seed.note)
    }

    /// The engine refuses such numbers. They must do no harm here all the same. (By products they score above all other
    /// rows, so that walks are drawn to them and find a little less.)
    @Test(arguments: Metric.allCases, [3, 24])
    func infiniteAndMissingNumbersDoNoHarm(_ metric: Metric, _ dimensions: Int) {
        let parameters = IndexParameters(dimensions: dimensions, metric: metric)
        var vectors = ClusteredVectors(parameters, clusters: 25, seed: Seed.value)
        let rows = Rows(parameters, capacity: 6000)
        for i in 0..<6000 {
            var vector = vectors.next()
            if i % 100 == 7 { vector.replaceSubrange(0..<3, with: [.infinity, .nan, -.greatestFiniteMagnitude]) }
            rows.append(vector)
        }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 6000, absent: [])
        index.drain()
        let rest = [Float](repeating: 1, count: dimensions - 3)
        for query: [Float] in [[.nan, 0, 1], [.infinity, 1, 1], [1e38, -1e38, 0], [0, 0, 0]] {
            for ef in [nil, 16] as [Int?] {
                #expect(index.search(query + rest, SearchOptions(k: 5, ef: ef)).hits.count == 5)
            }
            #expect(index.search(query + rest, SearchOptions(k: 5, exact: true)).hits.count == 5)
        }
        let finite = (0..<6000).filter { $0 % 100 != 7 }
        let allowed = SlotBitmap(count: 6000) { $0 % 100 != 7 }
        var sum = 0.0
        for _ in 0..<40 {
            let query = vectors.query()
            let outcome = index.search(query, SearchOptions(k: 10, ef: 64).walking, allowed: allowed)
            #expect(outcome.method == .graphFiltered)
            expectSound(outcome, rows, query, k: 10, allowed: Set(finite))
            sum += recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: finite))
        }
        // The worst of 45 seeds: by distances 0.997, by dot product 0.965, by cosine 0.862 (0.986 on average).
        let floor =
            switch metric {
            case .euclid, .manhattan: 0.98
            case .dot: 0.9
            case .cosine: 0.7
            }
        #expect(sum / 40 >= floor, Seed.note)
    }
}
