import Foundation
import JSON
import Testing

@Suite struct JSONConformanceTests {
    static let accepted: [(String, JSONValue)] = [
        ("null", nil), (" true ", true), ("false\n", false), ("\t0\r", 0), ("-1", -1), ("\"\"", ""),
        ("[]", []), ("{}", [:]), ("[ ]", []), ("{ }", [:]), ("[1,2 , 3]", [1, 2, 3]),
        (#"{"a":1,"b":{"c":[null]}}"#, ["a": 1, "b": ["c": [nil]]]),
        (#"{"a":1,"a":2}"#, ["a": 2]), (#"{"":0}"#, ["": 0]), (#"{ "a" : 1 , "b" : 2 }"#, ["a": 1, "b": 2]),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .unsigned(9_223_372_036_854_775_808)),
        ("18446744073709551615", .unsigned(.max)), ("18446744073709551616", .double(18446744073709551616)),
        ("99999999999999999999", .double(1e20)), ("-9223372036854775809", .double(-0x1p63)),
        ("-0", .double(-0.0)), ("0.0", 0.0), ("1.0", 1.0), ("1e0", 1.0), ("1E+2", 100.0), ("1.5e-3", 0.0015),
        ("0e5", 0.0), ("1e-400", 0.0), ("0.00000000000000000000000000001", 1e-29),
        ("123456789012345678901234567890", 123456789012345678901234567890.0),
        ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)), ("5e-324", .double(.leastNonzeroMagnitude)),
        ("0.000000000000000000000000000000000000000000000000000000000000000000000000001e75", 1.0),
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"), (#""\u0041\u00e9\u20AC""#, "Aé€"),
        (#""\ud83d\ude00""#, "😀"), (#""\u0000""#, "\0"), ("\"тренд 趋势 😀 \u{10FFFF}\"", "тренд 趋势 😀 \u{10FFFF}"),
        ("\"\u{7f}\u{feff}\"", "\u{7f}\u{feff}"),
        (
            #""a long text without any escape at all, then \n one""#,
            "a long text without any escape at all, then \n one"
        ),
    ]

    @Test(arguments: accepted) func accepts(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: Array(text.utf8)) == value)
        try JSONReader.parse(Array(text.utf8)) { try $0.skipValue() }
        let again = try JSONValue(parsing: value.serialized())
        #expect(again == value)
    }

    static let rejected: [String] = [
        "", " ", "nul", "nulll", "True", "tru", "+1", "01", "-01", "-", "1.", ".5", "1.e5", "1e", "1e+", "0x10", "1 2",
        "NaN", "Infinity", "-Infinity", "1e309", "-1e309", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1 2]", "[1}",
        "{", "}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}", "{1:1}",
        "{\"a\" 1}", "{\"a\"::1}", "{\"a\":1 \"b\":2}", "{\"a\":1]", "\"", "\"a", "'a'", "\"\\\"", "\"\\x41\"",
        "\"\\u12\"", "\"\\u12G4\"", "\"\\u\"", "\"\\", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
        "\"\\ud800x\"", "\"\\ude00\\ud83d\"", "\"a\nb\"", "\"\u{1}\"", "\"\t\"", "\u{feff}1", "1,", "{}{}", "//x\n1",
        "/**/1", "[1]x", "\u{a0}1", "nullnull", "--1", "1-", "1_000", "\0", "1\0",
    ]

    @Test(arguments: rejected) func rejects(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
        #expect(throws: JSONError.self) { try JSONReader.parse(Array(text.utf8)) { try $0.skipValue() } }
    }

    /// Byte sequences that are not UTF-8, inside a string.
    static let invalidUTF8: [[UInt8]] = [
        [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x20], [0xE0, 0x9F, 0xBF], [0xE0, 0xA0],
        [0xE1, 0x80, 0x20], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xEF, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF],
        [0xF0, 0x90, 0x80], [0xF1, 0x80, 0x80, 0x20], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE],
        [0xFF],
    ]

    @Test(arguments: invalidUTF8) func rejectsInvalidUTF8(sequence: [UInt8]) {
        for prefix in ["", "abc", "abcdefgh", "é", "\\n"] {
            let text = [0x22] + Array(prefix.utf8) + sequence + [0x22]
            #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        }
    }

    @Test func everyScalarRoundTrips() throws {
        for value in (0...0x10FFFF as ClosedRange<UInt32>) {
            guard let scalar = Unicode.Scalar(value), value < 0x3000 || value % 97 == 0 || value > 0x10FF00 else {
                continue
            }
            let string = JSONValue.string("x\(Character(scalar))y")
            guard try JSONValue(parsing: string.serialized()) == string else {
                Issue.record("U+\(String(value, radix: 16))")
                return
            }
        }
    }

    @Test func depthIsLimited() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array(String(repeating: "[{\"a\":", count: depth / 2).utf8) + [UInt8(ascii: "1")]
                + Array(String(repeating: "}]", count: depth / 2).utf8)
        }
        _ = try JSONValue(parsing: nested(128))
        #expect(throws: JSONError.self) { try JSONValue(parsing: nested(130)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: nested(4), maximumDepth: 3) }
        let hostile = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(throws: JSONError.self) { try JSONValue(parsing: hostile) }
        // Depth counts what is open, not what has been closed.
        _ = try JSONValue(
            parsing: Array("[\(String(repeating: "[[]],{\"a\":{}},", count: 500))[]]".utf8), maximumDepth: 3)
    }

    @Test func errorsNameTheSpot() {
        #expect(throws: JSONError(message: "unexpected `x`, expected a value", offset: 10, line: 2, column: 5)) {
            try JSONValue(parsing: Array("{\"a\":\n[1, x]}".utf8))
        }
        #expect(
            throws: JSONError(message: "unexpected end of the text, expected `,` or `]`", offset: 2, line: 1, column: 3)
        ) {
            try JSONValue(parsing: Array("[1".utf8))
        }
    }
}
