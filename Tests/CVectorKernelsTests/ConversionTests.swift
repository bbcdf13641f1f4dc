import CVectorKernels
import Glibc
import TestSupport
import Testing

struct ConversionTests {
    @Test(arguments: Level.available) func everyHalfWidens(level: Level) {
        let halves = (0...UInt16.max).map { $0 }
        var floats = [Float](repeating: 0, count: halves.count)
        level.kernels.pointee.f16_to_f32(halves, &floats, halves.count)
        for (bits, value) in zip(halves, floats) {
            let expected = Float(Float16(bitPattern: bits))
            if expected.isNaN { #expect(value.isNaN) } else { #expect(value.bitPattern == expected.bitPattern) }
        }
    }

    /// All the values on, and either side of, every boundary between two halves: where rounding to even decides.
    @Test(arguments: Level.available) func everyHalfwayPointRoundsToEven(level: Level) {
        var floats: [Float] = []
        for bits in UInt16(0)..<0x7C00 {
            let low = Float(Float16(bitPattern: bits))
            let high = bits == 0x7BFF ? 65_536 : Float(Float16(bitPattern: bits + 1))
            let middle = (low + high) / 2
            for value in [low, middle.nextDown, middle, middle.nextUp] { floats += [value, -value] }
        }
        floats += [.leastNonzeroMagnitude, 1e-30, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .infinity]
        var halves = [UInt16](repeating: 0, count: floats.count)
        let overflowed = level.kernels.pointee.f32_to_f16(floats, &halves, floats.count)
        for (value, bits) in zip(floats, halves) {
            #expect(bits == Float16(value).bitPattern, "\(value)")
        }
        #expect(overflowed == floats.count { abs($0) >= 65_520 && $0.isFinite })
        var nan = [UInt16](repeating: 0, count: 1)
        #expect(level.kernels.pointee.f32_to_f16([.nan], &nan, 1) == 0)
        #expect(Float16(bitPattern: nan[0]).isNaN)
    }

    @Test(arguments: Level.available) func conversionsOfAllLengths(level: Level) {
        var random = SeededGenerator()
        let table = level.kernels.pointee
        for n in lengths {
            let floats = Guarded<Float>(count: n) { _ in .random(in: -300...600, using: &random) }
            let halves = Guarded<UInt16>(count: n) { _ in 0 }
            let bytes = Guarded<UInt8>(count: n) { _ in 0 }
            let back = Guarded<Float>(count: n) { _ in -1 }
            #expect(table.f32_to_f16(floats.pointer, halves.pointer, n) == 0)
            table.f16_to_f32(halves.pointer, back.pointer, n)
            for i in 0..<n { #expect(back.pointer[i] == Float(Float16(floats.pointer[i]))) }
            let outside = table.f32_to_u8(floats.pointer, bytes.pointer, n)
            table.u8_to_f32(bytes.pointer, back.pointer, n)
            var expectedOutside = 0
            for i in 0..<n {
                let value = floats.pointer[i]
                #expect(bytes.pointer[i] == UInt8(min(max(value, 0), 255)))
                #expect(back.pointer[i] == Float(bytes.pointer[i]))
                if value <= -1 || value >= 256 { expectedOutside += 1 }
            }
            #expect(outside == expectedOutside)
        }
    }

    @Test(arguments: Level.available) func bytesAtTheEdges(level: Level) {
        let values: [Float] = [
            -1, -0.999, -0.0, 0.999, 1, 254.999, 255, 255.999, 256, .nan, .infinity, -.infinity, 1e30, -1e30,
        ]
        let expected: [UInt8] = [0, 0, 0, 0, 1, 254, 255, 255, 255, 0, 255, 0, 255, 0]
        var bytes = [UInt8](repeating: 7, count: values.count)
        let outside = level.kernels.pointee.f32_to_u8(values, &bytes, values.count)
        #expect(bytes == expected)
        #expect(outside == 7)
    }

    @Test(arguments: Level.available, [UInt8(0), 0x80]) func quantize(level: Level, flip: UInt8) {
        var random = SeededGenerator()
        let table = level.kernels.pointee
        for n in lengths {
            let floats = Guarded<Float>(count: n) { i in
                // Halves land exactly between two codes.
                i % 3 == 0 ? Float(Int.random(in: -300...300, using: &random)) : .random(in: -300...300, using: &random)
            }
            let codes = Guarded<UInt8>(count: n) { _ in 0 }
            table.quantize(floats.pointer, n, 0.5, flip, codes.pointer)
            let offsets = Guarded<Float>(count: n) { _ in .random(in: -1...1, using: &random) }
            let back = Guarded<Float>(count: n) { _ in 0 }
            table.dequantize(codes.pointer, n, flip, 2, offsets.pointer, back.pointer)
            for i in 0..<n {
                let code = min(max((floats.pointer[i] * 0.5).rounded(.toNearestOrEven), -127), 127)
                #expect(Int8(bitPattern: codes.pointer[i] ^ flip) == Int8(code))
                #expect(abs(back.pointer[i] - (code * 2 + offsets.pointer[i])) <= 1e-4)
            }
        }
        var codes = [UInt8](repeating: 0, count: 5)
        table.quantize([.nan, .infinity, -.infinity, 1e38, -1e38], 5, 1e10, 0, &codes)
        #expect(codes.map { Int8(bitPattern: $0) } == [-127, 127, -127, 127, -127])
    }

    @Test(arguments: Level.available) func elementwise(level: Level) {
        var random = SeededGenerator()
        let table = level.kernels.pointee
        for n in lengths {
            let x = Guarded<Float>(count: n) { _ in .random(in: -10...10, using: &random) }
            let y = Guarded<Float>(count: n) { _ in .random(in: -10...10, using: &random) }
            let order = Guarded<UInt32>(count: n) { _ in .random(in: 0..<UInt32(max(n, 1)), using: &random) }
            let out = Guarded<Float>(count: n) { _ in 0 }
            let bytes = Guarded<Int8>(count: n) { _ in .random(in: -128...127, using: &random) }
            table.permute(x.pointer, order.pointer, y.pointer, out.pointer, n)
            for i in 0..<n { #expect(out.pointer[i] == x.pointer[Int(order.pointer[i])] * y.pointer[i]) }
            table.scale_clamped(x.pointer, n, 3, 12.5, out.pointer)
            for i in 0..<n { #expect(out.pointer[i] == min(max(x.pointer[i] * 3, -12.5), 12.5)) }
            let greatest = (0..<n).map { abs(x.pointer[$0]) }.max() ?? 0
            #expect(table.max_magnitude(x.pointer, n) == greatest)
            let before = (0..<n).map { x.pointer[$0] }
            table.subtract(x.pointer, y.pointer, n)
            for i in 0..<n { #expect(x.pointer[i] == before[i] - y.pointer[i]) }
            #expect(Int(table.sum_i8(bytes.pointer, n)) == (0..<n).reduce(0) { $0 + Int(bytes.pointer[$1]) })
        }
        var clamped = [Float](repeating: 0, count: 3)
        table.scale_clamped([.nan, .infinity, -.infinity], 3, 1, 5, &clamped)
        #expect(clamped == [-5, 5, -5])
        #expect(table.max_magnitude([1, .nan, 2], 3).isNaN)
    }

    @Test(arguments: Level.available) func bitmaps(level: Level) {
        var random = SeededGenerator()
        let table = level.kernels.pointee
        for n in lengths {
            let a = Guarded<UInt64>(count: n) { _ in .random(in: 0 ... .max, using: &random) }
            let b = Guarded<UInt64>(count: n) { _ in
                [0, .max, .random(in: 0 ... .max, using: &random)].randomElement(using: &random) ?? 0
            }
            let both = (0..<n).map { a.pointer[$0] & b.pointer[$0] }
            let count = both.reduce(0) { $0 + $1.nonzeroBitCount }
            #expect(table.count_bits(a.pointer, n) == (0..<n).reduce(0) { $0 + a.pointer[$1].nonzeroBitCount })
            let out = Guarded<UInt64>(count: n) { _ in 0 }
            #expect(table.intersect_bits(a.pointer, b.pointer, out.pointer, n) == count)
            for i in 0..<n { #expect(out.pointer[i] == both[i]) }
            // In place.
            #expect(table.intersect_bits(a.pointer, b.pointer, a.pointer, n) == count)
            for i in 0..<n { #expect(a.pointer[i] == both[i]) }
        }
    }

    @Test(arguments: Level.available) func hadamard(level: Level) {
        var random = SeededGenerator()
        let table = level.kernels.pointee
        table.hadamard(Guarded<Float>(count: 0) { _ in 0 }.pointer, 0)
        for exponent in 0...16 {
            let n = 1 << exponent
            let x = Guarded<Float>(count: n) { _ in .random(in: -1...1, using: &random) }
            let before = (0..<n).map { Double(x.pointer[$0]) }
            table.hadamard(x.pointer, n)
            // Every output of short ones, some of long ones, by the definition: signs are parities of common bits.
            for k in n <= 512 ? Array(0..<n) : (0..<16).map({ _ in Int.random(in: 0..<n, using: &random) }) {
                var sum = 0.0
                for i in 0..<n { sum += (i & k).nonzeroBitCount % 2 == 0 ? before[i] : -before[i] }
                #expect(abs(Double(x.pointer[k]) - sum) <= 1e-6 * Double(n).squareRoot() * Double(exponent + 1))
            }
            table.hadamard(x.pointer, n)
            for i in 0..<n { #expect(abs(Double(x.pointer[i]) / Double(n) - before[i]) <= 1e-5) }
        }
    }
}
