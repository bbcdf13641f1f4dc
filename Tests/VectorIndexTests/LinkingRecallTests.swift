import Quantization
import TestSupport
import Testing
import VectorIndex

/// What searches find while an index is being linked, of a population that came first.
@Suite struct LinkingRecallTests {
    private static let dimensions = 32
    private static let groups = 12
    private static let groupSize = 25
    private static let count = 20_000

    /// Tight groups far from everything, then clustered rows, in Euclid's metric: the links to the groups are revised away while
    /// the others are linked.
    private struct FarGroupsFirst {
        let rows: Rows
        let index: VectorIndex

        init(_ change: (inout IndexParameters) -> Void = { _ in }) {
            var parameters = IndexParameters(dimensions: dimensions, metric: .euclid)
            change(&parameters)
            // One thread and a fixed seed: of groups that are lost without the check.
            var random = RandomSource(seed: 5)
            rows = Rows(parameters, capacity: count)
            for _ in 0..<groups {
                let center = (0..<dimensions).map { _ in 8 * random.normal() }
                for _ in 0..<groupSize { rows.append(center.map { $0 + 0.02 * random.normal() }) }
            }
            let centers = (0..<100).map { _ in (0..<dimensions).map { _ in random.normal() } }
            while rows.count < count {
                let center = centers[Int(random.below(100))]
                rows.append(center.map { $0 + 0.4 * random.normal() })
            }
            index = VectorIndex(parameters)
            index.publish(rows: rows.matrix, count: count, absent: [])
        }

        /// Of queries at each group.
        func recall(_ options: SearchOptions, allowed: SlotBitmap? = nil) -> Double {
            var sum = 0.0
            for group in 0..<groups {
                let first = group * groupSize
                let slots = (first..<first + groupSize).filter { allowed?.contains(UInt32($0)) ?? true }
                let query = rows.vector(first)
                let best = bestScores(rows, query, k: 10, among: slots)
                sum += VectorIndexTests.recall(
                    index.search(query, options, allowed: allowed), rows, query, best: best)
            }
            return sum / Double(groups)
        }

        /// Links so many slots more, or the rest.
        func link(_ slots: Int) {
            let goal = min(index.linkedCount + slots, count)
            while index.linkedCount < goal { _ = index.work(limit: min(64, goal - index.linkedCount)) }
        }
    }

    @Test func noStepOfTheLinkingLosesAPopulation() {
        let data = FarGroupsFirst()
        // All of the groups and half of the others; so many that without the check the plan is a two-hop walk, or one that
        // collects on its way.
        let half = SlotBitmap(count: Self.count) { $0 < 300 || $0 % 2 == 0 }
        var methods: Set<SearchMethod> = []
        while data.index.linkedCount < Self.count {
            data.link(1_000)
            #expect(data.recall(SearchOptions(k: 10)) == 1, "\(data.index.linkedCount) linked")
            #expect(data.recall(SearchOptions(k: 10, ef: 64)) == 1, "\(data.index.linkedCount) linked")
            #expect(data.recall(SearchOptions(k: 10, ef: 64), allowed: half) == 1, "\(data.index.linkedCount) linked")
            #expect(data.recall(SearchOptions(k: 10, ef: 16, indexedOnly: true)) == 1)
            methods.insert(data.index.search(data.rows.vector(0), SearchOptions(k: 10)).method)
        }
        #expect(methods == [.codeScan])
        #expect(!data.index.isChecked && data.index.reachability.unreachable == nil)
        #expect(data.recall(SearchOptions(k: 10).walking) < 0.9, "walks would have lost them")
        data.index.drain(threads: 1)
        // From here on walks are made, and find them.
        #expect(data.index.isChecked && data.index.reachability.unreachable == 0)
        #expect(data.index.search(data.rows.vector(0), SearchOptions(k: 10)).method == .graph)
        #expect(data.recall(SearchOptions(k: 10)) == 1)
        #expect(data.recall(SearchOptions(k: 10, ef: 64), allowed: half) == 1)
    }

    /// Where scans cost too much, part of the oldest slots is looked for while others are linked.
    @Test func earlyPassesLookForTheOldest() {
        let data = FarGroupsFirst { $0.mostScannedUnchecked = 4_096 }
        var recalls: [Double] = []
        var looked: [Int] = []
        while data.index.linkedCount < Self.count {
            // Linking gets on by as much as it is asked for, whatever is looked for.
            let left = Self.count - data.index.linkedCount
            #expect(data.index.work(limit: 64) == min(64, left))
            looked.append(data.index.reachability.checked)
            guard data.index.linkedCount >= 4_096, data.index.linkedCount % 1_024 == 0 else { continue }
            recalls.append(data.recall(SearchOptions(k: 10)))
        }
        #expect(data.index.search(data.rows.vector(0), SearchOptions(k: 10)).method == .graph)
        #expect(recalls.allSatisfy { $0 >= 0.9 }, "\(recalls)")
        // Passes over a quarter of the first 3,072, 6,144 and 12,288 slots, as many a step as were linked.
        #expect(looked[..<47].allSatisfy { $0 == 0 })
        #expect(zip(looked, looked.dropFirst()).allSatisfy { abs($1 - $0) <= 64 || $1 <= 64 })
        #expect(looked.max() == 12_288 / 4 && looked.contains(3_072 / 4) && looked.contains(6_144 / 4))
        #expect(data.index.reachability.unreachable == nil && data.index.reachability.mended > 0)
        #expect(data.index.uncheckedCount == Self.count, "the complete pass is still to come")
        data.index.drain(threads: 1)
        #expect(data.index.uncheckedCount == 0 && data.index.isChecked)
        #expect(data.index.unreachedSlots().missed == 0)
    }

