import Foundation
import Quantization
import TestSupport
import Testing
import VectorIndex

@Suite struct FileTests {
    static func make(_ parameters: IndexParameters, count: Int = 3000) -> (VectorIndex, Rows, ClusteredVectors) {
        var vectors = ClusteredVectors(parameters, clusters: 25, seed: Seed.value)
        let rows = Rows(parameters, capacity: count)
        for _ in 0..<count { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: count, absent: [3])
        index.remove([7])
        return (index, rows, vectors)
    }

    @Test(arguments: [(0, true), (5, true), (16, true), (5, false), (16, false)])
    func roundTripAnswersAlike(_ m: Int, _ keepsCodes: Bool) throws {
        for metric in Metric.allCases {
            let parameters = IndexParameters(
                dimensions: 17, metric: metric, m: m, codec: keepsCodes ? .int8(quantile: nil) : .none)
            var (index, rows, vectors) = Self.make(parameters)
            index.drain(threads: 1)
            let file = MemoryFile()
            try index.save(to: file)
            let loaded = try VectorIndex.load(from: file, parameters: parameters, rowCount: 3000)
            #expect(loaded.search(vectors.query(), SearchOptions(k: 1)).hits.isEmpty)
            loaded.publish(rows: rows.matrix, count: 3000, absent: [3])
            loaded.remove([7])
            #expect(loaded.pendingCount == 0 && loaded.linkedCount == 3000)
            #expect((loaded.memory.codes > 0) == keepsCodes)
            try loaded.checkInvariants()
            for _ in 0..<30 {
                let query = vectors.query()
                let options = SearchOptions(k: 20, ef: 20).walking
                let outcome = loaded.search(query, options)
                #expect(outcome.method == (m == 0 ? .codeScan : .graphFiltered))
                #expect(outcome.hits == index.search(query, options).hits, Seed.note)
            }
            // The same bytes again.
            let again = MemoryFile()
            try loaded.save(to: again)
            #expect(again.bytes == file.bytes)
        }
    }

