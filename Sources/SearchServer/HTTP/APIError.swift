import HTTPTypes
import JSON
import SearchEngine

/// A request that failed, as the client sees it: a status code and a sentence.
///
/// The sentences begin like Qdrant's (`Wrong input: …`, `Not found: …`), because clients look for them.
package struct APIError: Error, Sendable, Equatable {
    package var status: HTTPResponse.Status
    package var message: String
    /// The message is the whole body, without the envelope; so Qdrant refuses callers without a valid key.
    package var isPlainText = false

    package init(_ status: HTTPResponse.Status, _ message: String) {
        self.status = status
        self.message = message
    }

    static func wrongInput(_ message: String) -> APIError { APIError(.badRequest, "Wrong input: \(message)") }

    static func notFound(_ message: String) -> APIError { APIError(.notFound, "Not found: \(message)") }

    static func format(_ message: String) -> APIError {
        APIError(.badRequest, "Format error in JSON body: \(message)")
    }

    /// A value of the right type that is out of its range; `field` is its path in the body.
    static func validation(_ field: String, _ problem: String, in place: String = "JSON body") -> APIError {
        APIError(.unprocessableContent, "Validation error in \(place): [\(field): \(problem)]")
    }

    /// Something of Qdrant's API that this version does not have; it is refused, so that nobody relies on it.
    static func unsupported(_ what: String) -> APIError {
        .wrongInput("\(what) is not supported by this version of Trendex")
    }

    static func bodyTooLarge(bytes: Int?, limit: Int) -> APIError {
        let size = bytes.map { "(\($0) bytes) " } ?? ""
        return APIError(
            .contentTooLarge, "Payload error: JSON payload \(size)is larger than allowed (limit: \(limit) bytes).")
    }

    package init(_ error: EngineError) {
        func prefixed(_ prefix: String, _ message: String) -> String {
            message.hasPrefix(prefix) || message.hasPrefix("Bad request: ") ? message : prefix + message
        }
        switch error {
        case .invalid(let message): self.init(.badRequest, prefixed("Wrong input: ", message))
        case .notFound(let message): self.init(.notFound, prefixed("Not found: ", message))
        case .conflict(let message): self.init(.conflict, prefixed("Wrong input: ", message))
        case .unsupported(let message): self.init(.badRequest, prefixed("Wrong input: ", message))
        case .timeout(let message): self.init(.requestTimeout, prefixed("Timeout: ", message))
        case .busy(let message): self.init(.tooManyRequests, prefixed("Too many requests: ", message))
        case .unavailable(let message):
            self.init(.serviceUnavailable, prefixed("Service internal error: ", message))
        case .diskFull(let message):
            self.init(
                .init(code: 507, reasonPhrase: "Insufficient Storage"), prefixed("Service internal error: ", message))
        case .storage(let message):
            self.init(.internalServerError, prefixed("Service internal error: ", message))
        }
    }

    /// Any error that a handler throws. Those that nobody expected become 500 with their description.
    init(any error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as EngineError: self.init(error)
        case let error as JSONError: self = .format("\(error)")
        case is CancellationError: self.init(.serviceUnavailable, "Service internal error: the server is stopping")
        default: self.init(.internalServerError, "Service internal error: \(error)")
        }
    }
}
