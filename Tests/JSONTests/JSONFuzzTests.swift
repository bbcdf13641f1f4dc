import Foundation
import JSON
import TestSupport
import Testing

@Suite struct JSONFuzzTests {
    static func randomValue(_ generator: inout SeededGenerator, depth: Int = 0) -> JSONValue {
        switch Int.random(in: 0..<(depth < 4 ? 9 : 6), using: &generator) {
        case 0: return .null
        case 1: return .bool(.random(using: &generator))
        case 2: return .integer(Int64.random(in: -1000...1000, using: &generator))
        case 3: return .double(Double.random(in: -10...10, using: &generator))
        case 4: return .unsigned(UInt64.max - UInt64.random(in: 0...9, using: &generator))
        case 5:
            let alphabet = Array("ab\"\\/\n\té€😀\u{0}\u{7f} ")
            return .string(
                String(
                    (0..<Int.random(in: 0...12, using: &generator)).compactMap { _ in
                        alphabet.randomElement(using: &generator)
                    }))
        case 6:
            return .array(
                (0..<Int.random(in: 0...4, using: &generator)).map { _ in randomValue(&generator, depth: depth + 1) })
        default:
            var members: JSONObject = [:]
            for index in 0..<Int.random(in: 0...4, using: &generator) {
                members["k\(index)é"] = randomValue(&generator, depth: depth + 1)
            }
            return .object(members)
        }
    }

    static func mutate(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        let interesting = Array("{}[],:\"\\u0019e+-.tfn \n".utf8) + [0x00, 0x1F, 0x7F, 0x80, 0xC3, 0xED, 0xF0, 0xFF]
        for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes[index] = interesting.randomElement(using: &generator) ?? 0
            case 1: bytes.remove(at: index)
            case 2: bytes.insert(interesting.randomElement(using: &generator) ?? 0, at: index)
            default: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...8, using: &generator)))
            }
        }
        return bytes
    }

    @Test func valuesRoundTrip() throws {
        var generator = SeededGenerator("valuesRoundTrip")
        for _ in 0..<5_000 {
            let value = Self.randomValue(&generator)
            #expect(try JSONValue(parsing: value.serialized()) == value, "seed \(generator.seed)")
        }
    }

    /// The three ways to read agree on what is valid, and with Foundation where it is strict.
    @Test func mutatedDocuments() throws {
        var generator = SeededGenerator("mutatedDocuments")
        var valid = 0
        for _ in 0..<40_000 {
            let bytes = Self.mutate(Self.randomValue(&generator).serialized(), &generator)
            let value = try? JSONValue(parsing: bytes)
            let isSkipped = (try? JSONReader.parse(bytes) { try $0.skipValue() }) != nil
            #expect((value != nil) == isSkipped, "\(bytes), seed \(generator.seed)")
            if let value {
                valid += 1
                #expect(try JSONValue(parsing: value.serialized()) == value, "\(bytes), seed \(generator.seed)")
            }
            let isFoundations =
                (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            if (value != nil) != isFoundations, !Self.isFoundationLenient(bytes) {
                Issue.record("\(String(decoding: bytes, as: UTF8.self)) \(bytes), seed \(generator.seed)")
                return
            }
        }
        #expect(valid > 1000)
    }

    /// Foundation guesses other encodings from zero bytes and byte order marks, and lets a comma stand before `}` and `]`.
    static func isFoundationLenient(_ bytes: [UInt8]) -> Bool {
        let dense = bytes.filter { ![0x09, 0x0A, 0x0D, 0x20].contains($0) }
        return bytes.contains(0) || bytes.first.map { $0 >= 0x80 } ?? true || dense.contains(Array(",}".utf8))
            || dense.contains(Array(",]".utf8))
    }
}
