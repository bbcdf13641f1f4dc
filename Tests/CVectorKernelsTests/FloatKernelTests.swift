import CVectorKernels
import Glibc
import TestSupport
import Testing

struct FloatKernelTests {
    enum Rows: CaseIterable, Sendable { case float32, float16, uint8 }
    enum Distance: CaseIterable, Sendable { case dot, l2, l1 }

    static func scorer(_ level: Level, _ rows: Rows, _ distance: Distance) -> tvk_float_scorer {
        let table = level.kernels.pointee
        let family =
            switch rows {
            case .float32: table.f32
            case .float16: table.f16
            case .uint8: table.u8
            }
        return switch distance {
        case .dot: family.dot
        case .l2: family.l2
        case .l1: family.l1
        }
    }

    /// Rows of one element type, as bytes for the kernel and as doubles for the reference.
    final class Matrix {
        let bytes: Guarded<UInt8>
        let values: [Double]
        let size: Int

        init(_ rows: Rows, count: Int, magnitude: Float, using random: inout SeededGenerator) {
            var values: [Double] = []
            var raw: [UInt8] = []
            for _ in 0..<count {
                switch rows {
                case .float32:
                    let value = Float.random(in: -magnitude...magnitude, using: &random)
                    values.append(Double(value))
                    withUnsafeBytes(of: value) { raw.append(contentsOf: $0) }
                case .float16:
                    let value = Float16(Float.random(in: -1...1, using: &random) * min(magnitude, 60_000))
                    values.append(Double(value))
                    withUnsafeBytes(of: value) { raw.append(contentsOf: $0) }
                case .uint8:
                    let value = UInt8.random(in: 0...255, using: &random)
                    values.append(Double(value))
                    raw.append(value)
                }
            }
            self.values = values
            size = rows == .float32 ? 4 : rows == .float16 ? 2 : 1
            bytes = Guarded(count: raw.count) { raw[$0] }
        }
    }

    /// The reference value and the sum of the terms' magnitudes, to which rounding errors are proportional.
    static func expected(_ distance: Distance, _ query: UnsafePointer<Float>, _ row: ArraySlice<Double>) -> (
        Double, Double
    ) {
        var sum = 0.0, magnitude = 0.0
        for (i, x) in row.enumerated() {
            let q = Double(query[i])
            let term =
                switch distance {
                case .dot: q * x
                case .l2: (q - x) * (q - x)
                case .l1: abs(q - x)
                }
            sum += term
            magnitude += abs(term)
        }
        return (sum, magnitude)
    }

    @Test(arguments: Level.available, Rows.allCases)
    func equalsPlainArithmetic(level: Level, rows: Rows) {
        var random = SeededGenerator()
        for distance in Distance.allCases {
            let scorer = Self.scorer(level, rows, distance)
            for n in lengths {
                let offset = n % 3
                let magnitude: Float = [1, 1e-3, 1e15][n % 3]
                let query = Guarded<Float>(count: offset + n) { _ in
                    .random(in: -magnitude...magnitude, using: &random)
                }
                let matrix = Matrix(rows, count: offset + n, magnitude: magnitude, using: &random)
                let result = scorer.pair(query.pointer + offset, matrix.bytes.pointer + offset * matrix.size, n)
                let (sum, terms) = Self.expected(distance, query.pointer + offset, matrix.values[offset...])
                // Each of the longest accumulator's additions loses at most half an ulp of the terms so far.
                let tolerance = terms * 0x1p-24 * (Double(n) / 4 + 8)
                #expect(abs(Double(result) - sum) <= tolerance, "\(distance), n = \(n): \(result), \(sum)")
            }
        }
    }

