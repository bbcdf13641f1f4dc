import Quantization
import TestSupport
import Testing
import VectorIndex

/// A graph that is written without codes, and taken by another index over the same rows.
@Suite struct SavedGraphTests {
    private static let count = 2_000

    private static func image(_ index: VectorIndex) throws -> MemoryFile {
        let file = MemoryFile()
        try #require(index.graphImage()).write(to: file)
        return file
    }

    /// An index over the rows that has taken the file's graph. `removed` are dead before that.
    private static func adopting(
        _ file: MemoryFile, _ parameters: IndexParameters, _ rows: RowMatrix, count: Int = count, removed: [UInt32] = []
    ) throws -> VectorIndex {
        let saved = try SavedGraph(from: file, parameters: parameters, rowCount: count)
        let index = VectorIndex(saved.parameters)
        index.publish(rows: rows, count: count, absent: [3])
        index.remove(removed)
        var random = RandomSource(seed: Seed.value)
        try index.adopt(saved, using: &random)
        return index
    }

    @Test(arguments: [(5, true), (16, true), (16, false)])
    func findsWhatTheSourceFinds(_ m: Int, _ keepsCodes: Bool) throws {
        for metric in Metric.allCases {
            let parameters = IndexParameters(
                dimensions: 24, metric: metric, m: m, codec: keepsCodes ? .int8(quantile: 0.99) : .none)
            var (index, rows, vectors) = FileTests.make(parameters, count: Self.count)
            index.drain(threads: 1)
            var random = RandomSource(seed: Seed.value)
            let removed = (0..<UInt32(Self.count)).filter { _ in Int.random(in: 0..<6, using: &random) == 0 } + [7]
            index.remove(removed)
            let restored = try Self.adopting(Self.image(index), parameters, rows.guardedMatrix(), removed: removed)
            #expect(restored.parameters == parameters)
            #expect(restored.linkedCount == Self.count && restored.pendingCount == 0)
            #expect((restored.memory.codes > 0) == keepsCodes)
            try restored.checkInvariants()
            let live = Set(0..<Self.count).subtracting(removed.map { Int($0) } + [3])
            var (before, after) = (0.0, 0.0)
            for _ in 0..<30 {
                let query = vectors.query()
                let outcome = restored.search(query, SearchOptions(k: 10, ef: 60).walking)
                expectSound(outcome, rows, query, k: 10, allowed: live)
                let best = bestScores(rows, query, k: 10, among: Array(live))
                after += recall(outcome, rows, query, best: best)
                before += recall(
                    index.search(query, SearchOptions(k: 10, ef: 60).walking), rows, query, best: best)
            }
            #expect(after >= before - 1, "\(metric): \(after) of 30, \(before) before; seed \(Seed.value)")
        }
    }

    /// What is removed and linked after the image was taken isn't in it: to whoever reads it those slots are alive, and must
    /// have links.
    @Test func anImageIsOfItsMoment() throws {
        let parameters = IndexParameters(dimensions: 24, metric: .euclid, m: 8)
        let (index, rows, _) = FileTests.make(parameters, count: Self.count)
        while index.linkedCount < 1_300 { _ = index.work(limit: 64) }
        let linked = index.linkedCount
        let image = try #require(index.graphImage())
        index.remove(Array(UInt32(linked)..<UInt32(linked + 300)))
        index.drain()
        #expect(index.linkedCount == Self.count)
        let file = MemoryFile()
        try image.write(to: file)
        let restored = try Self.adopting(file, parameters, rows.matrix)
        #expect(restored.linkedCount == linked)
        restored.drain()
        #expect(restored.linkedCount == Self.count)
        let (looked, missed) = restored.unreachedSlots()
        #expect(looked == Self.count - 1 && missed == 0, Seed.note)
    }

