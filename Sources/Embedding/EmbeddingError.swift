import OpenAI

/// Why texts have no vectors.
public enum EmbeddingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The service can't be reached, or answers that it can't work now. Worth trying again, not before `retryAfter`.
    case unavailable(reason: String, retryAfter: Duration?)
    /// The service doesn't take the request. Trying again doesn't help.
    case refused(status: Int, reason: String)
    /// The service answered something else than the vectors that were asked for.
    case malformedAnswer(reason: String)
    /// The day's cost limit is reached. It holds until the next day (UTC), which begins in `retryAfter`.
    case costLimit(retryAfter: Duration)
    /// The caller's deadline passed.
    case deadlineExceeded
    /// The folder holds no model that this program can run.
    case invalidModelFolder(reason: String)
    /// A setting has no meaning.
    case invalidConfiguration(reason: String)
    /// The embedder was closed.
    case closed

    public var description: String {
        switch self {
        case .unavailable(let reason, let retryAfter):
            if let retryAfter {
                "The embedding service is unavailable: \(reason); try again in \(retryAfter.wholeSeconds) s"
            } else {
                "The embedding service is unavailable: \(reason)"
            }
        case .refused(let status, let reason): "The embedding service refused the texts (\(status)): \(reason)"
        case .malformedAnswer(let reason): "The embedding service answered no usable vectors: \(reason)"
        case .costLimit(let retryAfter):
            "The embedding service's cost limit of the day is reached; try again in \(retryAfter.wholeSeconds) s"
        case .deadlineExceeded: "The texts weren't embedded within the time limit"
        case .invalidModelFolder(let reason): "The model can't be used: \(reason)"
        case .invalidConfiguration(let reason): "The embedder's configuration is wrong: \(reason)"
        case .closed: "The embedder is closed"
        }
    }
}

extension EmbeddingError {
    /// The same of a service. Nobody gives an embedding request up but by closing the embedder.
    init(_ error: OpenAIError) {
        self =
            switch error {
            case .unavailable(let reason, let retryAfter): .unavailable(reason: reason, retryAfter: retryAfter)
            case .refused(let status, let reason): .refused(status: status, reason: reason)
            case .malformedAnswer(let reason): .malformedAnswer(reason: reason)
            case .costLimit(let retryAfter): .costLimit(retryAfter: retryAfter)
            case .deadlineExceeded: .deadlineExceeded
            case .invalidConfiguration(let reason): .invalidConfiguration(reason: reason)
            case .closed, .cancelled: .closed
            }
    }
}