    /// Large values stay finite where the true result is.
    @Test(arguments: Level.available) func extremes(level: Level) {
        let table = level.kernels.pointee
        let largest = Float.greatestFiniteMagnitude
        for n in [1, 3, 8, 16, 17] {
            let big = [Float](repeating: largest / 32, count: n), one = [Float](repeating: 1, count: n)
            #expect(table.f32.dot.pair(big, one, n).isFinite)
            #expect(table.f32.l1.pair(big, one, n).isFinite)
            let squares = [Float](repeating: 1e18, count: n)
            #expect(table.f32.l2.pair(squares, one, n).isFinite)
            let zeros = [Float](repeating: 0, count: n)
            #expect(table.f32.dot.pair(zeros, big, n) == 0)
            #expect(table.f32.l2.pair(big, big, n) == 0)
            #expect(table.f32.l1.pair(big, big, n) == 0)
            let denormals = [Float](repeating: Float.leastNonzeroMagnitude, count: n)
            #expect(table.f32.l1.pair(denormals, zeros, n) == Float.leastNonzeroMagnitude * Float(n))
            let halves = [Float16](repeating: Float16.greatestFiniteMagnitude, count: n)
            #expect(table.f16.dot.pair(one, halves, n) == 65_504 * Float(n))
        }
    }

    @Test(arguments: Level.available, Rows.allCases)
    func batchedEqualsSingle(level: Level, rows: Rows) {
        var random = SeededGenerator()
        for distance in Distance.allCases {
            let scorer = Self.scorer(level, rows, distance)
            for n in [0, 1, 7, 16, 33, 100, 257, 768] {
                // Enough groups that short rows are prefetched two groups ahead at every level.
                let rowCount = 23
                let query = Guarded<Float>(count: n) { _ in .random(in: -1...1, using: &random) }
                let stride = n + n % 2  // in elements, sometimes longer than the row
                let matrix = Matrix(rows, count: stride * rowCount, magnitude: 1, using: &random)
                let base = UnsafeRawPointer(matrix.bytes.pointer), strideBytes = stride * matrix.size
                for count in 0...rowCount {
                    let slots = Guarded<UInt32>(count: count) { _ in .random(in: 0..<UInt32(rowCount), using: &random) }
                    let gathered = Guarded<Float>(count: count) { _ in -1 }
                    scorer.gathered(query.pointer, base, strideBytes, slots.pointer, count, n, gathered.pointer)
                    let range = Guarded<Float>(count: count) { _ in -1 }
                    scorer.range(query.pointer, base, strideBytes, count, n, range.pointer)
                    for i in 0..<count {
                        let slot = Int(slots.pointer[i])
                        #expect(gathered.pointer[i] == scorer.pair(query.pointer, base + slot * strideBytes, n))
                        #expect(range.pointer[i] == scorer.pair(query.pointer, base + i * strideBytes, n))
                    }
                }
            }
        }
    }

    @Test(arguments: Level.available) func sumsOfSquares(level: Level) {
        var random = SeededGenerator()
        let table = level.kernels.pointee
        for n in lengths {
            let floats = Guarded<Float>(count: n) { _ in .random(in: -2...2, using: &random) }
            let halves = Guarded<UInt16>(count: n) { Float16(floats.pointer[$0]).bitPattern }
            let bytes = Guarded<UInt8>(count: n) { _ in .random(in: 0...255, using: &random) }
            var expected = 0.0, expectedHalves = 0.0
            var expectedBytes: UInt64 = 0
            for i in 0..<n {
                expected += Double(floats.pointer[i]) * Double(floats.pointer[i])
                let half = Double(Float16(bitPattern: halves.pointer[i]))
                expectedHalves += half * half
                expectedBytes += UInt64(bytes.pointer[i]) * UInt64(bytes.pointer[i])
            }
            let tolerance = 0x1p-24 * (Double(n) / 4 + 8)
            #expect(abs(Double(table.sum_squares_f32(floats.pointer, n)) - expected) <= expected * tolerance)
            #expect(
                abs(Double(table.sum_squares_f16(halves.pointer, n)) - expectedHalves) <= expectedHalves * tolerance)
            #expect(table.sum_squares_u8(bytes.pointer, n) == expectedBytes)
        }
        let many = 200_001
        let full = Guarded<UInt8>(count: many) { _ in 255 }
        #expect(table.sum_squares_u8(full.pointer, many) == UInt64(many) * 65_025)
    }
}
