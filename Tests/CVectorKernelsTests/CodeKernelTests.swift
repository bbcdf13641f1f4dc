import CVectorKernels
import TestSupport
import Testing

/// Kernels over bytes are exact: every level must give the plain sum to the last bit.
struct CodeKernelTests {
    /// One kernel, what it should compute, and how many bytes and elements a length means.
    struct Kernel: Sendable, CustomTestStringConvertible {
        let name: String
        let scorer: @Sendable (UnsafePointer<tvk_kernels>) -> tvk_code_scorer
        /// The contribution of element i, of query and row bytes.
        let term: @Sendable (UnsafePointer<UInt8>, UnsafePointer<UInt8>, Int) -> Int
        /// Whether rows hold two dimensions a byte.
        var nibbles = false
        var testDescription: String { name }

        func n(_ length: Int) -> Int { nibbles ? min(length, 512) * 128 : length }
        func rowBytes(_ n: Int) -> Int { nibbles ? n / 2 : n }

        func expected(_ query: UnsafePointer<UInt8>, _ row: UnsafePointer<UInt8>, _ n: Int) -> Int32 {
            var sum = 0
            for i in 0..<n { sum += term(query, row, i) }
            return Int32(truncatingIfNeeded: sum)
        }
    }

    static let kernels: [Kernel] = [
        Kernel(name: "dot_u8i8", scorer: { $0.pointee.dot_u8i8 }) { q, x, i in Int(Int8(bitPattern: q[i])) * Int(x[i])
        },
        Kernel(name: "l1_u8", scorer: { $0.pointee.l1_u8 }) { q, x, i in abs(Int(q[i]) - Int(x[i])) },
        Kernel(name: "l2_u8", scorer: { $0.pointee.l2_u8 }) { q, x, i in
            (Int(q[i]) - Int(x[i])) * (Int(q[i]) - Int(x[i]))
        },
        Kernel(name: "dot_codes", scorer: { $0.pointee.dot_codes }) { q, x, i in (Int(q[i]) - 128) * (Int(x[i]) - 128)
        },
        Kernel(name: "hamming", scorer: { $0.pointee.hamming }) { q, x, i in (q[i] ^ x[i]).nonzeroBitCount },
        Kernel(
            name: "dot_u4i8", scorer: { $0.pointee.dot_u4i8 },
            term: { q, x, i in
                let byte = x[i / 128 * 64 + i % 64]
                return Int(Int8(bitPattern: q[i])) * Int(i % 128 < 64 ? byte & 15 : byte >> 4)
            }, nibbles: true),
    ]

    @Test(arguments: Level.available, kernels)
    func equalsPlainArithmetic(level: Level, kernel: Kernel) {
        var random = SeededGenerator()
        let scorer = kernel.scorer(level.kernels)
        for length in lengths {
            let n = kernel.n(length), bytes = kernel.rowBytes(n), offset = length % 5
            let query = Guarded<UInt8>(count: offset + n) { _ in .random(in: 0...255, using: &random) }
            let row = Guarded<UInt8>(count: offset + bytes) { _ in .random(in: 0...255, using: &random) }
            let result = scorer.pair(query.pointer + offset, row.pointer + offset, n)
            #expect(result == kernel.expected(query.pointer + offset, row.pointer + offset, n), "n = \(n)")
        }
    }

    /// The bounds in the header: every combination of extremes, up to the longest vector.
    @Test(arguments: Level.available, kernels)
    func extremes(level: Level, kernel: Kernel) {
        let scorer = kernel.scorer(level.kernels)
        let extremes: [UInt8] = [0, 1, 127, 128, 129, 255]
        for n in [1, 63, 128, 255, 1024, 65_536] where !kernel.nibbles || n % 128 == 0 {
            for q in extremes {
                for x in extremes {
                    let query = Guarded<UInt8>(count: n) { _ in q }
                    let row = Guarded<UInt8>(count: kernel.rowBytes(n)) { _ in x }
                    let result = scorer.pair(query.pointer, row.pointer, n)
                    #expect(result == kernel.expected(query.pointer, row.pointer, n), "n = \(n), \(q), \(x)")
                }
            }
        }
    }

    @Test func boundsFitTheirTypes() {
        let n = Int(TVK_MAX_DIMENSIONS)
        #expect(n * 255 * 128 <= Int(Int32.max))
        #expect(n * 255 * 255 <= Int(UInt32.max))
        #expect(33_025 * 255 * 255 <= Int(Int32.max))
    }

    @Test(arguments: Level.available, kernels)
    func batchedEqualsSingle(level: Level, kernel: Kernel) {
        var random = SeededGenerator()
        let scorer = kernel.scorer(level.kernels)
        for length in [0, 1, 31, 64, 65, 100, 256, 257, 768] {
            let n = kernel.n(length), bytes = kernel.rowBytes(n), stride = bytes + length % 3
            let rowCount = 23
            let query = Guarded<UInt8>(count: n) { _ in .random(in: 0...255, using: &random) }
            let rows = Guarded<UInt8>(count: stride * (rowCount - 1) + bytes) { _ in
                .random(in: 0...255, using: &random)
            }
            for count in 0...rowCount {
                let slots = Guarded<UInt32>(count: count) { _ in .random(in: 0..<UInt32(rowCount), using: &random) }
                let gathered = Guarded<Int32>(count: count) { _ in -1 }
                scorer.gathered(query.pointer, rows.pointer, stride, slots.pointer, count, n, gathered.pointer)
                let range = Guarded<Int32>(count: count) { _ in -1 }
                scorer.range(query.pointer, rows.pointer, stride, count, n, range.pointer)
                for i in 0..<count {
                    let slot = Int(slots.pointer[i])
                    #expect(gathered.pointer[i] == scorer.pair(query.pointer, rows.pointer + slot * stride, n))
                    #expect(range.pointer[i] == scorer.pair(query.pointer, rows.pointer + i * stride, n))
                }
            }
        }
    }

    /// maddubs, the obvious AVX2 instruction, saturates on these.
    @Test(arguments: Level.available) func neverSaturates(level: Level) {
        let row = [UInt8](repeating: 255, count: 64), query = [Int8](repeating: 127, count: 64)
        #expect(level.kernels.pointee.dot_u8i8.pair(query, row, 64) == 64 * 255 * 127)
    }
}
