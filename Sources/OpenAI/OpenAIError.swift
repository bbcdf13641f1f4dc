/// Why a service has no answer.
public enum OpenAIError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The service can't be reached, or answers that it can't work now. Worth trying again, not before `retryAfter`.
    case unavailable(reason: String, retryAfter: Duration?)
    /// The service doesn't take the request. Trying again doesn't help.
    case refused(status: Int, reason: String)
    /// The service answered something else than what was asked for.
    case malformedAnswer(reason: String)
    /// The day's cost limit is reached. It holds until the next day (UTC), which begins in `retryAfter`.
    case costLimit(retryAfter: Duration)
    /// The caller's deadline passed.
    case deadlineExceeded
    /// The caller gave the request up.
    case cancelled
    /// A setting has no meaning.
    case invalidConfiguration(reason: String)
    /// The client was closed.
    case closed

    public var description: String {
        switch self {
        case .unavailable(let reason, let retryAfter?):
            "The service is unavailable: \(reason); try again in \(retryAfter.wholeSeconds) s"
        case .unavailable(let reason, nil): "The service is unavailable: \(reason)"
        case .refused(let status, let reason): "The service refused the request (\(status)): \(reason)"
        case .malformedAnswer(let reason): "The service's answer can't be used: \(reason)"
        case .costLimit(let retryAfter):
            "The cost limit of the day is reached; try again in \(retryAfter.wholeSeconds) s"
        case .deadlineExceeded: "The service gave no answer within the time limit"
        case .cancelled: "The request was given up"
        case .invalidConfiguration(let reason): "The configuration is wrong: \(reason)"
        case .closed: "The client is closed"
        }
    }
}

extension Duration {
    /// Rounded up, and at least 0.
    package var wholeSeconds: Int64 {
        let (seconds, attoseconds) = components
        return max(attoseconds > 0 ? seconds + 1 : seconds, 0)
    }

    /// Up to ten years either way, so that numbers from outside can't overflow.
    package init(clampingSeconds seconds: Double) {
        let limit = 315_360_000.0
        self = .seconds(seconds.isNaN ? 0 : min(max(seconds, -limit), limit))
    }

    package var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

extension OpenAIError {
    /// The description without the service's own words, which may have parts of its key: for what many people read.
    public var forReaders: String {
        switch self {
        // What the service said stands behind a colon.
        case .unavailable(let reason, _):
            "The service is unavailable: \(reason.prefix { $0 != ":" }); the log has its words"
        case .refused(let status, _): "The service refused the request (\(status)); the log has its words"
        default: description
        }
    }
}
