import Quantization
import Testing

/// Reduced codes against the codes that they are made from.
struct PrincipalQuantizerTests {
    private static let dimensions = 320
    private static let bytes = ScalarQuantizer.codeBytes(dimensions: dimensions)
    private static let count = 4000

    /// Int8 codes of rows about a few of `topicCount` topics each, so that those that share them stand out.
    private func codes(topicCount: Int, _ random: inout RandomSource) -> [UInt8] {
        let dimensions = Self.dimensions
        let topics = (0..<topicCount * dimensions).map { _ in Float.random(in: -1...1, using: &random) }
        var codes = [UInt8](repeating: 0x80, count: Self.count * Self.bytes)
        for row in 0..<Self.count {
            let chosen = (0..<4).map { _ in
                (Int.random(in: 0..<topicCount, using: &random), Float.random(in: 5...60, using: &random))
            }
            for i in 0..<dimensions {
                let value = chosen.reduce(0) { $0 + $1.1 * topics[$1.0 * dimensions + i] }
                codes[row * Self.bytes + i] = UInt8(bitPattern: Int8(max(-127, min(127, value)))) ^ 0x80
            }
        }
        return codes
    }

    private func train(_ codes: [UInt8], count: Int = Self.count) -> PrincipalQuantizer? {
        // Of an empty sample: centred on zero.
        let source = ScalarQuantizer.train(
            sample: [], count: 0, dimensions: Self.dimensions, metric: .dot, seed: 1)
        return PrincipalQuantizer.train(codes: codes, sampleCount: count, total: count, source: source)
    }

    @Test func fewDirectionsAreFound() throws {
        var random = RandomSource(seed: 7)
        let codes = codes(topicCount: 80, &random)
        let quantizer = try #require(train(codes))
        #expect(quantizer.componentCount == 128)
        #expect(quantizer.margin > 0)
        // The best row by plain arithmetic on the codes is among the first few by the reduced ones.
        var scratch = [Float](repeating: 0, count: quantizer.scratchCount)
        var reduced = [UInt8](repeating: 0xAA, count: Self.count * quantizer.codeBytes)
        var prepared = [UInt8](repeating: 0xAA, count: quantizer.queryBytes)
        reduced.withUnsafeMutableBufferPointer { reduced in
            codes.withUnsafeBufferPointer { codes in
                guard let to = reduced.baseAddress, let from = codes.baseAddress else { return }
                for row in 0..<Self.count {
                    quantizer.encode(from + row * Self.bytes, into: to + row * quantizer.codeBytes, scratch: &scratch)
                }
            }
        }
        var places: [Int] = []
        for query in stride(from: 0, to: Self.count, by: 97) {
            let source = (0..<Self.bytes).map { codes[query * Self.bytes + $0] ^ 0x80 }
            _ = quantizer.encodeQuery(source, into: &prepared, scratch: &scratch)
            func product(_ row: Int) -> Int {
                (0..<Self.bytes).reduce(0) { sum, i in
                    sum + Int(Int8(bitPattern: source[i])) * (Int(codes[row * Self.bytes + i]) - 128)
                }
            }
            func rough(_ row: Int) -> Int {
                (0..<quantizer.componentCount).reduce(0) { sum, k in
                    let byte = reduced[row * quantizer.codeBytes + k / 128 * 64 + k % 64]
                    return sum + Int(k % 128 < 64 ? byte & 15 : byte >> 4) * Int(Int8(bitPattern: prepared[k]))
                }
            }
            let others = (0..<Self.count).filter { $0 != query }
            let best = try #require(others.max { product($0) < product($1) })
            let score = rough(best)
            places.append(others.count { rough($0) > score })
        }
        places.sort()
        #expect(places[places.count * 9 / 10] < 10)
    }

    @Test func whatDoesNotPayIsRefused() {
        var random = RandomSource(seed: 8)
        // All directions alike: no few of them tell the neighbours.
        let noise = (0..<Self.count * Self.bytes).map { _ in UInt8.random(in: 100...156, using: &random) }
        #expect(train(noise) == nil)
        // A sample that is too small, and one without any variance.
        #expect(train(noise, count: 1000) == nil)
        let equal = [UInt8](repeating: 0x80, count: Self.count * Self.bytes)
        #expect(train(equal).map { $0.weights.allSatisfy { $0 == 0 } } ?? true)
    }

    @Test func bytesThereAndBack() throws {
        var random = RandomSource(seed: 9)
        let quantizer = try #require(train(codes(topicCount: 60, &random)))
        let bytes = quantizer.serialized()
        let again = try PrincipalQuantizer(serialized: bytes)
        #expect(again.serialized() == bytes)
        #expect(throws: QuantizerFormatError.wrongLength(bytes.count - 1)) {
            try PrincipalQuantizer(serialized: bytes.dropLast())
        }
        #expect(throws: QuantizerFormatError.wrongLength(3)) { try PrincipalQuantizer(serialized: bytes.prefix(3)) }
        // Any byte of the header, changed in any way, is refused or harmless.
        for offset in 0..<20 {
            for value in [0, 1, 0x7F, 0x80, 0xFF] as [UInt8] where bytes[offset] != value {
                var damaged = bytes
                damaged[offset] = value
                if let read = try? PrincipalQuantizer(serialized: damaged) {
                    #expect(offset >= 16)
                    #expect((0...65_536).contains(read.margin))
                }
            }
        }
    }
}
