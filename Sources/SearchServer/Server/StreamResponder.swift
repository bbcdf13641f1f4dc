import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Services

/// Answers the requests whose bodies or replies are streams, which `ConnectionHandler` has counted and leaves to Hummingbird.
struct StreamResponder: HTTPResponder {
    typealias Context = BasicRequestContext

    let service: ServerContext

    /// Throws only what ends the connection: a request that breaks off or is no HTTP.
    func respond(to request: Request, context: Context) async throws -> Response {
        var head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: request.method.rawValue), uri: request.head.path ?? "/")
        for field in request.headers { head.headers.add(name: field.name.rawName, value: field.value) }
        let exchange = Exchange(service: service, head: head)
        var reply: Reply
        do {
            let (endpoint, principal) = try exchange.admit(isCounted: false)
            guard case .streaming(let work) = endpoint.work else {
                throw ServiceError(.failed, "the request is no stream")
            }
            reply = try await work(exchange.call(principal, body: RequestBytes(buffer: ByteBuffer())), request)
        } catch {
            reply = exchange.failure(error)
        }
        exchange.finish(&reply)
        var headers = HTTPFields()
        for (name, value) in reply.headers {
            if let name = HTTPField.Name(name) { headers.append(HTTPField(name: name, value: value)) }
        }
        let response = Response(status: reply.status, headers: headers, body: reply.body.responseBody)
        return request.method == .head ? response.createHeadResponse() : response
    }
}
