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

    /// The deadline, which is seconds away, matters no more than for a search that begins just before it.
    private static func queryAtOnce(_ request: QueryRequest, _ call: Call) throws -> QueryResult? {
        try call.ask(
            QueryOperations.queryAtOnce,
            CollectionRequest(call.collection, .init(request, budget: briefSearch, mostScanned: mostScanned)))
    }

    private static func search(_ call: Call) throws -> Reply {
        let results = try call.ask(QueryOperations.query, call.read { [try $0.readSearch()] })
        return searched(results[0], call)
    }

    private static func attemptSearch(_ call: Call) throws -> Reply? {
        try queryAtOnce(call.read { try $0.readSearch() }.body, call).map { searched($0, call) }
    }

    private static func searched(_ result: QueryResult, _ call: Call) -> Reply {
        call.result(explained: Explanations(result.explanation)) { $0.write(scored: result.points) }
    }

    private static func query(_ call: Call) throws -> Reply {
        let results = try call.ask(QueryOperations.query, call.read { [try $0.readQuery()] })
        return queried(results[0], call)
    }

    private static func attemptQuery(_ call: Call) throws -> Reply? {
        try queryAtOnce(call.read { try $0.readQuery() }.body, call).map { queried($0, call) }
    }

    private static func queried(_ result: QueryResult, _ call: Call) -> Reply {
        call.result(explained: Explanations(result.explanation)) { $0.write(result) }
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