    @Test func otherLinksAreTakenAndOtherVectorsRefused() throws {
        let parameters = IndexParameters(
            dimensions: 24, metric: .cosine, m: 8, efConstruct: 60, codec: .int8(quantile: 0.99))
        let (index, rows, _) = FileTests.make(parameters, count: Self.count)
        index.drain()
        let file = try Self.image(index)
        let taken: [(inout IndexParameters) -> Void] = [
            { $0.m = 16 }, { $0.efConstruct = 100 }, { $0.codec = .int8(quantile: nil) }, { $0.codec = .none },
        ]
        for change in taken {
            var wanted = parameters
            change(&wanted)
            let restored = try Self.adopting(file, wanted, rows.matrix)
            // Links as the graph has them, codes as they are wanted.
            wanted.m = 8
            wanted.efConstruct = 60
            #expect(restored.parameters == wanted && restored.linkedCount == Self.count)
        }
        let refused: [(inout IndexParameters) -> Void] = [
            { $0.dimensions = 25 }, { $0.metric = .dot }, { $0.element = .float16 }, { $0.seed += 1 },
        ]
        for change in refused {
            var wanted = parameters
            change(&wanted)
            #expect(throws: IndexFileError.self) {
                _ = try SavedGraph(from: file, parameters: wanted, rowCount: Self.count)
            }
        }
        #expect(throws: IndexFileError.self) {
            _ = try SavedGraph(from: file, parameters: parameters, rowCount: Self.count - 1)
        }
    }

    /// A graph that doesn't lead to the rows is noticed.
    @Test func graphsOfOtherRowsAreRefused() throws {
        let parameters = IndexParameters(dimensions: 24, metric: .cosine, m: 8)
        let (index, rows, _) = FileTests.make(parameters, count: Self.count)
        index.drain()
        let own = try Self.image(index)
        _ = try Self.adopting(own, parameters, rows.matrix)
        // The same rows, in another order.
        let others = Rows(parameters, capacity: Self.count)
        for slot in 0..<Self.count { others.append(rows.vector(slot * 7 % Self.count)) }
        #expect(throws: IndexFileError.self) { _ = try Self.adopting(own, parameters, others.matrix) }
        // With codes, which nobody could compare with the rows.
        let withCodes = MemoryFile()
        try index.save(to: withCodes)
        #expect(throws: IndexFileError.self) { _ = try Self.adopting(withCodes, parameters, rows.matrix) }
        // Too few rows for a graph.
        let dead = Array(UInt32(10)..<UInt32(Self.count))
        #expect(throws: IndexFileError.self) {
            _ = try Self.adopting(own, parameters, rows.matrix, removed: dead)
        }
        // No links at all; no entry point.
        for (place, size) in [(IndexFileForgery.headerBytes, Self.count * 8 * 8), (56, 8)] {
            let forged = MemoryFile()
            forged.bytes = own.bytes
            forged.bytes.replaceSubrange(place..<place + size, with: repeatElement(0xFF, count: size))
            IndexFileForgery.mend(&forged.bytes)
            #expect(throws: IndexFileError.self) { _ = try Self.adopting(forged, parameters, rows.matrix) }
        }
    }

    /// A slot is on its drawn level or on level 0, so that no search has to step through upper levels that hold all slots.
    @Test func levelsAreThoseThatWereDrawn() throws {
        let parameters = IndexParameters(dimensions: 24, metric: .cosine, m: 8)
        let (index, rows, _) = FileTests.make(parameters, count: Self.count)
        index.drain()
        let file = try Self.image(index)
        let upper = IndexFileForgery.headerBytes + IndexFileForgery.sectionSizes(file.bytes)[..<7].reduce(0, +)
        // Of the first slot with upper levels, the number.
        file.bytes[upper] ^= 1
        IndexFileForgery.mend(&file.bytes)
        #expect(throws: IndexFileError.damaged("the upper levels of slot \(file.bytes[upper])")) {
            _ = try Self.adopting(file, parameters, rows.matrix)
        }
    }

    /// Whatever a file says whose hashes fit: it is refused, or every answer is right by its scores, and whole.
    @Test(arguments: [true, false]) func forgedGraphsDoNoHarm(keepsCodes: Bool) throws {
        let count = 1_200
        let parameters = IndexParameters(
            dimensions: 20, metric: .euclid, m: 4, efConstruct: 30, codec: keepsCodes ? .int8(quantile: nil) : .none)
        var (index, rows, vectors) = FileTests.make(parameters, count: count)
        index.drain()
        let sound = try Self.image(index).bytes
        let live = Set(0..<count).subtracting([3])
        let matrix = rows.guardedMatrix()
        var random = RandomSource(seed: Seed.value)
        let file = MemoryFile()
        var (refused, taken) = (0, 0)
        for round in 0..<150 {
            file.bytes = sound
            for _ in 0..<Int.random(in: 1...3, using: &random) { IndexFileForgery.forge(&file.bytes, using: &random) }
            do {
                let restored = try Self.adopting(file, parameters, matrix, count: count)
                taken += 1
                for work in [0, round % 5 == 0 ? 1 : 0] {
                    if work > 0 { restored.drain() }
                    let query = vectors.query()
                    expectSound(
                        restored.search(query, SearchOptions(k: 10).walking), rows, query, k: 10, allowed: live)
                }
            } catch is IndexFileError {
                refused += 1
            }
        }
        #expect(refused > 30 && taken > 10, "\(refused) refused, \(taken) taken; seed \(Seed.value)")
    }
}
