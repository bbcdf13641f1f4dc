import Foundation
import JSON

/// How far a business is. It may go from each to each: a paused one is launched again.
public enum BusinessStatus: String, Sendable, Hashable, CaseIterable {
    case development, launched, active, paused

    var isLaunched: Bool { self == .launched || self == .active }
}

/// A row of the table `businesses`: what was made of an idea. It stays when the idea is deleted.
///
/// Text lengths count Unicode scalars; no text may contain U+0000.
public struct Business: Sendable, Hashable, Identifiable {
    public let id: UUID
    /// A row of `ideas`; `nil` for none, or for one that was deleted.
    public var ideaID: UUID?
    /// 1…200 characters.
    public var name: String
    /// A host name in lower case, such as `example.org`, of at most 253 characters.
    public var domain: String?
    public var status: BusinessStatus
    public var revenueMonthly: Money
    /// At least 0.
    public var usersCount: Int
    public var developedAt: Timestamp?
    public var launchedAt: Timestamp?
    public var createdAt: Timestamp
    /// A JSON object of at most 1 MiB as text and at most 64 levels; its numbers are finite.
    public var metadata: JSONValue

    public init(
        id: UUID = .timeOrdered(), ideaID: UUID? = nil, name: String, domain: String? = nil,
        status: BusinessStatus = .development, revenueMonthly: Money = .zero, usersCount: Int = 0,
        developedAt: Timestamp? = nil, launchedAt: Timestamp? = nil, createdAt: Timestamp = .now,
        metadata: JSONValue = [:]
    ) {
        self.id = id
        self.ideaID = ideaID
        self.name = name
        self.domain = domain
        self.status = status
        self.revenueMonthly = revenueMonthly
        self.usersCount = usersCount
        self.developedAt = developedAt
        self.launchedAt = launchedAt
        self.createdAt = createdAt
        self.metadata = metadata
    }
}
