import Hummingbird
import JSON
import NIOHTTP1
import SearchEngine

/// One method and path of the API, and what answers it.
struct Endpoint: Sendable {
    enum Body: Sendable {
        /// Ignored, should there be one.
        case none
        /// Collected up to the limit before the work begins.
        case json
        /// Read by the work itself, without a limit.
        case stream
    }

    /// To be called once.
    typealias Answer = @Sendable (Result<Reply, any Error>) -> Void

    enum Work: Sendable {
        /// On the event loop; for what takes no time.
        case immediate(@Sendable (Call) throws -> Reply)
        /// On a compute thread; on one for index builds, from its beginning, if payload indexes have to be built first.
        case compute(@Sendable (Call) throws -> Reply)
        /// On the event loop when that has time for it (`LoopTime`) and `attempt`, which must never wait, finds an answer;
        /// else from its beginning on a compute thread.
        case brief(
            attempt: @Sendable (Call) throws -> Reply?, otherwise: @Sendable (Call) throws -> Reply)
        /// On a thread for long work.
        case long(@Sendable (Call) throws -> Reply)
        /// Begins on a compute thread, and answers later, from any thread; not at all if it throws.
        case deferred(@Sendable (Call, _ answer: @escaping Answer) throws -> Void)
        /// On the cooperative pool; must not block.
        case asynchronous(@Sendable (Call) async throws -> Reply)
        /// Like `asynchronous`, for what reads the request's body or writes the reply piece by piece.
        case streaming(@Sendable (Call, Request) async throws -> Reply)
    }

    var method: HTTPMethod
    /// Segments in braces match any one segment: `/collections/{name}/points/{id}`.
    var path: String
    var access: Authentication.Access
    var body: Body
    var work: Work

    static func get(
        _ path: String, access: Authentication.Access = .read, _ work: Work
    ) -> Endpoint {
        Endpoint(method: .GET, path: path, access: access, body: .none, work: work)
    }

    static func post(
        _ path: String, access: Authentication.Access = .read, body: Body = .json, _ work: Work
    ) -> Endpoint {
        Endpoint(method: .POST, path: path, access: access, body: body, work: work)
    }

    static func put(_ path: String, body: Body = .json, _ work: Work) -> Endpoint {
        Endpoint(method: .PUT, path: path, access: .write, body: body, work: work)
    }

    static func patch(_ path: String, _ work: Work) -> Endpoint {
        Endpoint(method: .PATCH, path: path, access: .write, body: .json, work: work)
    }

    static func delete(_ path: String, body: Body = .none, _ work: Work) -> Endpoint {
        Endpoint(method: .DELETE, path: path, access: .write, body: body, work: work)
    }
}

/// A request on its way through its endpoint.
struct Call: Sendable {
    let service: ServerContext
    /// What the path's braces matched, in order.
    let parameters: [String]
    let query: QueryParameters
    let body: RequestBytes
    let headers: HTTPHeaders
    let start: ContinuousClock.Instant

    var engine: Engine { service.engine }
    /// The first parameter, which is the collection in every path that has one.
    var collection: String { parameters.first ?? "" }

    /// When the request's time is up, by the `timeout` parameter.
    func deadline() throws -> Deadline? {
        try query.timeout().map { start + .seconds($0) }
    }

    /// The body as a tree; for small configurations, not for points.
    func fields() throws -> ObjectFields {
        try ObjectFields(decodeBody(body) { try $0.readValue() }, path: "")
    }

    func result(
        explained: Explanations? = nil, _ write: (inout JSONWriter) throws -> Void
    ) rethrows -> Reply {
        try .result(since: start, explained: explained, write)
    }

    func success(_ value: Bool = true) -> Reply { .success(since: start, value) }
}
