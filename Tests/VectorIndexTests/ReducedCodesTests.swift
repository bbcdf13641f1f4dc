import Quantization
import Testing
import VectorIndex

/// Indexes of vectors whose leading components tell the neighbours, so that walks rank by reduced codes first.
struct ReducedCodesTests {
    private static let dimensions = 320
    private static let total = 9000

    /// Vectors about a few of 100 topics each, so that those that share them stand out, as with embeddings.
    private struct TopicVectors {
        private static let topicCount = 100
        private let topics: [Float]
        private var random: RandomSource

        init(seed: UInt64) {
            var random = RandomSource(seed: seed)
            topics = (0..<Self.topicCount * ReducedCodesTests.dimensions).map { _ in random.normal() }
            self.random = random
        }

        mutating func next() -> [Float] {
            var vector = [Float](repeating: 0, count: ReducedCodesTests.dimensions)
            for _ in 0..<4 {
                let topic = Int.random(in: 0..<Self.topicCount, using: &random) * ReducedCodesTests.dimensions
                let weight = Float.random(in: 0.1...1.5, using: &random)
                for i in vector.indices { vector[i] += weight * topics[topic + i] }
            }
            Normalization.normalize(&vector)
            return vector
        }
    }

    private func filled(_ parameters: IndexParameters, _ vectors: inout TopicVectors) -> Rows {
        let rows = Rows(parameters, capacity: Self.total)
        for _ in 0..<Self.total { rows.append(vectors.next()) }
        return rows
    }

