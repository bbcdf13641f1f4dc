import JSON
import SearchEngine
import Services

/// Nearest neighbours: the older `search` and the universal `query`, single and in batches.
extension Endpoints {
    static let searches: [Endpoint] = [
        .row(
            .POST, "/collections/{name}/points/search", QueryOperations.query, body: .json,
            work: .brief(attempt: { try attemptSearch($0) }, otherwise: { try search($0) })),
        .row(
            .POST, "/collections/{name}/points/search/batch", QueryOperations.query,
            decode: { try $0.read { try $0.readSearchBatch() } },
            explained: { Explanations($0.map(\.explanation)) }
        ) { results, writer in
            writer.array { writer in
                for result in results { writer.write(scored: result.points) }
            }
        },
        .row(
            .POST, "/collections/{name}/points/query", QueryOperations.query, body: .json,
            work: .brief(attempt: { try attemptQuery($0) }, otherwise: { try query($0) })),
        .row(
            .POST, "/collections/{name}/points/query/batch", QueryOperations.query,
            decode: { try $0.read { try $0.readQueryBatch() } },
            explained: { Explanations($0.map(\.explanation)) }
        ) { results, writer in
            writer.array { writer in
                for result in results { writer.write(result) }
            }
        },
    ]

    /// CPU time that an event loop spends on a search at most, before it leaves it to a compute thread.
    private static let briefSearch = Duration.microseconds(500)
    /// A scan of so many points mostly stays within it: 4 to 11 ns a point.
    private static let mostScanned = 40_000

    private static func search(_ call: Call) throws -> Reply {
        try answer(try call.read { try $0.readSearch() }, call, searched)
    }

    private static func attemptSearch(_ call: Call) throws -> Endpoint.Attempt {
        try attempt(try call.read { try $0.readSearch() }, call, searched)
    }

    private static func searched(_ result: QueryResult, _ call: Call) -> Reply {
        call.result(explained: Explanations(result.explanation)) { $0.write(scored: result.points) }
    }

    private static func query(_ call: Call) throws -> Reply {
        try answer(try call.read { try $0.readQuery() }, call, queried)
    }

    private static func attemptQuery(_ call: Call) throws -> Endpoint.Attempt {
        try attempt(try call.read { try $0.readQuery() }, call, queried)
    }

    private static func queried(_ result: QueryResult, _ call: Call) -> Reply {
        call.result(explained: Explanations(result.explanation)) { $0.write(result) }
    }

    private static func answer(
        _ request: CollectionRequest<QueryRequest>, _ call: Call, _ encode: (QueryResult, Call) -> Reply
    ) throws -> Reply {
        let results = try call.ask(
            QueryOperations.query, CollectionRequest(request.collection, [request.body]))
        return encode(results[0], call)
    }

    /// The deadline, which is seconds away, matters no more than for a search that begins just before it.
    private static func attempt(
        _ request: CollectionRequest<QueryRequest>, _ call: Call,
        _ encode: @escaping @Sendable (QueryResult, Call) -> Reply
    ) throws -> Endpoint.Attempt {
        let brief = QueryOperations.BriefQuery(request.body, budget: briefSearch, mostScanned: mostScanned)
        if let result = try call.ask(QueryOperations.queryAtOnce, CollectionRequest(request.collection, brief)) {
            return .answered(encode(result, call))
        }
        return .unfinished { try answer(request, $0, encode) }
    }
}

extension JSONWriter {
    /// `{"points": […]}`
    fileprivate mutating func write(_ result: QueryResult) {
        object { writer in
            writer.key("points")
            writer.write(scored: result.points)
        }
    }
}
