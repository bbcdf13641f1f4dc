import HTTPTypes
import JSON
import SearchEngine
import Services
import TrendStore

/// The errors that the trend API answers, by status: their codes are those that ``APIError`` gives to each kind of error.
struct ErrorAnswer: Sendable {
    let status: Int
    private let errors: [APIError]

    static let all: [ErrorAnswer] = {
        let ofServices = ServiceError.Code.allCases.map { code in
            code == .outOfRange
                ? APIError(
                    ServiceError(
                        code, "", field: "title",
                        problems: [
                            FieldProblem(field: "title", reason: "must have 1 to 500 characters, not 0"),
                            FieldProblem(field: "source", reason: "is missing"),
                        ])) : APIError(ServiceError(code, example(of: code)))
        }
        let ofTransport = [
            APIError.bodyTooLarge(bytes: 40_000_000, limit: 33_554_432),
            APIError(.unsupportedMediaType, "Content encoding `gzip` is not supported"),
            APIError(.upgradeRequired, "This is a WebSocket: ask for it with `Upgrade: websocket`"),
        ]
        return Dictionary(grouping: ofServices + ofTransport, by: \.status.code)
            .map { ErrorAnswer(status: $0, errors: $1) }.sorted { $0.status < $1.status }
    }()

    /// In `components.responses`.
    var name: String { "Error\(status)" }

    var codes: [String] { errors.map(\.code).reduce(into: []) { if !$0.contains($1) { $0.append($1) } } }

    var about: String {
        switch status {
        case 400: "The request can't be read, or asks for what this server doesn't have."
        case 401: "No key or token, or one that isn't valid."
        case 403: "The key or the token's role doesn't allow this, or somebody has locked the storage."
        case 404: "There is no such row."
        case 408: "The request took longer than its `timeout`."
        case 409: "What is stored stands against it."
        case 410: "The log has let go of the events behind the place, or never reached it."
        case 413: "The body is larger than the configuration allows."
        case 415: "The body is encoded."
        case 422: "Fields or parameters that break their rules; each is named."
        case 426: "This is a WebSocket, and was asked for without its handshake."
        case 429: "Too many requests, or too much of this kind is under way."
        case 503: "Too much at once, the embedder can't be reached, or the server is stopping."
        case 507: "The disk is full. Reads and deletions go on."
        default: "A fault of the server."
        }
    }

    /// The headers that it has beside those of every answer.
    var headers: [String] {
        switch status {
        case 401: ["WWW-Authenticate"]
        case 426: ["Sec-WebSocket-Version"]
        case 429, 503: ["Retry-After"]
        default: []
        }
    }

    var schema: Schema { Self.envelope(.member(of: codes)) }

    /// By code, as they are answered.
    var examples: [(code: String, value: JSONValue)] {
        codes.compactMap { code in
            guard let error = errors.first(where: { $0.code == code }) else { return nil }
            let bytes = Reply.failed(error, request: Examples.requestID).body.bytes
            return (try? JSONValue(parsing: bytes)).map { (code, $0) }
        }
    }

    private static let problems = Schema.array(
        of: .answer([
            "field": Schema.string.about("A member such as `tags[3]`, or a parameter."),
            "message": Schema.string.about("To be read behind the name."),
        ])
    ).about("Every field that is wrong; of more than 32 the first.")

    /// An error of a part of a request.
    static let part = Schema.answer([
        "code": .member(of: all.flatMap(\.codes).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }),
        "message": .string, "details": problems,
    ])

    private static func envelope(_ code: Schema) -> Schema {
        .answer([
            "success": .constant(false),
            "error": .answer([
                "code": code, "message": .string, "details": problems,
                "request_id": Schema.string.about("The answer's `X-Request-Id`."),
            ]),
        ])
    }

    private static func example(of code: ServiceError.Code) -> String {
        switch code {
        case .malformed: "expected `,` or `}` at offset 17"
        case .invalid, .unsupported, .outOfRange:
            "This server embeds no texts, so that it can't search for `q`: set `trendex.embedder.model`, or search by vector"
        case .notFound: "No row with id \(Examples.trendID.stringValue ?? "") found in trends"
        case .gone: "The log begins behind event 4711"
        case .conflict: "The id is taken"
        case .limitReached: "There are as many collections as there may be"
        case .unauthenticated: "Must provide an API key or an Authorization bearer token"
        case .forbidden: "the role reader does not allow this: it needs the role writer"
        case .locked: "The storage is locked"
        case .timeout: "The request's time is over"
        case .busy: "too many requests; try again in 3 seconds"
        case .unavailable: "the server is stopping"
        case .diskFull: "The disk is full"
        case .failed: "The storage has failed"
        }
    }
}
