import HTTPTypes
import JSON
import SearchEngine
import Services
import TrendStore

/// A request that failed, as an HTTP client sees it: a status code and a sentence.
///
/// The sentences begin like Qdrant's (`Wrong input: …`, `Not found: …`), because clients look for them.
package struct APIError: Error, Sendable, Equatable {
    package var status: HTTPResponse.Status
    package var message: String
    /// The message is the whole body, without the envelope; so Qdrant refuses callers without a valid key.
    package var isPlainText = false
    /// The name of the kind of error in the trend API: `VALIDATION_ERROR`.
    var code: String
    /// The message without the words that Qdrant begins its own with.
    var sentence: String
    /// Every member that is wrong.
    var problems: [FieldProblem] = []
    /// When the request is worth another try, where that is known.
    var retryAfterSeconds: Int?

    package init(_ status: HTTPResponse.Status, _ message: String) {
        self.init(status, message, code: Self.code(status), sentence: message)
    }

    private init(_ status: HTTPResponse.Status, _ message: String, code: String, sentence: String) {
        self.status = status
        self.message = message
        self.code = code
        self.sentence = sentence
    }

    /// Of errors that no service has named.
    private static func code(_ status: HTTPResponse.Status) -> String {
        switch status {
        case .contentTooLarge: "PAYLOAD_TOO_LARGE"
        case .unsupportedMediaType: "UNSUPPORTED_MEDIA_TYPE"
        case .upgradeRequired: "UPGRADE_REQUIRED"
        default: status.kind == .serverError ? "INTERNAL_ERROR" : "MALFORMED_REQUEST"
        }
    }

    static func bodyTooLarge(bytes: Int?, limit: Int) -> APIError {
        let size = bytes.map { "(\($0) bytes) " } ?? ""
        return APIError(
            .contentTooLarge, "Payload error: JSON payload \(size)is larger than allowed (limit: \(limit) bytes).")
    }

    /// - Parameter place: the part of the request that a member is in.
    package init(_ error: ServiceError, place: (String) -> String = { _ in "JSON body" }) {
        let message = error.message
        func make(_ status: HTTPResponse.Status, _ code: String, _ prefix: String) -> APIError {
            APIError(status, prefix + message, code: code, sentence: message)
        }
        switch error.code {
        case .malformed: self = make(.badRequest, "MALFORMED_REQUEST", "Format error in JSON body: ")
        case .invalid, .unsupported: self = make(.badRequest, "VALIDATION_ERROR", "Wrong input: ")
        case .outOfRange:
            let field = error.field ?? ""
            self.init(
                .unprocessableContent, "Validation error in \(place(field)): [\(field): \(message)]",
                code: "VALIDATION_ERROR", sentence: message)
            problems = error.problems.isEmpty ? [FieldProblem(field: field, reason: message)] : error.problems
            sentence = problems.count == 1 ? "\(field) \(message)" : "\(problems.count) fields are wrong"
        case .notFound: self = make(.notFound, "NOT_FOUND", "Not found: ")
        case .gone: self = make(.gone, "GONE", "Gone: ")
        case .conflict: self = make(.conflict, "CONFLICT", "Wrong input: ")
        case .limitReached: self = make(.badRequest, "LIMIT_REACHED", "Bad request: ")
        case .unauthenticated:
            self = make(.unauthorized, "UNAUTHENTICATED", "")
            isPlainText = true
        case .forbidden: self = make(.forbidden, "FORBIDDEN", "Forbidden: ")
        case .locked: self = make(.forbidden, "LOCKED", "Storage locked: ")
        case .timeout: self = make(.requestTimeout, "TIMEOUT", "Timeout: ")
        case .busy: self = make(.tooManyRequests, "RATE_LIMITED", "Too many requests: ")
        case .unavailable: self = make(.serviceUnavailable, "UNAVAILABLE", "Service internal error: ")
        case .diskFull:
            let status = HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
            self = make(status, "STORAGE_FULL", "Service internal error: ")
        case .failed: self = make(.internalServerError, "INTERNAL_ERROR", "Service internal error: ")
        }
        retryAfterSeconds = error.retryAfterSeconds
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
