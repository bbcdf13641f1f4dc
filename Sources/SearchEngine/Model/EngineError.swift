/// What went wrong, in the classes that a caller can act on. Every case carries a sentence for the user.
public enum EngineError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The request itself is wrong: dimensions, names, values (HTTP 400).
    case invalid(String)
    /// The collection, alias, point, index or snapshot does not exist (HTTP 404).
    case notFound(String)
    /// It exists already, or a condition of the request does not hold (HTTP 409).
    case conflict(String)
    /// A parameter of Qdrant's API that this version does not support (HTTP 400, never ignored).
    case unsupported(String)
    /// The request's time limit passed (HTTP 408).
    case timeout(String)
    /// Too much of this kind of work is under way; the same request can succeed later (HTTP 429).
    case busy(String)
    /// The engine is stopping, or storage failed and the process must be restarted (HTTP 503).
    case unavailable(String)
    /// The disk has no room for the change; deleting still works (HTTP 507).
    case diskFull(String)
    /// Damaged file, failed disk and the like (HTTP 500).
    case storage(String)

    public var description: String {
        switch self {
        case .invalid(let m), .notFound(let m), .conflict(let m), .unsupported(let m), .timeout(let m),
            .busy(let m), .unavailable(let m), .diskFull(let m), .storage(let m):
            m
        }
    }
}
