import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Takes a request through routing, keys, body and work to its response.
struct Responder: HTTPResponder {
    typealias Context = BasicRequestContext

    let service: ServerContext

    /// Throws only what ends the connection: a request that breaks off or is no HTTP.
    func respond(to request: Request, context: Context) async throws -> Response {
        let start = ContinuousClock.now
        if service.configuration.enableCORS, let preflight = CORS.preflight(request) { return preflight }
        let target = RequestTarget(request.head.path ?? "/")
        // A HEAD is answered like a GET, without the body.
        let method = request.method == .head ? .get : request.method
        let match = target.segments.flatMap { service.routes.match(method, $0) }
        var reply: Reply
        if let match {
            reply = try await answer(request, match, target, start)
            let duration = ContinuousClock.now - start
            service.metrics.record(endpoint: match.endpoint, status: reply.status.code, duration: duration)
        } else {
            reply = notFound(request, start)
        }
        if service.configuration.enableCORS { CORS.addHeaders(to: &reply.headers, request) }
        context.logger.debug(
            "request",
            metadata: [
                "method": "\(request.method)", "path": "\(request.head.path ?? "")", "status": "\(reply.status.code)",
                "seconds": "\(start.secondsSince)",
            ])
        let response = Response(status: reply.status, headers: reply.headers, body: reply.body)
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(
        _ request: Request, _ match: RouteTable.Match, _ target: RequestTarget, _ start: ContinuousClock.Instant
    ) async throws -> Reply {
        let endpoint = service.routes.endpoints[match.endpoint]
        var body = RequestBytes(buffer: ByteBuffer())
        do {
            try service.authentication.check(request.headers, needs: endpoint.access)
            if endpoint.access == .write, endpoint.path != "/locks" { try service.writeLock.check() }
            if case .json = endpoint.body {
                try checkHeaders(request)
                body.buffer = try await collect(request)
            }
        } catch let error as APIError {
            return .failure(error, since: start)
        }
        let call = Call(
            service: service, parameters: match.parameters, query: QueryParameters(target.query), body: body,
            request: request, start: start)
        do {
            switch endpoint.work {
            case .compute(let work): return try await service.workers.compute { try work(call) }
            case .long(let work): return try await service.workers.long { try work(call) }
            case .asynchronous(let work): return try await work(call)
            }
        } catch {
            let failure = APIError(any: error)
            if failure.status.kind == .serverError {
                service.logger.error(
                    "request failed", metadata: ["endpoint": "\(endpoint.path)", "error": "\(failure.message)"])
            }
            return .failure(failure, since: start)
        }
    }

    private func notFound(_ request: Request, _ start: ContinuousClock.Instant) -> Reply {
        let path = (request.head.path ?? "/").prefix { $0 != "?" }
        return .failure(.notFound("no endpoint \(request.method) \(path.prefix(200))"), since: start)
    }

    // MARK: Body

    private func checkHeaders(_ request: Request) throws {
        if let encoding = request.headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw APIError(.unsupportedMediaType, "Content encoding `\(encoding.prefix(40))` is not supported")
        }
        let type = (request.headers[.contentType] ?? "").prefix { $0 != ";" }.lowercased()
            .trimmingPrefix { $0 == " " }
        let name = type.prefix { $0 != " " }
        guard name == "application/json" || name == "text/json" || name.hasSuffix("+json") else {
            throw APIError(.badRequest, "Content type error")
        }
    }

    private func collect(_ request: Request) async throws -> ByteBuffer {
        let limit = service.configuration.maxRequestBytes
        let announced = request.headers[.contentLength].flatMap { Int($0) }
        if let announced, announced > limit { throw APIError.bodyTooLarge(bytes: announced, limit: limit) }
        var collected = ByteBuffer()
        for try await chunk in request.body {
            guard collected.readableBytes + chunk.readableBytes <= limit else {
                throw APIError.bodyTooLarge(bytes: nil, limit: limit)
            }
            if collected.readableBytes == 0 {
                collected = chunk
            } else {
                // Room for what is announced, but not for more than what might come soon.
                if let announced, collected.capacity < announced {
                    collected.reserveCapacity(min(announced, max(1 << 20, 2 * collected.readableBytes)))
                }
                collected.writeImmutableBuffer(chunk)
            }
        }
        return collected
    }
}
