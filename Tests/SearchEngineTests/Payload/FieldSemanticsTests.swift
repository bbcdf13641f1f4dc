import JSON
import SearchEngine
import Testing

/// Field conditions on every kind of value and path; the expected answers are those of Qdrant's engine. Where that one
/// answers otherwise with an index of the condition's type than without (`1` and `1.0`), they are those with the index.
@Suite struct FieldSemanticsTests {
    static let payloads = [
        #"{"a": null}"#,
        #"{"a": []}"#,
        #"{"a": [null]}"#,
        #"{"a": [[]]}"#,
        #"{"a": {}}"#,
        #"{"a": "x"}"#,
        #"{"a": ["x", "y"]}"#,
        #"{"a": [["x"], "z"]}"#,
        #"{"a": [["x"]]}"#,
        #"{"a": 1}"#,
        #"{"a": 1.0}"#,
        #"{"a": 1.5}"#,
        #"{"a": [1, 2]}"#,
        #"{"a": [[1, 2], 3]}"#,
        #"{"a": true}"#,
        #"{"a": [true, false]}"#,
        #"{"a": "1"}"#,
        #"{"a": {"b": "x"}}"#,
        #"{"a": [{"b": "x"}]}"#,
        #"{"a": [{"b": 1}, {"b": 2}]}"#,
        #"{"a": [[{"b": "x"}]]}"#,
        #"{"a": "X"}"#,
        #"{"a": ""}"#,
        #"{"a": [""]}"#,
        #"{"a": "xyz"}"#,
        #"{"a": [1, "x"]}"#,
        #"{"a": [1, 1.5, "z"]}"#,
        #"{"a": 9223372036854775808}"#,
        #"{"a": -1}"#,
        #"{"a": [null, "x"]}"#,
        #"{"a": [[], []]}"#,
        #"{"a": [[null]]}"#,
        #"{}"#,
        #"{"c": 1}"#,
        #"{"a": ["quick brown", "fox"]}"#,
        #"{"a": "brown Quick"}"#,
        #"{"a": "quick-brown"}"#,
    ]