    /// An index of all rows, linked, with reduced codes.
    private func indexed(_ parameters: IndexParameters, _ rows: Rows) -> VectorIndex {
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: Self.total, absent: [])
        index.drain()
        #expect(index.hasReducedCodes)
        return index
    }

    private func recall(
        _ index: VectorIndex, _ rows: Rows, _ vectors: inout TopicVectors, _ options: SearchOptions,
        allowed: [Int]? = nil, plan: SearchMethod
    ) -> Double {
        var sum = 0.0
        let slots = allowed ?? Array(0..<Self.total)
        let set = Set(slots)
        let bitmap = allowed.map { _ in SlotBitmap(count: Self.total) { set.contains($0) } }
        for _ in 0..<60 {
            let query = vectors.next()
            let outcome = index.search(query, plan == .filteredScan ? options : options.walking, allowed: bitmap)
            #expect(outcome.method == plan)
            #expect(outcome.hits.count == options.k)
            #expect(outcome.rescored >= (options.rescore ? options.k : 0))
            #expect(outcome.reranked >= max(outcome.rescored, options.k))
            sum += VectorIndexTests.recall(
                outcome, rows, query, best: bestScores(rows, query, k: options.k, among: slots))
        }
        return sum / 60
    }

    @Test(arguments: [Metric.cosine, .dot])
    func walksAndScansFindTheSame(_ metric: Metric) throws {
        var parameters = IndexParameters(dimensions: Self.dimensions, metric: metric)
        var vectors = TopicVectors(seed: Seed.value)
        let rows = filled(parameters, &vectors)
        let index = indexed(parameters, rows)
        #expect(try index.checkInvariants() >= 0.999, Seed.note)
        let floor = 0.9
        #expect(recall(index, rows, &vectors, SearchOptions(k: 10, ef: 96), plan: .graph) >= floor, Seed.note)
        // Eleven of each dozen, one of three, one of ten and one of a hundred.
        let most = Array(0..<Self.total).filter { $0 % 12 != 0 }
        let collected = recall(
            index, rows, &vectors, SearchOptions(k: 10, ef: 64), allowed: most, plan: .graphFiltered)
        #expect(collected >= floor - 0.05, Seed.note)
        for step in [3, 10] {
            let some = Array(stride(from: 0, to: Self.total, by: step))
            let scanned = recall(
                index, rows, &vectors, SearchOptions(k: 10, ef: 800), allowed: some, plan: .filteredScan)
            #expect(scanned >= 0.99, Seed.note)
        }
        let unscored = recall(
            index, rows, &vectors, SearchOptions(k: 10, ef: 96, rescore: false), plan: .graph)
        #expect(unscored >= floor - 0.05, Seed.note)

        // A pool that is hardly wider than what is wanted is no reason to walk again.
        for _ in 0..<20 {
            let query = vectors.next()
            let few = index.search(query, SearchOptions(k: 10, ef: 100).walking, allowed: nil)
            let many = index.search(query, SearchOptions(k: 100, ef: 100).walking, allowed: nil)
            #expect(few.walked == many.walked, Seed.note)
        }

        // There and back, and without.
        let file = MemoryFile()
        try index.save(to: file)
        let loaded = try VectorIndex.load(from: file, parameters: parameters, rowCount: Self.total)
        loaded.publish(rows: rows.matrix, count: Self.total, absent: [])
        #expect(loaded.hasReducedCodes && loaded.pendingCount == 0)
        let query = rows.vector(5)
        let options = SearchOptions(k: 20, ef: 64)
        #expect(
            loaded.search(query, options, allowed: nil).hits.map(\.slot)
                == index.search(query, options, allowed: nil).hits.map(\.slot))
        parameters.usesPrincipalCodes = false
        let plain = VectorIndex(parameters)
        plain.publish(rows: rows.matrix, count: Self.total, absent: [])
        plain.drain()
        #expect(!plain.hasReducedCodes)
    }

    /// Far from the query, vectors lie so close together, seen from there, that reduced codes don't tell them apart; then
    /// what they can't tell is ranked by finer codes.
    @Test(arguments: [1, 10]) func theNearestOfFarVectorsAreFound(step: Int) {
        let parameters = IndexParameters(dimensions: Self.dimensions, metric: .cosine, m: 8, efConstruct: 40)
        var vectors = TopicVectors(seed: Seed.value)
        let rows = filled(parameters, &vectors)
        let index = indexed(parameters, rows)
        var sum = 0.0
        for _ in 0..<20 {
            let query = vectors.next()
            let byScore = (0..<Self.total).map { ($0, rows.score(query, $0)) }.sorted { $0.1 > $1.1 }.map(\.0)
            let far = stride(from: Self.total / 2, to: Self.total, by: step).map { byScore[$0] }
            let set = Set(far)
            let outcome = index.search(
                query, SearchOptions(k: 10, fullScanBytes: .max),
                allowed: SlotBitmap(count: Self.total) { set.contains($0) })
            #expect(outcome.method == .filteredScan && outcome.hits.count == 10)
            sum += VectorIndexTests.recall(outcome, rows, query, best: bestScores(rows, query, k: 10, among: far))
        }
        #expect(sum / 20 >= 0.97, Seed.note)
    }

    /// Copies that came after training, of which the reduced codes know nothing, are walked by finer codes.
    @Test(arguments: [Metric.cosine, .dot]) func nearCopiesAreFound(_ metric: Metric) {
        let parameters = IndexParameters(dimensions: Self.dimensions, metric: metric, m: 8, efConstruct: 40)
        var vectors = TopicVectors(seed: Seed.value)
        let first = Self.total - 600
        let rows = Rows(parameters, capacity: Self.total)
        for _ in 0..<first { rows.append(vectors.next()) }
        var random = RandomSource(seed: Seed.value &+ 1)
        let original = rows.vector(17)
        func copy() -> [Float] {
            var copy = original.map { $0 + 0.06 / Float(Self.dimensions).squareRoot() * random.normal() }
            Normalization.normalize(&copy)
            return copy
        }
        for _ in first..<Self.total { rows.append(copy()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: first, absent: [])
        index.drain()
        index.publish(rows: rows.matrix, count: Self.total, absent: [])
        index.drain()
        #expect(index.hasReducedCodes)
        var sum = 0.0
        for _ in 0..<30 {
            let query = copy()
            let outcome = index.search(query, SearchOptions(k: 10).walking, allowed: nil)
            #expect(outcome.method == .graph)
            sum += VectorIndexTests.recall(
                outcome, rows, query, best: bestScores(rows, query, k: 10, among: Array(0..<Self.total)))
        }
        // The graph is a thin one: with one seed in fifty 0.87 is found.
        #expect(sum / 30 >= 0.8, Seed.note)
    }

    @Test func samplesAreLargeEnough() {
        for dimensions in PrincipalQuantizer.dimensions {
            #expect(
                VectorIndex.sampleSize(dimensions: dimensions) >= PrincipalQuantizer.leastRows(dimensions: dimensions))
        }
    }

    /// The first training has too few rows to tell the leading components; the next one comes as soon as there are.
    @Test func comeAsTheIndexGrows() throws {
        let parameters = IndexParameters(dimensions: Self.dimensions, metric: .cosine, m: 8, efConstruct: 40)
        var vectors = TopicVectors(seed: Seed.value)
        let rows = filled(parameters, &vectors)
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 2000, absent: [])
        index.drain()
        #expect(!index.hasReducedCodes)
        index.publish(rows: rows.matrix, count: Self.total, absent: [])
        index.drain()
        #expect(index.hasReducedCodes && index.pendingCount == 0)
        #expect(recall(index, rows, &vectors, SearchOptions(k: 10, ef: 128), plan: .graph) >= 0.9, Seed.note)
    }

    /// An index that stays small has them, too, whatever its size was when it was first trained.
    @Test(arguments: [1_024, 2_000]) func comeWhenNothingElseIsToBeDone(first: Int) throws {
        let count = 2_700
        for m in [8, 0] {
            let parameters = IndexParameters(dimensions: Self.dimensions, metric: .cosine, m: m, efConstruct: 40)
            #expect(count < 2 * PrincipalQuantizer.leastRows(dimensions: Self.dimensions))
            var vectors = TopicVectors(seed: Seed.value)
            let rows = filled(parameters, &vectors)
            let index = VectorIndex(parameters)
            for published in [first, count] {
                index.publish(rows: rows.matrix, count: published, absent: [])
                index.drain()
            }
            #expect(index.hasReducedCodes && index.pendingCount == 0, "m \(m), \(Seed.note)")
            // Once.
            let revision = index.revision
            index.drain()
            #expect(index.revision == revision)
        }
    }
}
