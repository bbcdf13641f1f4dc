/// What requests use.
public struct Usage: Sendable, Equatable {
    public var tokens: Int
    public var dollars: Double

    public init(tokens: Int = 0, dollars: Double = 0) {
        self.tokens = tokens
        self.dollars = dollars
    }
}

/// What a service has cost on a day.
public struct Spending: Sendable, Equatable {
    /// Days since 1970-01-01, UTC.
    public var day: Int
    /// As the service counts them, or as estimated where it didn't say.
    public var tokens: Int
    public var dollars: Double

    public init(day: Int, tokens: Int, dollars: Double) {
        self.day = day
        self.tokens = tokens
        self.dollars = dollars
    }
}

/// A limit of requests that several clients share.
public protocol RequestLimit: Sendable {
    /// Takes one request; otherwise answers how long to wait before it is worth another try.
    func take() -> Duration?
}

/// A request that was sent, and what became of it.
public struct OpenAICall: Sendable {
    public enum Status: String, Sendable, CaseIterable {
        case ok
        /// The answer isn't of the form that was asked for.
        case malformed
        /// 429.
        case rateLimited = "rate_limited"
        /// Another status that a later request may not get.
        case unavailable
        /// A status that the same request will get again.
        case refused
        /// There was no connection.
        case unreachable
        /// The answer didn't arrive whole, or not in time.
        case interrupted
    }

    public var model: String
    public var status: Status
    /// From sending to the end of the answer.
    public var duration: Duration
    /// As the service counts it, or as estimated where it didn't say.
    public var dollars: Double
}

public protocol CallObserver: Sendable {
    func observe(_ call: OpenAICall)
}

/// What outlives a client, or is shared by several: the day's cost, a common limit of requests, and who counts calls.
public struct OpenAIAccounting: Sendable {
    /// What was stored before a restart, so that a cost limit holds for the day and not for the process.
    public var earlier: Spending?
    /// Keeps what the day has cost so far and what requests on their way may cost. It is called before a request is sent and after
    /// its end, by one thread at a time, so that a process that is killed meanwhile has counted the request.
    public var store: (@Sendable (Spending) -> Void)?
    public var limit: (any RequestLimit)?
    public var observer: (any CallObserver)?

    public init(
        earlier: Spending? = nil, store: (@Sendable (Spending) -> Void)? = nil, limit: (any RequestLimit)? = nil,
        observer: (any CallObserver)? = nil
    ) {
        self.earlier = earlier
        self.store = store
        self.limit = limit
        self.observer = observer
    }
}
