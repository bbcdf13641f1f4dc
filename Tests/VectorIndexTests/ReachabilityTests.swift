import Quantization
import Testing
import VectorIndex

/// Whatever the order in which populations come, every live point is found.
@Suite struct ReachabilityTests {
    private static let dimensions = 128

    /// A small population, far from the one that comes after it. The links that lead to it are revised away: without the
    /// check of linked slots, most of its queries end in the other population.
    private struct Minority {
        let rows: Rows
        let size: Int
        var random: RandomSource
        private let patterns: [[Float]]

        init(size: Int, of count: Int, seed: UInt64) {
            var random = RandomSource(seed: seed)
            patterns = (0..<100).map { _ in Self.unit(&random) }
            rows = Rows(IndexParameters(dimensions: dimensions, metric: .cosine), capacity: count)
            self.size = size
            let offset = 1 / Float(dimensions).squareRoot()
            for slot in 0..<count {
                if slot < size {
                    rows.append(Self.unit(&random).map { $0 + offset })
                } else {
                    let pattern = patterns[Int(random.below(100))]
                    rows.append(pattern.map { $0 + 0.7 * offset * random.normal() - 2 * offset })
                }
            }
            self.random = random
        }

        mutating func query() -> [Float] {
            let offset = 1 / Float(dimensions).squareRoot()
            var query = Self.unit(&random).map { $0 + offset }
            Normalization.normalize(&query)
            return query
        }

        private static func unit(_ random: inout RandomSource) -> [Float] {
            var vector = (0..<dimensions).map { _ in random.normal() }
            Normalization.normalize(&vector)
            return vector
        }

        /// An index with all rows linked, but none looked for yet.
        func linked() -> VectorIndex {
            let index = VectorIndex(rows.parameters)
            index.publish(rows: rows.matrix, count: rows.count, absent: [])
            while index.pendingCount > 0 { _ = index.work(limit: 64) }
            return index
        }

        mutating func recall(_ index: VectorIndex) -> Double {
            var sum = 0.0
            for _ in 0..<40 {
                let query = query()
                let best = bestScores(rows, query, k: 10, among: Array(0..<rows.count))
                sum += VectorIndexTests.recall(
                    index.search(query, SearchOptions(k: 10).walking), rows, query, best: best)
            }
            return sum / 40
        }
    }

    @Test func aMinorityThatCameFirstIsFound() throws {
        // One thread and a fixed seed: of a population that is lost without the check.
        var data = Minority(size: 300, of: 12_000, seed: 3)
        let index = data.linked()
        #expect(index.uncheckedCount == 12_000)
        let before = data.recall(index)
        #expect(before < 0.9 && index.unreachedSlots().missed > 0)
        index.drain()
        let reachability = index.reachability
        #expect(reachability.checked == 12_000 && reachability.unreachable == 0)
        #expect(reachability.mended > 0 && reachability.entryPoints > 0)
        #expect(data.recall(index) >= 0.97)
        let (looked, missed) = index.unreachedSlots()
        #expect(looked == 12_000 && missed == 0)

        // Links and entry points are saved, and a start looks again: what was mended after the save is mended anew.
        let file = MemoryFile()
        try index.save(to: file)
        let loaded = try VectorIndex.load(from: file, parameters: index.parameters, rowCount: 12_000)
        loaded.publish(rows: data.rows.matrix, count: 12_000, absent: [])
        #expect(loaded.reachability.entryPoints == reachability.entryPoints)
        #expect(loaded.uncheckedCount == 12_000)
        #expect(loaded.unreachedSlots().missed == 0)
        #expect(data.recall(loaded) >= 0.97)

        // A file of links that were never mended.
        let unmended = MemoryFile()
        try data.linked().save(to: unmended)
        let mended = try VectorIndex.load(from: unmended, parameters: index.parameters, rowCount: 12_000)
        mended.publish(rows: data.rows.matrix, count: 12_000, absent: [])
        #expect(mended.unreachedSlots().missed > 0)
        mended.drain()
        #expect(mended.unreachedSlots().missed == 0 && mended.reachability.mended > 0)

        // And what is left is found when much has been deleted.
        let removed = (0..<UInt32(12_000)).filter { $0 % 3 == 0 || $0 > 9000 }
        loaded.remove(removed)
        let remaining = loaded.unreachedSlots()
        #expect(remaining.looked == 12_000 - removed.count && remaining.missed == 0)
    }

    @Test func anAuditThatMissesASlotHasAllLookedForAgain() {
        let data = Minority(size: 300, of: 12_000, seed: 3)
        let index = data.linked()
        // As if all had been looked for before the links were lost.
        var random = RandomSource(seed: Seed.value)
        let first = index.recheck(1000, using: &random)
        #expect(first.looked == 1000 && first.missed > 0, Seed.note)
        #expect(index.uncheckedCount == 12_000)
        index.drain()
        #expect(index.uncheckedCount == 0)
        #expect(index.recheck(1000, using: &random) == (1000, 0), Seed.note)
        #expect(index.uncheckedCount == 0)
    }

    /// Tight clusters link to their own alone, whatever the metric.
    @Test(arguments: Metric.allCases) func tightClustersAreFound(_ metric: Metric) {
        let parameters = IndexParameters(dimensions: 64, metric: metric)
        var vectors = ClusteredVectors(parameters, clusters: 60, noise: 0.02, seed: Seed.value)
        let rows = Rows(parameters, capacity: 9000)
        for _ in 0..<9000 { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 9000, absent: [])
        index.drain()
        #expect(index.unreachedSlots().missed == 0, Seed.note)
        var sum = 0.0
        for _ in 0..<60 {
            let query = vectors.query()
            let best = bestScores(rows, query, k: 10, among: Array(0..<9000))
            sum += recall(index.search(query, SearchOptions(k: 10).walking), rows, query, best: best)
        }
        #expect(sum / 60 >= 0.98, Seed.note)
    }
}

/// A point that is searched for as if it weren't there.
@Suite struct HiddenPointTests {
    @Test func aHiddenPointIsNeitherFoundNorPassed() {
        let parameters = IndexParameters(dimensions: 32, metric: .euclid)
        var vectors = ClusteredVectors(parameters, clusters: 30, seed: Seed.value)
        let rows = Rows(parameters, capacity: 6000)
        for _ in 0..<6000 { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 6000, absent: [])
        index.drain()
        var hidden = 0.0, excluded = 0.0
        for slot in stride(from: 0, to: 6000, by: 20) {
            let query = rows.vector(slot)
            let best = bestScores(rows, query, k: 10, among: (0..<6000).filter { $0 != slot })
            var options = SearchOptions(k: 10, ef: 12).walking
            options.excluded = UInt32(slot)
            let through = index.search(query, options)
            excluded += recall(through, rows, query, best: best)
            options.hidesExcluded = true
            let outcome = index.search(query, options)
            #expect(outcome.hits.count == 10 && !outcome.hits.contains { $0.slot == UInt32(slot) }, Seed.note)
            hidden += recall(outcome, rows, query, best: best)
            // The next search of the same thread finds it.
            #expect(index.search(query, SearchOptions(k: 1, ef: 64)).hits.first?.score == 0, Seed.note)
        }
        // Its own links lead to its neighbours: without them less is found.
        #expect(hidden < excluded && hidden > 0.5 * excluded, Seed.note)
    }
}
