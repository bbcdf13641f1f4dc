import Quantization
import Testing
import VectorIndex

@Suite struct FilterTests {
    static let count = 30_000
    static let parameters = IndexParameters(dimensions: 32, metric: .cosine)

    /// An index, its rows, and the cluster-like group of each slot.
    static let shared: (index: VectorIndex, rows: Rows, groups: [Int], vectors: ClusteredVectors) = {
        var vectors = ClusteredVectors(parameters, clusters: 40, noise: 0.7, seed: Seed.value)
        let rows = Rows(parameters, capacity: count)
        for _ in 0..<count { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: count, absent: [])
        index.drain()
        // Groups that follow the vectors: by their nearest of some rows.
        let anchors = (0..<20).map { rows.vector($0 * 37) }
        let groups = (0..<count).map { slot in
            anchors.indices.max { rows.score(anchors[$0], slot) < rows.score(anchors[$1], slot) }!
        }
        return (index, rows, groups, vectors)
    }()

    @Test(arguments: [0, 1, 2, 9, 10, 11, 100, 3000, 9000, 16_000, 28_000, 29_999, 30_000])
    func uncorrelated(_ matches: Int) {
        var (index, rows, _, vectors) = Self.shared
        var random = RandomSource(seed: Seed.value &+ UInt64(matches))
        for ef in [nil, 24] as [Int?] {
            var sum = 0.0
            var plans: [SearchMethod: Int] = [:]
            for _ in 0..<10 {
                let slots = Set((0..<Self.count).shuffled(using: &random).prefix(matches))
                let allowed = SlotBitmap(count: Self.count) { slots.contains($0) }
                let query = vectors.query()
                let outcome = index.search(query, SearchOptions(k: 10, ef: ef), allowed: allowed)
                expectSound(outcome, rows, query, k: 10, allowed: slots)
                #expect(outcome.allowedCount == matches)
                plans[outcome.method, default: 0] += 1
                sum += recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: Array(slots)))
            }
            #expect(sum / 10 >= (ef == nil ? 0.95 : 0.8), Seed.note)
            // Far from where the planner is in doubt.
            if ef == nil { continue }
            let expected: SearchMethod =
                switch matches {
                case 0: .empty
                case ...3000: .filteredScan
                case ...9000: .graphTwoHop
                default: .graphFiltered
                }
            #expect(plans == [expected: 10], Seed.note)
        }
    }

    /// The query's own copies, among which the graph's links all lie, are excluded: what is nearest then is found by a scan.
    /// A walk that collects on its way notices, and one over a third of the slots alone isn't begun.
    @Test(arguments: zip([8, 66], [24, 10]))
    func copiesOfTheQueryAreExcluded(_ nearest: Int, ef: Int) {
        let parameters = IndexParameters(dimensions: 32, metric: .cosine, m: 8, efConstruct: 40)
        var random = RandomSource(seed: Seed.value)
        let (groups, copies) = (100, 140)
        let originals = (0..<groups).map { _ in (0..<32).map { _ in random.normal() } }
        func copy(_ group: Int) -> [Float] { originals[group].map { $0 + 0.03 * random.normal() } }
        let rows = Rows(parameters, capacity: groups * copies)
        for slot in 0..<groups * copies { rows.append(copy(slot % groups)) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: rows.count, absent: [])
        index.drain()
        var sum = 0.0
        var scans = 0
        for group in 0..<20 {
            var query = copy(group)
            Normalization.normalize(&query)
            // And those of the ones that are next.
            let excluded = Set(
                (0..<groups).sorted { rows.score(query, $0) > rows.score(query, $1) }.prefix(nearest))
            let allowed = SlotBitmap(count: rows.count) { !excluded.contains($0 % groups) }
            let outcome = index.search(query, SearchOptions(k: 10, ef: ef), allowed: allowed)
            scans += outcome.method == .graphThenScan ? 1 : 0
            let slots = (0..<rows.count).filter { !excluded.contains($0 % groups) }
            sum += recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: slots))
        }
        // Some walks get out of the excluded copies by themselves.
        #expect(scans >= 10, Seed.note)
        #expect(sum / 20 >= 0.85, Seed.note)
    }

    /// At the threshold rows are scanned whatever a walk would cost, a byte below it costs decide.
    @Test func aThresholdDemandsScans() {
        var (index, rows, _, vectors) = Self.shared
        let half = Set(0..<Self.count / 2)
        let bytes = half.count * Self.parameters.rowBytes
        let query = vectors.query()
        for (threshold, allowed, isScanned) in [
            (bytes, half, true), (bytes - 1, half, false), (2 * bytes, nil, true), (2 * bytes - 1, nil, false),
            (0, half, false), (.max, nil, true),
        ] as [(Int, Set<Int>?, Bool)] {
            let options = SearchOptions(k: 10, ef: 20, fullScanBytes: threshold)
            let bitmap = allowed.map { allowed in SlotBitmap(count: Self.count) { allowed.contains($0) } }
            let outcome = index.search(query, options, allowed: bitmap)
            #expect([.codeScan, .filteredScan].contains(outcome.method) == isScanned, "\(threshold)")
            expectSound(outcome, rows, query, k: 10, allowed: allowed ?? Set(0..<Self.count))
        }
    }

    /// Groups near the query, and groups far from it: there a walk towards the query meets no match.
    @Test(arguments: [1, 3, 8, 14], [true, false])
    func correlated(_ groupCount: Int, isFar: Bool) {
        var (index, rows, groups, vectors) = Self.shared
        for width in [nil, 16, 64] as [Int?] {
            var sum = 0.0
            var plans: [SearchMethod: Int] = [:]
            var wideFilters = 0
            for _ in 0..<20 {
                let query = vectors.query()
                var similarity = [Int: (sum: Double, count: Double)]()
                for slot in stride(from: 0, to: Self.count, by: 7) {
                    let old = similarity[groups[slot]] ?? (0, 0)
                    similarity[groups[slot]] = (old.sum + rows.score(query, slot), old.count + 1)
                }
                let ranked = similarity.keys.sorted {
                    similarity[$0]!.sum / similarity[$0]!.count < similarity[$1]!.sum / similarity[$1]!.count
                }
                let chosen = Set(isFar ? ranked.prefix(groupCount) : ranked.suffix(groupCount))
                let slots = (0..<Self.count).filter { chosen.contains(groups[$0]) }
                let allowed = SlotBitmap(count: Self.count) { chosen.contains(groups[$0]) }
                let outcome = index.search(query, SearchOptions(k: 10, ef: width), allowed: allowed)
                expectSound(outcome, rows, query, k: 10, allowed: Set(slots))
                plans[outcome.method, default: 0] += 1
                let share = recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: slots))
                if outcome.method == .graphThenScan || outcome.method == .filteredScan {
                    #expect(share >= 0.9, Seed.note)
                }
                sum += share
                if slots.count >= Self.count / 2 { wideFilters += 1 }
            }
            if let width, wideFilters == 20 {
                // Half of all slots are allowed: the walk begins by collecting. Where it meets few of them it goes on
                // over allowed slots alone.
                if isFar {
                    #expect(plans[.graphTwoHop, default: 0] + plans[.graphThenScan, default: 0] >= 10, Seed.note)
                } else {
                    #expect(plans[.graphFiltered, default: 0] >= 18, "width \(width); \(Seed.note)")
                }
            }
            let floor = isFar ? [nil: 0.8, 16: 0.4, 64: 0.6][width]! : [nil: 0.95, 16: 0.75, 64: 0.9][width]!
            #expect(sum / 20 >= floor, "width \(width ?? 0); \(Seed.note)")
        }
    }

    @Test func bitmapsOfOtherLengths() {
        var (index, rows, _, vectors) = Self.shared
        let query = vectors.query()
        let short = SlotBitmap(words: [0b1011])
        expectSound(index.search(query, SearchOptions(k: 5), allowed: short), rows, query, k: 5, allowed: [0, 1, 3])
        let long = SlotBitmap(words: [UInt64](repeating: .max, count: 1000))
        let all = Set(0..<Self.count)
        expectSound(index.search(query, SearchOptions(k: 5), allowed: long), rows, query, k: 5, allowed: all)
        #expect(long.contains(63_999) && !long.contains(64_000) && !short.contains(2))
    }

    /// Everything near the query deleted: walks pass through the tombstones to what lies behind them.
    @Test func tombstones() throws {
        var vectors = ClusteredVectors(Self.parameters, clusters: 12, seed: Seed.value)
        let rows = Rows(Self.parameters, capacity: 8000)
        for _ in 0..<8000 { rows.append(vectors.next()) }
        let index = VectorIndex(Self.parameters)
        index.publish(rows: rows.matrix, count: 8000, absent: [])
        index.drain()
        var live = Set(0..<8000)
        for share in [0.1, 0.5, 0.9, 0.99] {
            let query = vectors.query()
            let goal = 8000 - Int(8000 * share)
            let dead = live.sorted { rows.score(query, $0) > rows.score(query, $1) }.prefix(live.count - goal)
            index.remove(dead.map { UInt32($0) })
            live.subtract(dead)
            #expect(index.liveCount == goal)
            for ef in [nil, 16, 64] as [Int?] {
                var sum = 0.0
                var plans: [SearchMethod: Int] = [:]
                for i in 0..<20 {
                    let query = i == 0 ? query : vectors.query()
                    let outcome = index.search(query, SearchOptions(k: 10, ef: ef))
                    plans[outcome.method, default: 0] += 1
                    expectSound(outcome, rows, query, k: 10, allowed: live)
                    sum += recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: Array(live)))
                }
                #expect(sum / 20 >= (ef == 16 ? 0.7 : ef == 64 ? 0.85 : 0.95), "ef \(ef ?? 0); \(Seed.note)")
                if ef == 16, share == 0.1 { #expect(plans[.graphFiltered, default: 0] >= 10, Seed.note) }
                if ef == 16, share == 0.99 { #expect(plans == [.codeScan: 20]) }
            }
        }
        #expect(try index.checkInvariants() >= 0.999)
    }

    @Test func cancelledSearchEndsEarly() {
        var (index, _, _, vectors) = Self.shared
        let even = SlotBitmap(count: Self.count) { $0 % 2 == 0 }
        for allowed in [nil, even] {
            let outcome = index.search(
                vectors.query(), SearchOptions(k: 10, exact: true, cancelled: { true }), allowed: allowed)
            #expect(outcome.cancelled)
            // The slots between two questions, and a batch.
            #expect(outcome.scanned <= 4_096 + 512, "filtered: \(allowed != nil)")
        }
        #expect(!index.search(vectors.query(), SearchOptions(k: 10, cancelled: { false })).cancelled)
    }

    /// Short rows, too: a scan of many of them would take long enough.
    @Test(arguments: [1, 3]) func cancelledScanOfShortRowsEndsEarly(dimensions: Int) {
        let parameters = IndexParameters(dimensions: dimensions, metric: .euclid)
        var random = RandomSource(seed: Seed.value)
        let rows = Rows(parameters, capacity: 10_000)
        for _ in 0..<10_000 { rows.append((0..<dimensions).map { _ in random.normal() }) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 10_000, absent: [])
        let query = [Float](repeating: 0.5, count: dimensions)
        let outcome = index.search(query, SearchOptions(k: 10, exact: true, cancelled: { true }))
        #expect(outcome.cancelled && outcome.scanned <= 4_096 + 512)
    }
}
