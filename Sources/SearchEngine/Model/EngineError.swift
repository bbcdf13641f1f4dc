/// What went wrong, in the classes that a caller can act on. Every case carries a sentence for the user.
public enum EngineError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The request itself is wrong: dimensions, names, values.
    case invalid(String)
    /// A value of the right type that is out of its range. `field` is its path in the request: `hnsw_config.ef_construct`.
    case outOfRange(field: String, String)
    /// A limit of the configuration is reached.
    case limitReached(String)
    /// The collection, alias, point, index or snapshot does not exist.
    case notFound(String)
    /// It exists already, or a condition of the request does not hold.
    case conflict(String)
    /// A parameter of Qdrant's API that this version does not support. It is never ignored.
    case unsupported(String)
    /// The request's time limit passed.
    case timeout(String)
    /// Too much of this kind of work is under way; the same request can succeed later.
    case busy(String)
    /// The engine is stopping, or storage failed and the process must be restarted.
    case unavailable(String)
    /// The disk has no room for the change; deleting still works.
    case diskFull(String)
    /// Damaged file, failed disk and the like.
    case storage(String)

    public var description: String {
        switch self {
        case .outOfRange(let field, let m): "\(field): \(m)"
        case .invalid(let m), .limitReached(let m), .notFound(let m), .conflict(let m), .unsupported(let m),
            .timeout(let m),
            .busy(let m), .unavailable(let m), .diskFull(let m), .storage(let m):
            m
        }
    }
}
