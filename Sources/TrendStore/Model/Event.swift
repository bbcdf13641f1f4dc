import Foundation
import JSON

/// What kind of thing happened.
public enum EventType: String, Sendable, Hashable, CaseIterable {
    case trendCreated = "trend.created"
    /// Fields of a trend were changed, or it was seen again.
    case trendUpdated = "trend.updated"
    case trendDeleted = "trend.deleted"
    /// An idea was made of a trend.
    case ideaAnalyzed = "idea.analyzed"
    case ideaUpdated = "idea.updated"
    case ideaDeleted = "idea.deleted"
    case businessCreated = "business.created"
    case businessUpdated = "business.updated"
    case businessDeleted = "business.deleted"
    /// A job was queued, claimed, went on, ended or was given back.
    case agentStatusUpdate = "agent.status_update"
}

/// A row of the log `events`: something that was committed.
public struct Event: Sendable, Hashable {
    /// Its place in the log: greater than those of all events before. There may be gaps where a change was rolled back.
    public let sequence: Int64
    public let type: EventType
    /// The row that it happened to.
    public let subject: UUID
    public let at: Timestamp
    /// The text of a JSON object: the row in short, as it was after the change.
    public let json: [UInt8]
    /// The same as a tree. Complexity: O(bytes).
    public var data: JSONValue { (try? JSONValue(parsing: json)) ?? [:] }

    package init(sequence: Int64, type: EventType, subject: UUID, at: Timestamp, json: [UInt8]) {
        self.sequence = sequence
        self.type = type
        self.subject = subject
        self.at = at
        self.json = json
    }
}

/// Which events somebody wants. An empty set demands nothing.
public struct EventFilter: Sendable, Hashable {
    public var types: Set<EventType> = []
    public var subjects: Set<UUID> = []

    public init(types: Set<EventType> = [], subjects: Set<UUID> = []) {
        self.types = types
        self.subjects = subjects
    }

    public func admits(_ event: Event) -> Bool {
        (types.isEmpty || types.contains(event.type)) && (subjects.isEmpty || subjects.contains(event.subject))
    }
}
