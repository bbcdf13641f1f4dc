import JSON
import SearchEngine
import Testing

/// Expected answers are those of Qdrant's engine.
@Suite struct NestedAndLogicTests {
    static let payloads = [
        #"{"a":[{"b":1,"c":2},{"b":3,"c":4}]}"#, #"{"a":{"b":1,"c":4}}"#, #"{"a":[{"b":1,"c":4}]}"#, #"{"a":[]}"#, "{}",
        #"{"a":null}"#, #"{"a":[1,2]}"#, #"{"a":[[{"b":1,"c":4}]]}"#, #"{"a":[{"b":[1,5],"c":4}]}"#,
        #"{"a":[null,{"b":1}]}"#,
        #"{"a":{"x":[{"b":1,"c":4}]}}"#, #"{"a":[{"d":[{"e":1},{"e":2,"f":3}]},{"d":[{"e":1,"f":3}]}]}"#,
        #"{"a":[{}]}"#,
        #"{"a":["x",{"b":1,"c":4}]}"#,
    ]

    private func field(_ path: String, _ value: Int64) throws -> Condition {
        .field(try PayloadPath(path), .match(.integer(value)))
    }

    @Test func nested() throws {
        let collection = try IndexedCollection(Self.payloads)
        let b1 = try field("b", 1)
        let c4 = try field("c", 4)
        let b = try PayloadPath("b")
        let inner = try Condition.nested(PayloadPath("d"), Filter(must: [field("e", 1), field("f", 3)]))
        func expect(_ path: String, _ filter: Filter, _ expected: [Int]) throws {
            let filter = Filter(must: [.nested(try PayloadPath(path), filter)])
            #expect(try collection.matches(filter) == expected, "\(filter)")
            #expect(collection.naiveMatches(filter) == expected, "\(filter)")
        }
        for path in ["a", "a[]"] {
            try expect(path, Filter(must: [b1, c4]), [2, 8, 13])
            try expect(path, Filter(mustNot: [b1]), [0, 11, 12])
        }
        try expect("a", Filter(), [0, 2, 8, 9, 11, 12, 13])
        try expect("a", Filter(should: [b1, try field("b", 3)]), [0, 2, 8, 9, 13])
        try expect("a.x", Filter(must: [b1]), [10])
        try expect("a[0]", Filter(must: [b1]), [7])
        try expect("zz", Filter(mustNot: [b1]), [])
        try expect("a", Filter(must: [.isEmpty(b)]), [11, 12])
        try expect("a", Filter(must: [.isNull(b)]), [])
        try expect("a", Filter(must: [.field(b, .isEmpty(true))]), [11, 12])
        try expect("a", Filter(must: [.field(b, .valuesCount(CountBounds(lt: 1)))]), [11, 12])
        try expect("a", Filter(must: [inner]), [11])
        try expect("a[].d", Filter(must: [try field("e", 1), try field("f", 3)]), [11])
        try expect("a", Filter(must: [.hasID([.number(0), .number(2)]), b1]), [])
        try expect("a", Filter(must: [.hasVector("v"), b1]), [])
        try expect("a", Filter(minShould: .init(conditions: [b1, c4], minCount: 2)), [2, 8, 13])
        let outside = Filter(mustNot: [.nested(try PayloadPath("a"), Filter(must: [b1]))])
        #expect(try collection.matches(outside) == [1, 3, 4, 5, 6, 7, 10, 11, 12])
    }

    @Test func logic() throws {
        let collection = try IndexedCollection([#"{"b":1,"c":4}"#, #"{"b":1}"#, #"{"c":4}"#, "{}"])
        let b = try field("b", 1)
        let c = try field("c", 4)
        func expect(_ filter: Filter, _ expected: [Int]) throws {
            #expect(try collection.matches(filter) == expected, "\(filter)")
            #expect(collection.naiveMatches(filter) == expected, "\(filter)")
        }
        for (count, expected) in [(0, [0, 1, 2, 3]), (1, [0, 1, 2]), (2, [0]), (3, [])] {
            try expect(Filter(minShould: .init(conditions: [b, c], minCount: count)), expected)
        }
        try expect(Filter(minShould: .init(conditions: [], minCount: 0)), [0, 1, 2, 3])
        try expect(Filter(minShould: .init(conditions: [], minCount: 1)), [])
        try expect(Filter(must: [b], should: [c]), [0])
        try expect(Filter(must: [b], minShould: .init(conditions: [c], minCount: 1)), [0])
        try expect(Filter(should: [.filter(Filter())]), [0, 1, 2, 3])
        try expect(Filter(mustNot: [b, c]), [3])
        try expect(Filter(must: [.hasVector("v")]), [0, 3])
        try expect(Filter(must: [.hasVector("w")]), [])
        for count in 0...9 {
            // One condition several times counts several times.
            try expect(
                Filter(minShould: .init(conditions: [b, b, b, c, c, c, c, b], minCount: count)),
                count == 0 ? [0, 1, 2, 3] : count <= 4 ? [0, 1, 2] : count <= 8 ? [0] : [])
        }
    }
}