    @Test func aSavedGraphTellsWhetherItWasLookedThrough() throws {
        let data = FarGroupsFirst()
        data.link(Self.count)
        for isChecked in [false, true] {
            if isChecked { data.index.drain() }
            let (whole, graph) = (MemoryFile(), MemoryFile())
            try data.index.save(to: whole)
            try #require(data.index.graphImage()).write(to: graph)
            let loaded = try VectorIndex.load(from: whole, parameters: data.index.parameters, rowCount: Self.count)
            loaded.publish(rows: data.rows.matrix, count: Self.count, absent: [])
            let saved = try SavedGraph(from: graph, parameters: data.index.parameters, rowCount: Self.count)
            let adopting = VectorIndex(saved.parameters)
            adopting.publish(rows: data.rows.matrix, count: Self.count, absent: [])
            var random = RandomSource(seed: 1)
            try adopting.adopt(saved, using: &random)
            for index in [loaded, adopting] {
                #expect(index.isChecked == isChecked)
                #expect(index.uncheckedCount == Self.count, "a start looks for all again")
                #expect(index.reachability.unreachable == nil, "and knows nothing of what can't be found")
                let found = index.search(data.rows.vector(0), SearchOptions(k: 10))
                #expect(found.method == (isChecked ? .graph : .codeScan))
                #expect(found.hits.allSatisfy { $0.slot < Self.groupSize })
            }
        }
    }

    /// Several threads, with slots removed all the time, end as one does.
    @Test func threadsShareEarlyPasses() throws {
        let data = FarGroupsFirst { $0.mostScannedUnchecked = 2_048 }
        data.index.remove((0..<UInt32(Self.count)).filter { $0 % 7 == 0 })
        data.index.drain(threads: 3)
        #expect(data.index.isChecked && data.index.uncheckedCount == 0)
        #expect(data.index.reachability.checked == Self.count && data.index.reachability.unreachable == 0)
        #expect(data.index.unreachedSlots().missed == 0)
        try data.index.checkInvariants()
    }
}

/// Plans by counts alone.
@Suite struct UncheckedPlanTests {
    private func plan(
        _ candidates: Int, of count: Int, isChecked: Bool = false, _ parameters: IndexParameters? = nil,
        _ change: (inout SearchOptions) -> Void = { _ in }
    ) -> SearchPlan {
        var options = SearchOptions(k: 10)
        change(&options)
        let parameters = parameters ?? IndexParameters(dimensions: 128, metric: .euclid)
        let counts = IndexCounts(
            published: count, encoded: parameters.codec == .none ? nil : count, linked: count - 1_000,
            isChecked: isChecked)
        return SearchPlan(
            parameters, counts, options, candidates: candidates, isFiltered: candidates < count,
            candidatesBelow: { $0 * candidates / count })
    }

    @Test func whatWasNotLookedForIsScanned() {
        #expect(
            plan(50_000, of: 50_000)
                == SearchPlan(
                    method: .codeScan, scores: .codes, candidates: 50_000, wanted: 10, ef: nil, linked: 49_000,
                    linkedCandidates: 49_000, scanned: 50_000, awaitsCheck: true))
        #expect(
            plan(50_000, of: 50_000, isChecked: true)
                == SearchPlan(
                    method: .graph, scores: .codes, candidates: 50_000, wanted: 10, ef: 160, linked: 49_000,
                    linkedCandidates: 49_000, scanned: 1_000))
        // Only linked slots may be asked for.
        #expect(plan(50_000, of: 50_000) { $0.indexedOnly = true }.scanned == 49_000)
        // What would have been scanned anyway waits for nothing.
        #expect(!plan(2_000, of: 50_000).awaitsCheck && plan(2_000, of: 50_000).method == .filteredScan)
        #expect(plan(50_000, of: 50_000) { $0.prefersGraph = true }.method == .graph)
    }

    @Test func aScanMustBeAffordable() {
        #expect(plan(66_536, of: 66_536).method == .codeScan)
        #expect(plan(66_537, of: 66_537).method == .graph)
        // A filter makes scans of larger indexes affordable, in place of either walk.
        for (candidates, walk) in [(60_000, SearchMethod.graphTwoHop), (150_000, .graphFiltered)] {
            let count = candidates == 60_000 ? 1_000_000 : 200_000
            #expect(plan(candidates, of: count, isChecked: true).method == walk)
            #expect(plan(candidates, of: count).method == (candidates == 60_000 ? .filteredScan : walk))
        }
        // Stored rows are dearer than codes: 8 MiB of them at most.
        let rows = IndexParameters(dimensions: 384, metric: .euclid, codec: .none)
        #expect(plan(6_461, of: 6_461, rows) { $0.ef = 64 }.awaitsCheck)
        #expect(plan(6_462, of: 6_462, rows) { $0.ef = 64 }.method == .graph)
    }
}
