import SearchEngine

/// One thing that can be asked, whatever carries the request: what it needs of who asks, and what it does.
///
/// The operations stand in enums by subject: `CollectionOperations`, `PointOperations` and so on.
public struct Operation<Request, Response>: Sendable {
    public let requirement: Requirement
    private let body: @Sendable (Services, Caller, Request) throws -> Response

    init(_ requirement: Requirement, _ body: @escaping @Sendable (Services, Caller, Request) throws -> Response) {
        self.requirement = requirement
        self.body = body
    }

    /// Throws a `ServiceError`, or the engine's `PayloadIndexesMissing` inside of `Engine.withoutWaitingForIndexes`.
    public func callAsFunction(_ request: Request, by caller: Caller, _ services: Services) throws -> Response {
        try services.admit(caller.principal, to: requirement)
        return try translatingErrors { try body(services, caller, request) }
    }
}

/// Who asks, and until when an answer is of use.
public struct Caller: Sendable {
    public var principal: Principal
    public var deadline: Deadline?
    /// What the log calls the request.
    public var requestID: String?

    public init(_ principal: Principal, deadline: Deadline? = nil) {
        self.principal = principal
        self.deadline = deadline
    }

    /// - Parameters:
    ///   - arrival: when the request came in; its time counts from there.
    ///   - timeout: seconds, at least 1; throws `.outOfRange` for 0.
    public init(_ principal: Principal, arrival: ContinuousClock.Instant, timeout: UInt64?) throws {
        if timeout == 0 { throw ServiceError.outOfRange("timeout", "value 0 invalid, must be 1 or larger") }
        self.init(principal, deadline: timeout.map { arrival + .seconds(Int(min($0, 1 << 31))) })
    }
}

/// A request about one collection.
public struct CollectionRequest<Body: Sendable>: Sendable {
    /// The collection's name, or an alias where the operation takes one.
    public var collection: String
    public var body: Body

    public init(_ collection: String, _ body: Body) {
        self.collection = collection
        self.body = body
    }
}
