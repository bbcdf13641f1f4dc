import Foundation
import Quantization
import Testing
import VectorIndex

/// Random operations on an index and on plain sets, compared as they go.
@Suite struct ModelTests {
    struct Model {
        var published = 0
        var absent = Set<Int>()
        var removed = Set<Int>()
        var live: Set<Int> { Set(0..<published).subtracting(absent).subtracting(removed) }
    }

    /// The last two keep no codes.
    @Test(arguments: 0..<6)
    func randomOperations(_ run: Int) throws {
        var random = RandomSource(seed: Seed.value &+ UInt64(run))
        let parameters = IndexParameters(
            dimensions: [5, 16, 64, 70, 40, 24][run], metric: Metric.allCases[run % 4],
            element: [.float32, .float16, .float32, .uint8, .float32, .float16][run], m: run == 2 ? 0 : 8,
            efConstruct: 40, codec: run < 4 ? .int8(quantile: nil) : .none)
        var vectors = ClusteredVectors(parameters, clusters: 15, seed: random.next())
        let rows = Rows(parameters, capacity: 6000)
        var index = VectorIndex(parameters)
        var model = Model()
        var recalls: [Double] = []
        for _ in 0..<400 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<3 where rows.count < 5800:
                let added = Int.random(in: 1...(Bool.random(using: &random) ? 3 : 200), using: &random)
                let first = rows.count
                for _ in 0..<added { rows.append(vectors.next()) }
                let absent = (first..<rows.count).filter { _ in Int.random(in: 0..<20, using: &random) == 0 }
                index.publish(rows: rows.matrix, count: rows.count, absent: absent.map { UInt32($0) })
                model.published = rows.count
                model.absent.formUnion(absent)
            case 3:
                guard model.published > 0 else { continue }
                let most = Int.random(in: 0...20, using: &random)
                let slots = (0..<most).map { _ in Int.random(in: 0..<model.published, using: &random) }
                index.remove(slots.map { UInt32($0) })
                model.removed.formUnion(slots)
            case 4..<6:
                _ = index.work(limit: Int.random(in: 1...300, using: &random))
            case 6 where Int.random(in: 0..<4, using: &random) == 0:
                index = try reloaded(index, parameters, rows, model)
            default:
                try compare(index, rows, model, &vectors, &random, &recalls)
            }
            #expect(index.publishedCount == model.published && index.liveCount == model.live.count, Seed.note)
        }
        index.drain()
        try index.checkInvariants()
        #expect(index.pendingCount == 0)
        for _ in 0..<20 { try compare(index, rows, model, &vectors, &random, &recalls) }
        #expect(recalls.reduce(0, +) / Double(recalls.count) > 0.95, Seed.note)
    }

    private func compare(
        _ index: VectorIndex, _ rows: Rows, _ model: Model, _ vectors: inout ClusteredVectors,
        _ random: inout RandomSource, _ recalls: inout [Double]
    ) throws {
        let query = vectors.query()
        let k = [1, 3, 10, 100].randomElement(using: &random)!
        let live = model.live
        var allowedSlots = live
        var allowed: SlotBitmap?
        if Bool.random(using: &random) {
            let share = [0, 0.01, 0.3, 0.7, 1].randomElement(using: &random)!
            let chosen = Set((0..<model.published).filter { _ in Double.random(in: 0..<1, using: &random) < share })
            allowed = SlotBitmap(count: model.published) { chosen.contains($0) }
            allowedSlots.formIntersection(chosen)
        }
        var options = SearchOptions(k: k, exact: Int.random(in: 0..<4, using: &random) == 0)
        options.ignoreCodes = Int.random(in: 0..<4, using: &random) == 0
        options.ef = Bool.random(using: &random) ? nil : Int.random(in: 20...200, using: &random)
        if Int.random(in: 0..<4, using: &random) == 0, model.published > 0 {
            let excluded = Int.random(in: 0..<model.published, using: &random)
            options.excluded = UInt32(excluded)
            allowedSlots.remove(excluded)
        }
        let outcome = index.search(query, options, allowed: allowed)
        expectSound(outcome, rows, query, k: k, allowed: allowedSlots)
        let best = bestScores(rows, query, k: k, among: Array(allowedSlots))
        let share = recall(outcome, rows, query, best: best)
        if options.exact { #expect(share == 1, Seed.note) } else { recalls.append(share) }
        for hit in outcome.hits.prefix(3) {
            let exact = index.score(query, slot: hit.slot)
            #expect(abs(exact - hit.score) <= 1e-5 * max(1, abs(exact)), Seed.note)
        }
    }

    private func reloaded(
        _ index: VectorIndex, _ parameters: IndexParameters, _ rows: Rows, _ model: Model
    ) throws -> VectorIndex {
        let file = MemoryFile()
        try index.save(to: file)
        let fresh = try VectorIndex.load(from: file, parameters: parameters, rowCount: model.published)
        // A graph of the first few slots isn't kept.
        #expect(fresh.linkedCount == (index.linkedCount < 64 && parameters.m > 0 ? 0 : index.linkedCount), Seed.note)
        fresh.publish(rows: rows.matrix, count: model.published, absent: model.absent.map { UInt32($0) })
        fresh.remove(model.removed.map { UInt32($0) })
        try fresh.checkInvariants()
        return fresh
    }
}