    /// Calls `body` with each condition and the payloads (by position) that fulfil it.
    static func forEachExpectation(_ body: (Condition, [Int]) throws -> Void) throws {
        func path(_ text: String) throws -> PayloadPath { try PayloadPath(text) }
        func add(_ condition: Condition, _ expected: [Int]) throws { try body(condition, expected) }
        try add(.field(try path("a"), .match(.keyword("x"))), [5, 6, 25, 29])
        try add(.field(try path("a"), .match(.integer(1))), [9, 10, 12, 25, 26])
        try add(
            .field(try path("a"), .matchExcept(.keywords(["x"]))),
            [
                3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 30, 31,
                34, 35, 36,
            ])
        try add(
            .field(try path("a"), .matchExcept(.integers([1]))),
            [
                3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
                31, 34, 35, 36,
            ])
        try add(.field(try path("a"), .range(RangeBounds(gte: 1))), [9, 10, 11, 12, 13, 25, 26, 27])
        try add(
            .field(try path("a"), .valuesCount(CountBounds(gte: 1))),
            [
                2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                30, 31, 34, 35, 36,
            ])
        try add(.field(try path("a"), .valuesCount(CountBounds(lt: 1))), [0, 1, 32, 33])
        try add(.field(try path("a"), .valuesCount(CountBounds(gte: 2))), [6, 7, 12, 13, 15, 19, 25, 26, 29, 30, 34])
        try add(.isEmpty(try path("a")), [0, 1, 32, 33])
        try add(.isNull(try path("a")), [0, 2, 29])
        try add(.field(try path("a"), .isEmpty(true)), [0, 1, 32, 33])
        try add(
            .field(try path("a"), .isEmpty(false)),
            [
                2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                30, 31, 34, 35, 36,
            ])
        try add(.field(try path("a"), .isNull(true)), [0, 2, 29])
        try add(
            .field(try path("a"), .isNull(false)),
            [
                1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 30,
                31, 32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a"), .matchText("x")), [5, 6, 21, 25, 29])
        try add(.field(try path("a[]"), .match(.keyword("x"))), [6, 7, 8, 25, 29])
        try add(.field(try path("a[]"), .match(.integer(1))), [12, 13, 25, 26])
        try add(
            .field(try path("a[]"), .matchExcept(.keywords(["x"]))), [6, 7, 12, 13, 15, 18, 19, 20, 23, 25, 26, 34])
        try add(
            .field(try path("a[]"), .matchExcept(.integers([1]))),
            [6, 7, 8, 12, 13, 15, 18, 19, 20, 23, 25, 26, 29, 34])
        try add(.field(try path("a[]"), .range(RangeBounds(gte: 1))), [12, 13, 25, 26])
        try add(
            .field(try path("a[]"), .valuesCount(CountBounds(gte: 1))),
            [6, 7, 8, 12, 13, 15, 18, 19, 20, 23, 25, 26, 29, 31, 34])
        try add(
            .field(try path("a[]"), .valuesCount(CountBounds(lt: 1))),
            [0, 1, 2, 3, 4, 5, 9, 10, 11, 14, 16, 17, 21, 22, 24, 27, 28, 29, 30, 32, 33, 35, 36])
        try add(.field(try path("a[]"), .valuesCount(CountBounds(gte: 2))), [13])
        try add(
            .isEmpty(try path("a[]")),
            [0, 1, 2, 3, 4, 5, 9, 10, 11, 14, 16, 17, 21, 22, 24, 27, 28, 30, 32, 33, 35, 36])
        try add(.isNull(try path("a[]")), [2, 29, 31])
        try add(
            .field(try path("a[]"), .isEmpty(true)),
            [0, 1, 2, 3, 4, 5, 9, 10, 11, 14, 16, 17, 21, 22, 24, 27, 28, 29, 30, 32, 33, 35, 36])
        try add(.field(try path("a[]"), .isEmpty(false)), [6, 7, 8, 12, 13, 15, 18, 19, 20, 23, 25, 26, 29, 31, 34])
        try add(.field(try path("a[]"), .isNull(true)), [2, 29, 31])
        try add(
            .field(try path("a[]"), .isNull(false)),
            [
                0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                29, 30, 32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a[]"), .matchText("x")), [6, 7, 8, 25, 29])
        try add(.field(try path("a[0]"), .match(.keyword("x"))), [6, 7, 8])
        try add(.field(try path("a[0]"), .match(.integer(1))), [12, 13, 25, 26])
        try add(.field(try path("a[0]"), .matchExcept(.keywords(["x"]))), [12, 13, 15, 18, 19, 20, 23, 25, 26, 34])
        try add(.field(try path("a[0]"), .matchExcept(.integers([1]))), [6, 7, 8, 13, 15, 18, 19, 20, 23, 34])
        try add(.field(try path("a[0]"), .range(RangeBounds(gte: 1))), [12, 13, 25, 26])
        try add(
            .field(try path("a[0]"), .valuesCount(CountBounds(gte: 1))),
            [6, 7, 8, 12, 13, 15, 18, 19, 20, 23, 25, 26, 31, 34])
        try add(
            .field(try path("a[0]"), .valuesCount(CountBounds(lt: 1))),
            [0, 1, 2, 3, 4, 5, 9, 10, 11, 14, 16, 17, 21, 22, 24, 27, 28, 29, 30, 32, 33, 35, 36])
        try add(.field(try path("a[0]"), .valuesCount(CountBounds(gte: 2))), [13])
        try add(
            .isEmpty(try path("a[0]")),
            [0, 1, 2, 3, 4, 5, 9, 10, 11, 14, 16, 17, 21, 22, 24, 27, 28, 29, 30, 32, 33, 35, 36])
        try add(.isNull(try path("a[0]")), [2, 29, 31])
        try add(
            .field(try path("a[0]"), .isEmpty(true)),
            [0, 1, 2, 3, 4, 5, 9, 10, 11, 14, 16, 17, 21, 22, 24, 27, 28, 29, 30, 32, 33, 35, 36])
        try add(.field(try path("a[0]"), .isEmpty(false)), [6, 7, 8, 12, 13, 15, 18, 19, 20, 23, 25, 26, 31, 34])
        try add(.field(try path("a[0]"), .isNull(true)), [2, 29, 31])
        try add(
            .field(try path("a[0]"), .isNull(false)),
            [
                0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                30, 32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a[0]"), .matchText("x")), [6, 7, 8])
        try add(.field(try path("a[][]"), .match(.keyword("x"))), [7, 8])
        try add(.field(try path("a[][]"), .match(.integer(1))), [13])
        try add(.field(try path("a[][]"), .matchExcept(.keywords(["x"]))), [13, 20])
        try add(.field(try path("a[][]"), .matchExcept(.integers([1]))), [7, 8, 13, 20])
        try add(.field(try path("a[][]"), .range(RangeBounds(gte: 1))), [13])
        try add(.field(try path("a[][]"), .valuesCount(CountBounds(gte: 1))), [7, 8, 13, 20])
        try add(
            .field(try path("a[][]"), .valuesCount(CountBounds(lt: 1))),
            [
                0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a[][]"), .valuesCount(CountBounds(gte: 2))), [])
        try add(
            .isEmpty(try path("a[][]")),
            [
                0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                32, 33, 34, 35, 36,
            ])
        try add(.isNull(try path("a[][]")), [31])
        try add(
            .field(try path("a[][]"), .isEmpty(true)),
            [
                0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a[][]"), .isEmpty(false)), [7, 8, 13, 20])
        try add(.field(try path("a[][]"), .isNull(true)), [31])
        try add(
            .field(try path("a[][]"), .isNull(false)),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
                28, 29, 30, 32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a[][]"), .matchText("x")), [7, 8])
        try add(.field(try path("a.b"), .match(.keyword("x"))), [17])
        try add(.field(try path("a.b"), .match(.integer(1))), [])
        try add(.field(try path("a.b"), .matchExcept(.keywords(["x"]))), [])
        try add(.field(try path("a.b"), .matchExcept(.integers([1]))), [17])
        try add(.field(try path("a.b"), .range(RangeBounds(gte: 1))), [])
        try add(.field(try path("a.b"), .valuesCount(CountBounds(gte: 1))), [17])
        try add(
            .field(try path("a.b"), .valuesCount(CountBounds(lt: 1))),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                29, 30, 31, 32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a.b"), .valuesCount(CountBounds(gte: 2))), [])
        try add(
            .isEmpty(try path("a.b")),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                29, 30, 31, 32, 33, 34, 35, 36,
            ])
        try add(.isNull(try path("a.b")), [])
        try add(
            .field(try path("a.b"), .isEmpty(true)),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                29, 30, 31, 32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a.b"), .isEmpty(false)), [17])
        try add(.field(try path("a.b"), .isNull(true)), [])
        try add(
            .field(try path("a.b"), .isNull(false)),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
                28, 29, 30, 31, 32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a.b"), .matchText("x")), [17])
        try add(.field(try path("a[].b"), .match(.keyword("x"))), [18])
        try add(.field(try path("a[].b"), .match(.integer(1))), [19])
        try add(.field(try path("a[].b"), .matchExcept(.keywords(["x"]))), [19])
        try add(.field(try path("a[].b"), .matchExcept(.integers([1]))), [18, 19])
        try add(.field(try path("a[].b"), .range(RangeBounds(gte: 1))), [19])
        try add(.field(try path("a[].b"), .valuesCount(CountBounds(gte: 1))), [18, 19])
        try add(
            .field(try path("a[].b"), .valuesCount(CountBounds(lt: 1))),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                30, 31, 32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a[].b"), .valuesCount(CountBounds(gte: 2))), [])
        try add(
            .isEmpty(try path("a[].b")),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                30, 31, 32, 33, 34, 35, 36,
            ])
        try add(.isNull(try path("a[].b")), [])
        try add(
            .field(try path("a[].b"), .isEmpty(true)),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                30, 31, 32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a[].b"), .isEmpty(false)), [18, 19])
        try add(.field(try path("a[].b"), .isNull(true)), [])
        try add(
            .field(try path("a[].b"), .isNull(false)),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
                28, 29, 30, 31, 32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a[].b"), .matchText("x")), [18])
        try add(.field(try path("a[0].b"), .match(.keyword("x"))), [18])
        try add(.field(try path("a[0].b"), .match(.integer(1))), [19])
        try add(.field(try path("a[0].b"), .matchExcept(.keywords(["x"]))), [19])
        try add(.field(try path("a[0].b"), .matchExcept(.integers([1]))), [18])
        try add(.field(try path("a[0].b"), .range(RangeBounds(gte: 1))), [19])
        try add(.field(try path("a[0].b"), .valuesCount(CountBounds(gte: 1))), [18, 19])
        try add(
            .field(try path("a[0].b"), .valuesCount(CountBounds(lt: 1))),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                30, 31, 32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a[0].b"), .valuesCount(CountBounds(gte: 2))), [])
        try add(
            .isEmpty(try path("a[0].b")),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                30, 31, 32, 33, 34, 35, 36,
            ])
        try add(.isNull(try path("a[0].b")), [])
        try add(
            .field(try path("a[0].b"), .isEmpty(true)),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                30, 31, 32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a[0].b"), .isEmpty(false)), [18, 19])
        try add(.field(try path("a[0].b"), .isNull(true)), [])
        try add(
            .field(try path("a[0].b"), .isNull(false)),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
                28, 29, 30, 31, 32, 33, 34, 35, 36,
            ])
        try add(.field(try path("a[0].b"), .matchText("x")), [18])
        try add(.field(try path("a"), .matchAny(.integers([1, 2]))), [9, 10, 12, 25, 26])
        try add(.field(try path("a"), .matchAny(.keywords(["x", "z"]))), [5, 6, 7, 25, 26, 29])
        try add(.field(try path("a"), .matchAny(.integers([]))), [])
        try add(
            .field(try path("a"), .matchExcept(.integers([]))),
            [
                3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
                31, 34, 35, 36,
            ])
        try add(
            .field(try path("a"), .matchExcept(.keywords(["x", "y", "z"]))),
            [
                3, 4, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 30, 31, 34,
                35, 36,
            ])
        try add(
            .field(try path("a"), .matchExcept(.integers([1, 2]))),
            [
                3, 4, 5, 6, 7, 8, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                34, 35, 36,
            ])
        try add(.field(try path("a"), .range(RangeBounds())), [9, 10, 11, 12, 13, 25, 26, 27, 28])
        try add(.field(try path("a"), .range(RangeBounds(gt: 1))), [11, 12, 13, 26, 27])
        try add(.field(try path("a"), .range(RangeBounds(lt: 1.5))), [9, 10, 12, 25, 26, 28])
        try add(.field(try path("a"), .range(RangeBounds(lte: 1, gt: -1))), [9, 10, 12, 25, 26])
        try add(.field(try path("a"), .range(RangeBounds(lt: 1, gt: 2))), [])
        try add(.field(try path("a"), .matchText("quick brown")), [34, 35, 36])
        try add(.field(try path("a"), .matchText("QUICK fox")), [])
        try add(.field(try path("a"), .matchText("quic")), [])
        try add(.field(try path("a"), .matchText("")), [])
        try add(.field(try path("a"), .matchTextAny("fox y")), [6, 34])
        try add(.field(try path("a"), .matchPhrase("quick brown")), [34, 36])
        try add(.field(try path("a"), .matchPhrase("brown fox")), [])
        try add(
            .field(try path("a"), .valuesCount(CountBounds())),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
                28, 29, 30, 31, 32, 33, 34, 35, 36,
            ])
    }

    @Test func evaluatedOnPayloads() throws {
        let payloads = try Self.payloads.map { try JSONValue(parsing: Array($0.utf8)) }
        try Self.forEachExpectation { condition, expected in
            let found = payloads.indices.filter { PayloadMatcher().matches(condition, payloads[$0], nil) }
            #expect(found == expected, "\(condition)")
        }
    }

    @Test func evaluatedOnIndexes() throws {
        let collection = try IndexedCollection(Self.payloads)
        try Self.forEachExpectation { condition, expected in
            let found = try collection.matches(Filter(must: [condition]))
            #expect(found == expected, "\(condition)")
            let others = Self.payloads.indices.filter { !expected.contains($0) }
            let foundOthers = try collection.matches(Filter(mustNot: [condition]))
            #expect(foundOthers == others, "\(condition)")
        }
    }
}
