import Quantization
import TestSupport
import Testing

struct SerializationTests {
    @Test(arguments: Metric.allCases, [1, 70, 768]) func roundTrip(metric: Metric, dimensions: Int) throws {
        var random = RandomSource(seed: SeededGenerator().seed)
        let rows = (0..<30).map { _ in random.normals(dimensions, scale: 17) }
        let quantizer = trained(rows, metric, quantile: 0.99, seed: random.next())
        let bytes = quantizer.serialized()
        #expect(bytes.count == quantizer.serializedBytes)
        let loaded = try ScalarQuantizer(serialized: bytes)
        #expect(loaded.serialized() == bytes)
        #expect(loaded.dimensions == dimensions && loaded.metric == metric && loaded.seed == quantizer.seed)
        let before = Encoded(quantizer, rows: rows), after = Encoded(loaded, rows: rows)
        #expect(before.codes == after.codes)
        #expect(before.terms == after.terms)
        #expect(before.scores(rows[0]) == after.scores(rows[0]))
    }

    @Test func trainingIsDeterministic() {
        var random = RandomSource(seed: SeededGenerator().seed)
        let rows = (0..<30).map { _ in random.normals(100) }
        #expect(trained(rows, .euclid).serialized() == trained(rows, .euclid).serialized())
        #expect(trained(rows, .euclid).serialized() != trained(rows, .euclid, seed: 8).serialized())
    }

    @Test func layout() {
        let quantizer = trained([[1, -1, 3], [3, 1, 5]], .manhattan, quantile: 1, seed: 0x0102_0304_0506_0708)
        let bytes = quantizer.serialized()
        #expect(Array(bytes[0..<4]) == Array("TSQ8".utf8))
        #expect(Array(bytes[4..<16]) == [2, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0])
        #expect(Array(bytes[16..<24]) == [8, 7, 6, 5, 4, 3, 2, 1])
        // The largest component is 5, so rows are scaled by 1/4; the mean is then (0.5, 0, 1).
        #expect(Array(bytes[24..<28]) == [0, 0, 0x80, 0x3E])
        // No row is shortened for this metric, and nothing is clipped.
        #expect(Array(bytes[32..<36]) == [0, 0, 0x80, 0x7F])
        #expect(Array(bytes[36..<40]) == Array(bytes[28..<32]))
        #expect(Array(bytes[40...]) == [0, 0, 0, 0x3F, 0, 0, 0, 0, 0, 0, 0x80, 0x3F])
    }

    @Test func damagedBytesAreRefused() throws {
        let bytes = trained([[1, 2, 3, 4], [4, 3, 2, 1]], .cosine).serialized()
        for length in 0..<bytes.count {
            #expect(throws: QuantizerFormatError.wrongLength(length)) {
                try ScalarQuantizer(serialized: bytes.prefix(length))
            }
        }
        #expect(throws: QuantizerFormatError.wrongLength(bytes.count + 1)) {
            try ScalarQuantizer(serialized: bytes + [0])
        }
        func refused(_ error: QuantizerFormatError, _ offset: Int, _ value: [UInt8]) {
            var damaged = bytes
            damaged.replaceSubrange(offset..<offset + value.count, with: value)
            #expect(throws: error) { try ScalarQuantizer(serialized: damaged) }
        }
        refused(.notAQuantizer, 0, [0])
        refused(.unsupportedVersion(1), 4, [1])
        refused(.invalid("dimensions"), 8, [0, 0, 0, 0])
        refused(.invalid("dimensions"), 8, [0xFF, 0xFF, 0xFF, 0xFF])
        refused(.wrongLength(bytes.count), 8, [5, 0, 0, 0])
        refused(.invalid("metric"), 12, [4])
        refused(.invalid("metric"), 12, [0, 1])
        refused(.invalid("inputScale"), 24, [0, 0, 0, 0])
        refused(.invalid("inputScale"), 24, [1, 0, 0x80, 0x3F])
        refused(.invalid("step"), 28, [0, 0, 0, 0])
        refused(.invalid("step"), 28, [0, 0, 0xC0, 0x7F])
        refused(.invalid("step"), 28, [0, 0, 0, 0x7F])
        refused(.invalid("reach"), 32, [0, 0, 0x80, 0x3F])
        refused(.invalid("reach"), 32, [0, 0, 0xC0, 0x7F])
        refused(.invalid("errorStep"), 36, [0, 0, 0, 0])
        refused(.invalid("errorStep"), 36, [0, 0, 0xC0, 0x7F])
        refused(.invalid("center"), 40, [0, 0, 0xC0, 0x7F])
        // No single byte can make it crash.
        for offset in bytes.indices {
            for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
                var damaged = bytes
                damaged[offset] = value
                guard let loaded = try? ScalarQuantizer(serialized: damaged) else { continue }
                let encoded = Encoded(loaded, rows: [[1, 2, 3, 4]])
                #expect(encoded.scores([1, 0, 0, 0]).allFinite)
            }
        }
    }
}
