import JSON
import SearchEngine

/// Nearest neighbours: the older `search` and the universal `query`, single and in batches.
extension Endpoints {
    static let searches: [Endpoint] = [
        .post(
            "/collections/{name}/points/search",
            .brief(attempt: { try attemptSearch($0) }, otherwise: { try search($0) })),
        .post("/collections/{name}/points/search/batch", .compute { call in try searchBatch(call) }),
        .post(
            "/collections/{name}/points/query",
            .brief(attempt: { try attemptQuery($0) }, otherwise: { try query($0) })),
        .post("/collections/{name}/points/query/batch", .compute { call in try queryBatch(call) }),
    ]

    /// CPU time that an event loop spends on a search at most, before it leaves it to a compute thread.
    private static let briefSearch = Duration.microseconds(500)
    /// A scan of so many points mostly stays within it: 4 to 11 ns a point.
    private static let mostScanned = 40_000

    private static func searchAtOnce(_ request: SearchRequest, _ call: Call) throws -> SearchResult? {
        try call.engine.searchAtOnce(call.collection, request, within: briefSearch, scanning: mostScanned)
    }

    private static func search(_ call: Call) throws -> Reply {
        let deadline = try call.validatedDeadline()
        let request = try decodeBody(call.body) { try $0.readSearch() }
        return reply(try call.engine.search(call.collection, [request], deadline: deadline)[0], call)
    }

    /// The deadline, which is seconds away, matters no more than for a search that begins just before it.
    private static func attemptSearch(_ call: Call) throws -> Reply? {
        _ = try call.validatedDeadline()
        let request = try decodeBody(call.body) { try $0.readSearch() }
        return try searchAtOnce(request, call).map { reply($0, call) }
    }

    private static func reply(_ result: SearchResult, _ call: Call) -> Reply {
        call.result(explained: Explanations(result.explanation)) { $0.write(result.points) }
    }

    private static func searchBatch(_ call: Call) throws -> Reply {
        let deadline = try call.validatedDeadline()
        let requests = try decodeBody(call.body) { try $0.readSearchBatch() }
        let results = try call.engine.search(call.collection, requests, deadline: deadline)
        return call.result(explained: Explanations(results.map(\.explanation))) { writer in
            writer.array { writer in
                for result in results { writer.write(result.points) }
            }
        }
    }

    private static func query(_ call: Call) throws -> Reply {
        let deadline = try call.validatedDeadline()
        let query = try decodeBody(call.body) { try $0.readQuery() }
        return reply(try run([query], call, deadline)[0], call)
    }

    private static func attemptQuery(_ call: Call) throws -> Reply? {
        _ = try call.validatedDeadline()
        guard case .nearest(let request) = try decodeBody(call.body, { try $0.readQuery() }) else { return nil }
        return try searchAtOnce(request, call).map { reply(QueryResult($0), call) }
    }

    private static func reply(_ result: QueryResult, _ call: Call) -> Reply {
        call.result(explained: Explanations(result.explanation)) { writer in
            write([result], &writer, isBatch: false)
        }
    }

    private static func queryBatch(_ call: Call) throws -> Reply {
        let deadline = try call.validatedDeadline()
        let queries = try decodeBody(call.body) { try $0.readQueryBatch() }
        let results = try run(queries, call, deadline)
        return call.result(explained: Explanations(results.map(\.explanation))) { writer in
            write(results, &writer, isBatch: true)
        }
    }

    private struct QueryResult: Sendable {
        enum Points: Sendable {
            case scored([ScoredPoint])
            case records([Record])
        }

        var points: Points
        var explanation: Explanation?

        init(_ page: ScrollPage) {
            points = .records(page.points)
            explanation = page.explanation
        }

        init(_ result: SearchResult) {
            points = .scored(result.points)
            explanation = result.explanation
        }
    }

    /// All nearest-neighbour searches of a batch go to the engine together.
    private static func run(
        _ queries: [PointQuery], _ call: Call, _ deadline: Deadline?
    ) throws -> [QueryResult] {
        let searches = queries.compactMap { query in
            if case .nearest(let request) = query { request } else { nil }
        }
        var found =
            searches.isEmpty
            ? [][...] : try call.engine.search(call.collection, searches, deadline: deadline)[...]
        return try queries.map { query in
            switch query {
            case .nearest: return QueryResult(found.removeFirst())
            case .scroll(let request):
                return QueryResult(try call.engine.scroll(call.collection, request, deadline: deadline))
            }
        }
    }

    /// `{"points": […]}`, or an array of those.
    private static func write(_ results: [QueryResult], _ writer: inout JSONWriter, isBatch: Bool) {
        if isBatch { writer.beginArray() }
        for result in results {
            writer.beginObject()
            writer.key("points")
            switch result.points {
            case .scored(let points): writer.write(points)
            case .records(let records):
                writer.array { writer in
                    for record in records { writer.write(unscored: record) }
                }
            }
            writer.endObject()
        }
        if isBatch { writer.endArray() }
    }
}
