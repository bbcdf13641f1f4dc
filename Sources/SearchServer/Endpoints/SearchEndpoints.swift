import JSON
import SearchEngine
import Services

/// Nearest neighbours: the older `search` and the universal `query`, single and in batches.
extension Endpoints {
    static let searches: [Endpoint] = [
        .row(
            .POST, "/collections/{name}/points/search", SearchOperations.search, body: .json,
            work: .brief(attempt: { try attemptSearch($0) }, otherwise: { try search($0) })),
        .row(
            .POST, "/collections/{name}/points/search/batch", SearchOperations.search,
            decode: { try $0.read { try $0.readSearchBatch() } },
            explained: { Explanations($0.map(\.explanation)) }
        ) { results, writer in
            writer.array { writer in
                for result in results { writer.write(result.points) }
            }
        },
        .row(
            .POST, "/collections/{name}/points/query", SearchOperations.query, body: .json,
            work: .brief(attempt: { try attemptQuery($0) }, otherwise: { try query($0) })),
        .row(
            .POST, "/collections/{name}/points/query/batch", SearchOperations.query,
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
    private static func searchAtOnce(_ request: SearchRequest, _ call: Call) throws -> SearchResult? {
        try call.ask(
            SearchOperations.searchAtOnce,
            CollectionRequest(call.collection, .init(request, budget: briefSearch, mostScanned: mostScanned)))
    }

    private static func search(_ call: Call) throws -> Reply {
        let results = try call.ask(SearchOperations.search, call.read { [try $0.readSearch()] })
        return reply(results[0], call)
    }

    private static func attemptSearch(_ call: Call) throws -> Reply? {
        try searchAtOnce(call.read { try $0.readSearch() }.body, call).map { reply($0, call) }
    }

    private static func reply(_ result: SearchResult, _ call: Call) -> Reply {
        call.result(explained: Explanations(result.explanation)) { $0.write(result.points) }
    }

    private static func query(_ call: Call) throws -> Reply {
        let results = try call.ask(SearchOperations.query, call.read { [try $0.readQuery()] })
        return reply(results[0], call)
    }

    private static func attemptQuery(_ call: Call) throws -> Reply? {
        guard let search = try call.read({ try $0.readQuery() }).body.search else { return nil }
        return try searchAtOnce(search, call).map { reply(QueryResult($0), call) }
    }

    private static func reply(_ result: QueryResult, _ call: Call) -> Reply {
        call.result(explained: Explanations(result.explanation)) { $0.write(result) }
    }
}

extension JSONWriter {
    /// `{"points": […]}`
    fileprivate mutating func write(_ result: QueryResult) {
        object { writer in
            writer.key("points")
            switch result.points {
            case .scored(let points): writer.write(points)
            case .records(let records):
                writer.array { writer in
                    for record in records { writer.write(unscored: record) }
                }
            }
        }
    }
}
