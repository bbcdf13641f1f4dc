import Bench
import JSON
import SearchEngine
import Testing

@Suite struct FilterReaderTests {
    private func filter(_ text: String) throws -> Filter {
        try FilterReader.filter(JSONValue(parsing: Array(text.utf8)))
    }

    private func payload(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

    /// Filter, payloads that match it, and payloads that don't.
    static let cases: [(String, [String], [String])] = [
        (#"{}"#, ["{}", #"{"a":1}"#], []),
        (
            #"{"must":[{"key":"a","match":{"value":"x"}}]}"#, [#"{"a":"x"}"#, #"{"a":["y","x"]}"#],
            [#"{"a":"y"}"#, #"{"a":1}"#, #"{"a":null}"#, #"{"a":[]}"#, "{}", #"{"b":"x"}"#]
        ),
        (#"{"must":{"key":"a","match":{"value":true}}}"#, [#"{"a":true}"#], [#"{"a":false}"#, #"{"a":1}"#]),
        (#"{"must":[{"key":"a","match":{"value":3}}]}"#, [#"{"a":3}"#], [#"{"a":"3"}"#, #"{"a":4}"#]),
        (#"{"must":[{"key":"a","match":{"any":["x","y"]}}]}"#, [#"{"a":"y"}"#], [#"{"a":"z"}"#]),
        (#"{"must":[{"key":"a","match":{"any":[1,2]}}]}"#, [#"{"a":[7,2]}"#], [#"{"a":3}"#]),
        (
            #"{"must":[{"key":"a","range":{"gte":1,"lt":2}}]}"#, [#"{"a":1}"#, #"{"a":1.99}"#, #"{"a":[5,1]}"#],
            [#"{"a":2}"#, #"{"a":0.5}"#, #"{"a":"1"}"#]
        ),
        (#"{"must":[{"key":"a","range":{"gt":1,"lte":2}}]}"#, [#"{"a":2}"#], [#"{"a":1}"#, #"{"a":2.5}"#]),
        (
            #"{"must":[{"key":"t","range":{"gte":"2025-02-09T08:13:07Z"}}]}"#,
            [#"{"t":"2025-02-09T08:13:07Z"}"#, #"{"t":"2025-02-09T09:13:08+01:00"}"#],
            [#"{"t":"2025-02-09T08:13:06.999Z"}"#, #"{"t":"2025-02-09T09:13:06+01:00"}"#, #"{"t":"yesterday"}"#]
        ),
        (
            #"{"should":[{"key":"a","match":{"value":1}},{"key":"b","match":{"value":1}}]}"#,
            [#"{"a":1}"#, #"{"b":1}"#], [#"{"a":2}"#, "{}"]
        ),
        (#"{"must_not":[{"key":"a","match":{"value":1}}]}"#, ["{}", #"{"a":2}"#], [#"{"a":[2,1]}"#]),
        (
            #"{"must":[{"should":[{"key":"a","match":{"value":1}}]},{"must_not":[{"key":"b","match":{"value":1}}]}]}"#,
            [#"{"a":1}"#], [#"{"a":1,"b":1}"#, "{}"]
        ),
    ]

    @Test(arguments: cases) func readsAndEvaluates(text: String, matching: [String], others: [String]) throws {
        let filter = try filter(text)
        for text in matching { #expect(FilterEvaluator.matches(filter, try payload(text)), "\(text)") }
        for text in others { #expect(!FilterEvaluator.matches(filter, try payload(text)), "\(text)") }
    }

    static let refused = [
        "[]", "1", #"{"min_should":{"conditions":[],"min_count":1}}"#, #"{"must":[{"key":"a"}]}"#,
        #"{"must":[{"key":"a","match":{"value":1},"range":{"gt":1}}]}"#, #"{"must":[{"key":"a","match":{}}]}"#,
        #"{"must":[{"key":"a","match":{"text":"x"}}]}"#, #"{"must":[{"key":"a","match":{"value":1.5}}]}"#,
        #"{"must":[{"key":"a","match":{"value":null}}]}"#, #"{"must":[{"key":"a","match":{"any":["x",1]}}]}"#,
        #"{"must":[{"key":"a","match":{"any":"x"}}]}"#, #"{"must":[{"key":"a","range":{}}]}"#,
        #"{"must":[{"key":"a","range":{"gt":"soon"}}]}"#,
        #"{"must":[{"key":"a","range":{"gt":1,"lt":"2025-01-01T00:00:00Z"}}]}"#,
        #"{"must":[{"key":"a","range":{"above":1}}]}"#, #"{"must":[{"key":"a","geo_radius":{}}]}"#,
        #"{"must":[{"key":"a.b","match":{"value":1}}]}"#, #"{"must":[{"key":"a[]","match":{"value":1}}]}"#,
        #"{"must":[{"has_id":[1]}]}"#, #"{"must":[[]]}"#, #"{"must":["a"]}"#,
    ]

    @Test(arguments: refused) func refuses(text: String) { #expect(throws: (any Error).self) { try filter(text) } }

    @Test func readsTimes() {
        #expect(Timestamp.microseconds("1970-01-01T00:00:00Z") == 0)
        #expect(Timestamp.microseconds("1969-12-31T23:59:59.5Z") == -500_000)
        #expect(Timestamp.microseconds("2000-02-29 12:00:00.000001Z") == 951_825_600_000_001)
        #expect(Timestamp.microseconds("2024-03-01T00:00:00-02:30") == 1_709_260_200_000_000)
        for text in [
            "", "2024-03-01", "2024-03-01T00:00:00", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z",
            "2024-03-00T00:00:00Z", "24-03-01T00:00:00Z", "2024-03-01T00:00:00+01", "2024-03-01T00:00:00ZZ",
            "2024-03-01T00:00:00.1234567890123456789", "２０２４-03-01T00:00:00Z",
        ] {
            #expect(Timestamp.microseconds(text) == nil, "\(text)")
        }
    }
}
