import Foundation
import JSON
import TestSupport
import Testing

@Suite struct JSONNumberTests {
    /// A number's text of a random form: plain, with many digits, with an exponent, or near a float32 midpoint.
    static func randomNumber(_ generator: inout SeededGenerator) -> String {
        func digits(_ count: Int) -> String {
            String((0..<count).map { _ in Character(Unicode.Scalar(UInt8.random(in: 48...57, using: &generator))) })
        }
        let sign = Bool.random(using: &generator) ? "-" : ""
        switch Int.random(in: 0..<9, using: &generator) {
        case 0: return sign + "0." + digits(.random(in: 1...24, using: &generator))
        case 1:
            return sign + "\(Int.random(in: 1...9, using: &generator))" + digits(.random(in: 0...24, using: &generator))
        case 2:
            return sign + "\(Int.random(in: 1...9, using: &generator))."
                + digits(.random(in: 1...20, using: &generator))
                + "e\(Int.random(in: -50...37, using: &generator))"
        case 3: return Float(bitPattern: .random(in: 0..<0x7F80_0000, using: &generator)).description
        case 4: return Double(Float(bitPattern: .random(in: 0..<0x7F80_0000, using: &generator))).description
        case 5: return sign + Double.random(in: 0...1, using: &generator).description
        case 6:
            // Exactly between two floats, or a hair beside it.
            let below = Float(bitPattern: .random(in: 0..<0x7F7F_FFFF, using: &generator))
            let midpoint = (Double(below) + Double(below.nextUp)) / 2
            return [midpoint, midpoint.nextUp, midpoint.nextDown].randomElement(using: &generator)?.description ?? "0"
        case 7:
            return sign + "0.0000" + digits(.random(in: 1...20, using: &generator))
                + "E-\(Int.random(in: 0...45, using: &generator))"
        default: return sign + "\(Float.random(in: -1...1, using: &generator).magnitude)"
        }
    }

    @Test func floatsEqualStrtof() throws {
        var generator = SeededGenerator("floatsEqualStrtof")
        for _ in 0..<100 {
            let texts = (0..<10_000).map { _ in Self.randomNumber(&generator) }.filter { strtof($0, nil).isFinite }
            var floats: [Float] = []
            try JSONReader.parse(Array("[\(texts.joined(separator: ","))]".utf8)) { try $0.readFloats(into: &floats) }
            #expect(floats.count == texts.count)
            for (text, float) in zip(texts, floats) where float.bitPattern != strtof(text, nil).bitPattern {
                Issue.record("\(text) → \(float), seed \(generator.seed)")
                return
            }
        }
    }

    /// Every length of every part of a plain number, as elements far from the text's end and at it.
    @Test func plainFloatsOfEveryShape() throws {
        var generator = SeededGenerator("plainFloatsOfEveryShape")
        var texts: [String] = []
        for integral in ["0", "1", "7", "9", "10", "123456789", "9223372036854775807", "18446744073709551616"] {
            for zeros in 0...25 {
                for digits in 0...25 {
                    let nines = digits % 2 == 0
                    let fraction = (0..<digits).map { _ in nines ? 9 : Int.random(in: 0...9, using: &generator) }
                    let tail = String(repeating: "0", count: zeros) + fraction.map(String.init).joined()
                    for ending in ["", "e0", "E-3", "e+2"] where !tail.isEmpty {
                        texts.append("\(integral).\(tail)\(ending)")
                        texts.append("-\(integral).\(tail)\(ending)")
                    }
                }
            }
        }
        for separator in [",", ", ", " ,\n  ", ",\t"] {
            var floats: [Float] = []
            let json = Array("[\(texts.joined(separator: separator))]".utf8)
            try JSONReader.parse(json) { try $0.readFloats(into: &floats) }
            #expect(floats.count == texts.count)
            for (text, float) in zip(texts, floats) where float.bitPattern != strtof(text, nil).bitPattern {
                Issue.record("\(text) → \(float), seed \(generator.seed)")
                return
            }
        }
    }

    /// What is no number is none in the middle of a long array either.
    @Test func damagedFloatsAreRefused() {
        let filler = Array(repeating: "0.0123456789012345678", count: 40).joined(separator: ",")
        for damage in [
            "0.", ".5", "-.5", "00.5", "01.5", "+0.5", "0.5.5", "0.5e", "0.5e+", "0.5x", "0,5,", "0. 5", "- 0.5",
            "0.-5", "--0.5", "0.123456789012345678901234567890x", "0x1.8", "NaN", "1e39", "\"0.5\"", "[0.5]", "null",
            "0.5 0.5", "0.1234567:8", "0.12345678/", "0.1234567890123456:",
        ] {
            #expect(throws: JSONError.self, "\(damage)") {
                var floats: [Float] = []
                try JSONReader.parse(Array("[\(filler),\(damage),\(filler)]".utf8)) {
                    try $0.readFloats(into: &floats)
                }
            }
        }
    }

    @Test func doublesEqualStrtod() throws {
        var generator = SeededGenerator("doublesEqualStrtod")
        for _ in 0..<200_000 {
            let text = Self.randomNumber(&generator)
            let double = try JSONReader.parse(Array(text.utf8)) { try $0.readDouble() }
            guard double.bitPattern == strtod(text, nil).bitPattern else {
                Issue.record("\(text) → \(double), seed \(generator.seed)")
                return
            }
        }
    }

    @Test func writtenNumbersReadBack() throws {
        var generator = SeededGenerator("writtenNumbersReadBack")
        for _ in 0..<200_000 {
            let double = Double(bitPattern: generator.next())
            let integer = Int64(bitPattern: generator.next()) >> Int64.random(in: 0..<64, using: &generator)
            let value: JSONValue = [.double(double.isFinite ? double : 1), .integer(integer)]
            guard try JSONValue(parsing: value.serialized()) == value else {
                Issue.record("\(value), seed \(generator.seed)")
                return
            }
        }
    }
}
