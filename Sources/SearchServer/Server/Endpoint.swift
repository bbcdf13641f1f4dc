import Hummingbird
import JSON
import NIOHTTP1
import SearchEngine
import Services

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
        /// On a compute thread; again from its beginning on one for index builds, if payload indexes have to be built first, and on one
        /// that may wait for an embedder, if texts have to be embedded.
        case compute(@Sendable (Call) throws -> Reply)
        /// `attempt` on the event loop when that has time for it (`LoopTime`); it must never wait. A compute thread does what is
        /// left, or all of it.
        case brief(attempt: @Sendable (Call) throws -> Attempt, otherwise: @Sendable (Call) throws -> Reply)
        /// On a thread for long work.
        case long(@Sendable (Call) throws -> Reply)
        /// On a thread for what waits for the writer.
        case change(@Sendable (Call) throws -> Reply)
        /// Begins on a compute thread, and answers later, from any thread; not at all if it throws.
        case deferred(@Sendable (Call, _ answer: @escaping Answer) throws -> Void)
        /// On the cooperative pool; must not block.
        case asynchronous(@Sendable (Call) async throws -> Reply)
        /// Like `asynchronous`, for what reads the request's body or writes the reply piece by piece.
        case streaming(@Sendable (Call, Request) async throws -> Reply)
        /// Begins a WebSocket with events, on the event loop.
        case webSocket(@Sendable (Call) throws -> EventFeed)
        /// Begins server-sent events, on the event loop, or reads a page.
        case events(@Sendable (Call) throws -> EventsWork)
    }

    enum EventsWork: Sendable {
        case stream(EventFeed)
        /// On a compute thread.
        case page(@Sendable (Call) throws -> Reply)
    }

    /// What came of work on the event loop.
    enum Attempt: Sendable {
        case answered(Reply)
        /// It would take longer than the loop has: what is left to do, of a request that is decoded.
        case unfinished(@Sendable (Call) throws -> Reply)
    }

    var method: HTTPMethod
    /// Segments in braces match any one segment: `/collections/{name}/points/{id}`.
    var path: String
    /// Checked as soon as the head is there. The operation itself checks it again.
    var requirement: Requirement
    var body: Body
    var work: Work
    /// How errors are told.
    var envelope: Envelope { path.hasPrefix(Envelope.trendPrefix) || isWebSocket ? .trends : .qdrant }
    var isWebSocket: Bool { if case .webSocket = work { true } else { false } }

    /// Around results and errors.
    enum Envelope: Sendable {
        static let trendPrefix = "/api/v1/"

        /// `{"result": …, "status": …, "time": …}`
        case qdrant
        /// `{"success": …, "data": …}`
        case trends
    }

    /// Where an operation's work is done.
    enum Place {
        /// On a compute thread.
        case compute
        /// On a thread for long work.
        case long
        /// On the event loop; for what takes no time.
        case loop
    }

    /// A row of the table: what the request is decoded to, the operation, and how its answer is encoded.
    ///
    /// - Parameter explained: the explanations that stand beside the result, where a response has some.
    static func row<Request, Response>(
        _ method: HTTPMethod, _ path: String, _ operation: Operation<Request, Response>, body: Body? = nil,
        on place: Place = .compute, decode: @escaping @Sendable (Call) throws -> Request,
        explained: @escaping @Sendable (Response) -> Explanations? = { _ in nil },
        encode: @escaping @Sendable (Response, inout JSONWriter) -> Void
    ) -> Endpoint {
        let work: @Sendable (Call) throws -> Reply = { call in
            let caller = try call.caller()
            let response = try call.ask(operation, decode(call), by: caller)
            return call.result(explained: explained(response)) { encode(response, &$0) }
        }
        return Endpoint(
            method: method, path: path, requirement: operation.requirement,
            body: body ?? (method == .GET || method == .DELETE ? .none : .json),
            work: place == .compute ? .compute(work) : place == .long ? .long(work) : .immediate(work))
    }

    /// A row whose operation answers nothing but that it is done.
    static func row<Request>(
        _ method: HTTPMethod, _ path: String, _ operation: Operation<Request, Void>, body: Body? = nil,
        on place: Place = .compute, decode: @escaping @Sendable (Call) throws -> Request
    ) -> Endpoint {
        row(method, path, operation, body: body, on: place, decode: decode) { _, writer in writer.write(true) }
    }

    /// A row whose work is more than to decode, to ask and to encode.
    static func row<Request, Response>(
        _ method: HTTPMethod, _ path: String, _ operation: Operation<Request, Response>, body: Body = .none,
        work: Work
    ) -> Endpoint {
        Endpoint(method: method, path: path, requirement: operation.requirement, body: body, work: work)
    }

    /// What the server tells of itself.
    static func get(_ path: String, needs requirement: Requirement = .read, _ work: Work) -> Endpoint {
        Endpoint(method: .GET, path: path, requirement: requirement, body: .none, work: work)
    }
}

/// A request on its way through its endpoint.
struct Call: Sendable {
    let service: ServerContext
    let principal: Principal
    /// What the path's braces matched, in order.
    let parameters: [String]
    let query: QueryParameters
    let body: RequestBytes
    let headers: HTTPHeaders
    let start: ContinuousClock.Instant
    let requestID: String

    var engine: Engine { service.engine }
    /// The first parameter, which is the collection in every path that has one.
    var collection: String { parameters.first ?? "" }

    /// When the request's time is up, by the `timeout` parameter.
    func deadline() throws -> Deadline? { try caller().deadline }

    /// Who asks, and until when.
    func caller() throws -> Caller {
        var caller = try Caller(principal, arrival: start, timeout: query.timeout())
        caller.requestID = requestID
        return caller
    }

    /// Asks an operation; by whoever sent the request, if nobody is named.
    func ask<Request, Response>(
        _ operation: Operation<Request, Response>, _ request: Request, by caller: Caller? = nil
    ) throws -> Response {
        try operation(request, by: caller ?? self.caller(), service.services)
    }

    /// Checks the query parameters of a change to points. Answers whether the client waits.
    func waits() throws -> Bool {
        try query.validateOrdering()
        return try query.wait()
    }

    /// The same as `request`, for reads of points: checks their query parameters.
    func read<Value: Sendable>(_ decode: (inout JSONReader) throws -> Value) throws -> CollectionRequest<Value> {
        try query.validateConsistency()
        return try request(decode)
    }

    /// The collection that the path names, and what the body says.
    func request<Value: Sendable>(_ decode: (inout JSONReader) throws -> Value) throws -> CollectionRequest<Value> {
        CollectionRequest(collection, try decodeBody(body, decode))
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
