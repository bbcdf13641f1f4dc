import Logging
import NIOHTTP1
import SearchEngine
import Services

/// A request whose head has come in, matched with its endpoint, on its way to its answer.
struct Exchange: Sendable {
    let service: ServerContext
    let head: HTTPRequestHead
    let start = ContinuousClock.now
    /// Names the request in its answer and in the log.
    let requestID: String
    private let query: Substring
    private let match: RouteTable.Match?

    init(service: ServerContext, head: HTTPRequestHead) {
        self.service = service
        self.head = head
        requestID = head.headers.requestID ?? service.requestIDs.next()
        let target = RequestTarget(head.uri)
        query = target.query
        // A HEAD is answered like a GET, without the body.
        let method = head.method == .HEAD ? HTTPMethod.GET : head.method
        match = target.segments.flatMap { service.routes.match(method, $0) }
    }

    var endpoint: Endpoint? { match.map { service.routes.endpoints[$0.endpoint] } }

    /// The length that the client announced for its body.
    var announcedBytes: Int? { head.headers.first(name: "content-length").flatMap { Int($0) } }

    var expectsContinue: Bool { head.headers.first(name: "expect")?.lowercased() == "100-continue" }

    /// The answer that needs no endpoint: to a browser's preflight request.
    var preflight: Reply? { service.configuration.cors?.preflight(head) }

    /// Everything that can be said against the request before its body is there.
    ///
    /// - Parameter isCounted: whether it counts for the limits of who asks; once for each request.
    func admit(isCounted: Bool) throws -> (Endpoint, Principal) {
        guard let match, let endpoint else {
            throw ServiceError.notFound(
                "no endpoint \(head.method.rawValue) \(head.uri.prefix { $0 != "?" }.prefix(200))")
        }
        let principal = try principal(for: endpoint)
        if isCounted, let limiter = service.limiter, endpoint.requirement != .open {
            try limiter.admit(principal, route: match.endpoint, at: service.engine.environment.time.now)
        }
        try service.services.admit(principal, to: endpoint.requirement)
        if endpoint.isWebSocket { try CORS.checkWebSocket(head, service.configuration.cors) }
        if case .json = endpoint.body {
            try checkBodyHeaders()
            let limit = service.configuration.maxRequestBytes
            if let announcedBytes, announcedBytes > limit {
                throw APIError.bodyTooLarge(bytes: announcedBytes, limit: limit)
            }
        }
        return (endpoint, principal)
    }

    /// What is open is so to wrong keys as well.
    private func principal(for endpoint: Endpoint) throws -> Principal {
        if endpoint.requirement == .open { return .unknown }
        let key = head.headers.presentedKey ?? (endpoint.isWebSocket ? head.headers.webSocketKey : nil)
        return try service.services.principal(presenting: key)
    }

    private func checkBodyHeaders() throws {
        if let encoding = head.headers.first(name: "content-encoding"), encoding.lowercased() != "identity" {
            throw APIError(.unsupportedMediaType, "Content encoding `\(encoding.prefix(40))` is not supported")
        }
        let given = head.headers.first(name: "content-type") ?? ""
        if given == "application/json" { return }
        let type = given.prefix { $0 != ";" }.lowercased().trimmingPrefix { $0 == " " }
        let name = type.prefix { $0 != " " }
        guard name == "application/json" || name == "text/json" || name.hasSuffix("+json") else {
            throw APIError(.badRequest, "Content type error")
        }
    }

    func call(_ principal: Principal, body: RequestBytes) -> Call {
        Call(
            service: service, principal: principal, parameters: match?.parameters ?? [], query: QueryParameters(query),
            body: body,
            headers: head.headers, start: start, requestID: requestID)
    }

    /// The part of the request that a member is in.
    private func place(of field: String) -> String {
        if endpoint?.path.contains("{\(field)}") == true { return "path parameters" }
        return QueryParameters(query).has(field) ? "query parameters" : "JSON body"
    }

    /// The reply to whatever a request's work threw.
    func failure(_ error: any Error) -> Reply {
        let failure = APIError(any: error, place: place(of:))
        if failure.status.kind == .serverError, let untold = service.admitToLog(failure.status) {
            var metadata: Logger.Metadata = [
                "endpoint": "\(endpoint?.path ?? "")", "error": "\(failure.message)", "request_id": "\(requestID)",
            ]
            if untold > 0 { metadata["untold"] = .stringConvertible(untold) }
            service.logger.error("request failed", metadata: metadata)
        }
        let isTrends = endpoint.map { $0.envelope == .trends } ?? head.uri.hasPrefix(Endpoint.Envelope.trendPrefix)
        var reply = isTrends ? Reply.failed(failure, request: requestID) : Reply.failure(failure, since: start)
        if failure.status == .upgradeRequired { WebSocketHandshake.addVersion(to: &reply.headers) }
        // What is too much now may not be soon.
        if failure.status == .tooManyRequests || failure.status == .serviceUnavailable {
            reply.headers.replaceOrAdd(name: "retry-after", value: "\(failure.retryAfterSeconds ?? 1)")
        }
        if failure.status == .unauthorized { reply.headers.replaceOrAdd(name: "www-authenticate", value: "Bearer") }
        return reply
    }

    /// Adds what every reply has, and counts it.
    func finish(_ reply: inout Reply) {
        reply.headers.add(name: "x-request-id", value: requestID)
        service.configuration.cors?.addHeaders(to: &reply.headers, head)
        let now = ContinuousClock.now
        let status = reply.status.code
        service.metrics.record(match?.endpoint, head.method, status: status, duration: now - start)
        if let untold = service.slowRequests.admit(now - start, at: now) { tellSlow(status, now - start, untold) }
        service.logger.debug(
            "request",
            metadata: [
                "method": "\(head.method.rawValue)", "path": "\(head.uri)", "status": .stringConvertible(status),
                "seconds": .stringConvertible(start.secondsSince), "request_id": "\(requestID)",
            ])
    }

    /// The time counts from the head to the answer: a client that sends its body slowly is in it, one that takes the answer
    /// slowly is not.
    private func tellSlow(_ status: Int, _ duration: Duration, _ untold: Int) {
        var metadata: Logger.Metadata = [
            "method": "\(head.method.rawValue)", "endpoint": "\(endpoint?.path ?? "")",
            "path": "\(head.uri.prefix { $0 != "?" }.prefix(200))", "status": .stringConvertible(status),
            "request_id": "\(requestID)",
            "milliseconds": .stringConvertible((duration.seconds * 1e6).rounded() / 1e3),
        ]
        if untold > 0 { metadata["untold"] = .stringConvertible(untold) }
        service.logger.info("Slow request", metadata: metadata)
    }
}
