import JSON
import SearchEngine
import Testing

@Suite struct PayloadValuesTests {
    static let payload: JSONValue = [
        "a": 1, "b": ["c": 2, "d.e": 3], "list": [1, [2, 3], ["x": 4]],
        "cities": [["name": "A", "tags": [1, 2]], ["name": "B", "tags": []], ["other": 5]],
    ]

    @Test(
        arguments: [
            ("a", [1]), ("b.c", [2]), (#"b."d.e""#, [3]), ("b.d.e", []), ("zz", []), ("a.b", []), ("a[]", []),
            ("a[0]", []),
            ("list", [[1, [2, 3], ["x": 4]]]), ("list[]", [1, [2, 3], ["x": 4]]), ("list[1]", [[2, 3]]),
            ("list[1][0]", [2]),
            ("list[][]", [2, 3]), ("list[7]", []), ("list.x", []), ("list[].x", [4]), ("list[2].x", [4]),
            ("cities[].name", ["A", "B"]), ("cities[].tags", [[1, 2], []]), ("cities[].tags[]", [1, 2]),
            ("cities.name", []),
        ] as [(String, [JSONValue])]) func values(path: String, expected: [JSONValue]) throws
    {
        #expect(try PayloadPath(path).values(in: Self.payload) == expected)
    }

    @Test func arraysAreFlattenedOnce() throws {
        let values = PathValues(try PayloadPath("list"), in: Self.payload)
        #expect(values.elements == [1, [2, 3], ["x": 4]])
        #expect(PathValues(try PayloadPath("cities[].tags"), in: Self.payload).elements == [1, 2])
        #expect(PathValues(try PayloadPath("a"), in: Self.payload).elements == [1])
        #expect(PathValues(try PayloadPath("zz"), in: Self.payload).elements.isEmpty)
    }

    @Test func stopsWhenTold() throws {
        var seen = 0
        let isComplete = try PayloadPath("list[]").forEachValue(in: Self.payload) { _ in
            seen += 1
            return seen < 2
        }
        #expect(!isComplete && seen == 2)
    }
}
