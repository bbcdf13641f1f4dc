import HTTPTypes
import JSON
import SearchEngine
import Services

/// A request that failed, as an HTTP client sees it: a status code and a sentence.
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

    static func bodyTooLarge(bytes: Int?, limit: Int) -> APIError {
        let size = bytes.map { "(\($0) bytes) " } ?? ""
        return APIError(
            .contentTooLarge, "Payload error: JSON payload \(size)is larger than allowed (limit: \(limit) bytes).")
    }

    /// - Parameter place: the part of the request that a member is in.
    package init(_ error: ServiceError, place: (String) -> String = { _ in "JSON body" }) {
        let message = error.message
        switch error.code {
        case .malformed: self.init(.badRequest, "Format error in JSON body: \(message)")
        case .invalid, .unsupported: self.init(.badRequest, "Wrong input: \(message)")
        case .outOfRange:
            let field = error.field ?? ""
            self.init(.unprocessableContent, "Validation error in \(place(field)): [\(field): \(message)]")
        case .notFound: self.init(.notFound, "Not found: \(message)")
        case .conflict: self.init(.conflict, "Wrong input: \(message)")
        case .limitReached: self.init(.badRequest, "Bad request: \(message)")
        case .unauthenticated:
            self.init(.unauthorized, message)
            isPlainText = true
        case .forbidden: self.init(.forbidden, "Forbidden: \(message)")
        case .locked: self.init(.forbidden, "Storage locked: \(message)")
        case .timeout: self.init(.requestTimeout, "Timeout: \(message)")
        case .busy: self.init(.tooManyRequests, "Too many requests: \(message)")
        case .unavailable: self.init(.serviceUnavailable, "Service internal error: \(message)")
        case .diskFull:
            self.init(.init(code: 507, reasonPhrase: "Insufficient Storage"), "Service internal error: \(message)")
        case .failed: self.init(.internalServerError, "Service internal error: \(message)")
        }
    }

    /// Any error that a request's work throws. Those that nobody expected become 500 with their description.
    init(any error: any Error, place: (String) -> String = { _ in "JSON body" }) {
        switch error {
        case let error as APIError: self = error
        case let error as ServiceError: self.init(error, place: place)
        case let error as EngineError: self.init(ServiceError(error), place: place)
        case let error as JSONError: self.init(.malformed("\(error)"))
        case is CancellationError: self.init(.unavailable("the server is stopping"))
        default: self.init(ServiceError(.failed, "\(error)"))
        }
    }
}