    /// A file made with other settings is an index with those, if that is asked for, and never one of other vectors.
    @Test func otherSettings() throws {
        let saved = IndexParameters(dimensions: 17, metric: .euclid, m: 5, efConstruct: 60, codec: .int8(quantile: 0.9))
        var (index, rows, vectors) = Self.make(saved)
        index.drain(threads: 1)
        let file = MemoryFile()
        try index.save(to: file)
        var wanted = saved
        let changes: [(inout IndexParameters) -> Void] = [
            { $0.m = 16 }, { $0.m = 0 }, { $0.efConstruct = 100 }, { $0.codec = .int8(quantile: nil) },
            { $0.codec = .none },
        ]
        for change in changes {
            wanted = saved
            change(&wanted)
            #expect(throws: IndexFileError.self) {
                try VectorIndex.load(from: file, parameters: wanted, rowCount: 3000)
            }
            let loaded = try VectorIndex.load(
                from: file, parameters: wanted, rowCount: 3000, acceptsOtherSettings: true)
            #expect(loaded.parameters == saved)
            loaded.publish(rows: rows.matrix, count: 3000, absent: [3])
            loaded.remove([7])
            let query = vectors.query()
            #expect(loaded.search(query, SearchOptions(k: 5)).hits == index.search(query, SearchOptions(k: 5)).hits)
        }
        let others: [(inout IndexParameters) -> Void] = [
            { $0.dimensions = 18 }, { $0.metric = .cosine }, { $0.element = .float16 }, { $0.seed += 1 },
        ]
        for change in others {
            wanted = saved
            change(&wanted)
            #expect(throws: IndexFileError.self) {
                try VectorIndex.load(from: file, parameters: wanted, rowCount: 3000, acceptsOtherSettings: true)
            }
        }
    }

    @Test func untrainedAndHalfLinkedIndexes() throws {
        let parameters = IndexParameters(dimensions: 6, metric: .cosine)
        let file = MemoryFile()
        try VectorIndex(parameters).save(to: file)
        #expect(try VectorIndex.load(from: file, parameters: parameters, rowCount: 0).linkedCount == 0)
        var (index, rows, vectors) = Self.make(parameters)
        _ = index.work(limit: 1300)
        try index.save(to: file)
        let loaded = try VectorIndex.load(from: file, parameters: parameters, rowCount: 3000)
        #expect(loaded.linkedCount == 1300)
        loaded.publish(rows: rows.matrix, count: 3000, absent: [3])
        loaded.remove([7])
        loaded.drain()
        try loaded.checkInvariants()
        let live = Set(0..<3000).subtracting([3, 7])
        let query = vectors.query()
        expectSound(loaded.search(query, SearchOptions(k: 10)), rows, query, k: 10, allowed: live)
    }

    @Test func otherParametersAreRefused() throws {
        let parameters = IndexParameters(dimensions: 6, metric: .cosine, codec: .int8(quantile: 0.99))
        let (index, _, _) = Self.make(parameters)
        index.drain()
        let file = MemoryFile()
        try index.save(to: file)
        var others = [IndexParameters](repeating: parameters, count: 7)
        others[0].dimensions = 7
        others[1].metric = .dot
        others[2].element = .float16
        others[3].m = 17
        others[4].efConstruct = 99
        others[5].codec = .int8(quantile: nil)
        others[6].seed = 1
        for other in others {
            #expect(throws: IndexFileError.self) {
                try VectorIndex.load(from: file, parameters: other, rowCount: 3000)
            }
        }
        #expect(throws: IndexFileError.self) {
            try VectorIndex.load(from: file, parameters: parameters, rowCount: 2999)
        }
        #expect(throws: IndexFileError.self) {
            try VectorIndex.load(from: MemoryFile(), parameters: parameters, rowCount: 3000)
        }
    }

    /// Bytes changed and files cut at random places: always an error, never a crash.
    @Test func damageIsFound() throws {
        var random = RandomSource(seed: Seed.value)
        for m in [0, 4] {
            let parameters = IndexParameters(dimensions: 3, metric: .euclid, m: m)
            let (index, _, _) = Self.make(parameters, count: 1500)
            index.drain()
            let file = MemoryFile()
            try index.save(to: file)
            let sound = file.bytes
            let broken = MemoryFile()
            for i in 0..<300 {
                var bytes = sound
                switch i % 3 {
                case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
                case 1: bytes.append(contentsOf: [UInt8](repeating: 0, count: Int.random(in: 1...200, using: &random)))
                default:
                    let place = Int.random(in: 0..<(i % 2 == 0 ? 128 : bytes.count), using: &random)
                    bytes[place] ^= UInt8.random(in: 1...255, using: &random)
                }
                broken.bytes = bytes
                #expect(throws: IndexFileError.self, Seed.note) {
                    try VectorIndex.load(from: broken, parameters: parameters, rowCount: 1500)
                }
            }
        }
    }

    /// Damage that comes with right hashes, as from a faulty writer: still no crash, and links out of range are found.
    @Test func wrongContentWithRightHashesDoesNoHarm() throws {
        var random = RandomSource(seed: Seed.value)
        let parameters = IndexParameters(dimensions: 3, metric: .euclid, m: 4)
        var (index, rows, vectors) = Self.make(parameters, count: 1500)
        index.drain()
        let file = MemoryFile()
        try index.save(to: file)
        let sound = file.bytes
        var refused = 0
        for i in 0..<200 {
            var bytes = sound
            if i % 2 == 0 {
                // A field of the header other than the hashes.
                bytes[Int.random(in: 8..<80, using: &random)] = UInt8.random(in: 0...255, using: &random)
            } else {
                for _ in 0..<Int.random(in: 1...8, using: &random) {
                    bytes[Int.random(in: 128..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
            }
            IndexFileForgery.mend(&bytes)
            file.bytes = bytes
            do {
                let loaded = try VectorIndex.load(from: file, parameters: parameters, rowCount: 1500)
                loaded.publish(rows: rows.matrix, count: 1500, absent: [])
                #expect(loaded.search(vectors.query(), SearchOptions(k: 10)).hits.count == 10, Seed.note)
                loaded.drain()
            } catch is IndexFileError {
                refused += 1
            }
        }
        #expect(refused > 50)
    }
}

@Suite struct HashTests {
    /// Vectors of the reference implementation.
    @Test func knownValues() {
        #expect(XXH64.hash([]) == 0xEF46_DB37_51D8_E999)
        #expect(XXH64.hash(Array("a".utf8)) == 0xD24E_C4F1_A98C_6E5B)
        #expect(XXH64.hash(Array("abc".utf8)) == 0x44BC_2CF5_AD77_0999)
        #expect(XXH64.hash(Array("Nobody inspects the spammish repetition".utf8)) == 0xFBCE_A83C_8A37_8BF1)
    }

    @Test func piecesMakeNoDifference() {
        var random = RandomSource(seed: Seed.value)
        for length in [0, 1, 31, 32, 33, 63, 64, 65, 1000] {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            var hash = Hash64()
            var next = 0
            while next < length {
                let size = min(Int.random(in: 0...40, using: &random), length - next)
                bytes[next..<next + size].withUnsafeBytes { hash.update($0) }
                next += size
            }
            #expect(hash.value == XXH64.hash(bytes), Seed.note)
        }
    }
}
