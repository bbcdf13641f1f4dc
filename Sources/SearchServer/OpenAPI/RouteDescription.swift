import JSON
import NIOHTTP1

/// What the description says of a route: everything but what follows from its row in the table of endpoints.
struct RouteDescription: Sendable {
    var method: HTTPMethod
    /// Behind `/api/v1`.
    var path: String
    /// Of the operation, for generated clients.
    var name: String
    /// Half a sentence.
    var summary: String
    var details = ""
    /// Those of the path are added to these.
    var parameters: [Parameter] = []
    var body: Body?
    var answers: [Answer]
    /// The statuses of errors beside those that every route of the kind may answer.
    var errors: [Int] = []
    /// Whether it is answered at once, and not by a stream alone.
    var takesTimeout = true

    /// All routes of the trend API.
    static let all = trends + ideas + businesses + jobs + schedules + agents + events + descriptions

    struct Parameter: Sendable {
        enum Place: String, Sendable {
            case query, path, header
        }

        var name: String
        var place = Place.query
        var schema: Schema
        var about: String
        var isRequired = false
        var example: JSONValue?

        static func query(
            _ name: String, _ schema: Schema, _ about: String, example: JSONValue? = nil, isRequired: Bool = false
        ) -> Parameter {
            Parameter(name: name, schema: schema, about: about, isRequired: isRequired, example: example)
        }
    }

    struct Body: Sendable {
        /// Of `components.schemas`.
        var schema: String
        var examples: KeyValuePairs<String, JSONValue>
    }

    struct Answer: Sendable {
        var status: Int
        var about: String
        var contents: [Content]

        struct Content: Sendable {
            var type = "application/json"
            var schema: Schema?
            var example: JSONValue?
        }
    }
}

extension RouteDescription.Answer {
    /// `{"success": true, "data": …}`, and `"meta": …` where there is one.
    static func data(
        _ status: Int = 200, _ about: String, _ data: Schema, _ example: JSONValue,
        meta: (schema: Schema, example: JSONValue)? = nil
    ) -> RouteDescription.Answer {
        let envelope = Schema.answer(["success": .constant(true), "data": data])
        var value: JSONValue = ["success": true, "data": example]
        guard let meta else {
            return .init(status: status, about: about, contents: [.init(schema: envelope, example: value)])
        }
        value["meta"] = meta.example
        let schema = Schema.answer(["success": .constant(true), "data": data, "meta": meta.schema])
        return .init(status: status, about: about, contents: [.init(schema: schema, example: value)])
    }

    /// A page of a listing.
    static func page(of row: String, _ example: JSONValue) -> RouteDescription.Answer {
        let data = Schema.answer([
            "items": .array(of: .reference(row), most: FieldReader.limits.upperBound),
            "total": .integer(atLeast: 0).about("All that match."),
            "has_more": .boolean,
            "next": Schema.string.orNull.about("`after` of the next page; null at the end."),
        ])
        let meta = Schema.answer(["total": .integer(atLeast: 0), "page": .integer(atLeast: 1), "has_more": .boolean])
        return .data(
            200, "A page", data, ["items": [example], "total": 1, "has_more": false, "next": nil],
            meta: (meta, ["total": 1, "page": 1, "has_more": false]))
    }

    /// What a search found, best first.
    static func hits(of row: String, as name: String, _ example: JSONValue) -> RouteDescription.Answer {
        let hit = Schema.answer([
            "score": Schema.number().about(
                "Of `semantic` the cosine similarity, of `text` BM25, of `hybrid` the sum of 1 / (60 + rank)."),
            "match": .reference("Match"), name: .reference(row),
        ])
        return .data(
            200, "The best first", .answer(["items": .array(of: hit, most: FieldReader.limits.upperBound)]),
            ["items": [["score": 0.87, "match": ["semantic": ["rank": 1, "score": 0.87]], name: example]]],
            meta: (.reference("SearchMeta"), ["mode": "semantic"]))
    }
}
