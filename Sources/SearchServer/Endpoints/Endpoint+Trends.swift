import NIOHTTP1
import Services

extension Endpoint {
    /// A row of the trend API. Changes wait for the writer, on threads of their own.
    ///
    /// - Parameters:
    ///   - path: behind `/api/v1/`.
    ///   - reply: of the operation's answer and its request.
    static func trends<Request, Response>(
        _ method: HTTPMethod, _ path: String, _ operation: Operation<Request, Response>,
        decode: @escaping @Sendable (Call) throws -> Request,
        reply: @escaping @Sendable (Response, Request) throws -> Reply
    ) -> Endpoint {
        let work: @Sendable (Call) throws -> Reply = { call in
            let caller = try call.caller()
            // Those of a GET are read, and checked, by `decode`.
            if method != .GET { try Endpoints.requireNoParameters(call) }
            let request = try decode(call)
            return try reply(try call.ask(operation, request, by: caller), request)
        }
        return Endpoint(
            method: method, path: Envelope.trendPrefix + path, requirement: operation.requirement,
            body: method == .GET || method == .DELETE ? .none : .json,
            work: operation.requirement.changesData ? .change(work) : .compute(work))
    }
}
