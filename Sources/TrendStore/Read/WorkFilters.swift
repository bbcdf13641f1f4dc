import Foundation

/// How a listing of businesses is sorted; equal values by id.
public enum BusinessOrder: String, Sendable, Hashable, CaseIterable {
    case createdAt = "created_at"
    case revenueMonthly = "revenue_monthly"
}

/// Which businesses to list: those for which every given field holds. An empty set demands nothing.
public struct BusinessFilter: Sendable, Hashable {
    public var statuses: Set<BusinessStatus> = []
    public var ideaIDs: Set<UUID> = []

    public init() {}
}

extension BusinessFilter: RowFilter {
    typealias Stored = Business

    var terms: [FilterTerm] {
        var terms: [FilterTerm] = []
        if !statuses.isEmpty { terms.append(.oneOf(column: "status", statuses.map(\.rawValue).sorted())) }
        if !ideaIDs.isEmpty { terms.append(.oneOf(column: "idea_id", ideaIDs.map(\.text).sorted())) }
        return terms
    }
}

/// How a listing of jobs is sorted: by when they were made.
public enum JobOrder: String, Sendable, Hashable, CaseIterable {
    case createdAt = "created_at"
}

/// Which jobs to list.
public struct JobFilter: Sendable, Hashable {
    public var statuses: Set<JobStatus> = []
    public var types: Set<String> = []

    public init() {}
}

extension JobFilter: RowFilter {
    typealias Stored = Job

    var terms: [FilterTerm] {
        var terms: [FilterTerm] = []
        if !statuses.isEmpty { terms.append(.oneOf(column: "status", statuses.map(\.rawValue).sorted())) }
        if !types.isEmpty { terms.append(.oneOf(column: "type", types.asStored)) }
        return terms
    }
}

/// How a listing of executions is sorted: by when they began.
public enum ExecutionOrder: String, Sendable, Hashable, CaseIterable {
    case startedAt = "started_at"
}

/// Which runs of agents to list.
public struct ExecutionFilter: Sendable, Hashable {
    public var statuses: Set<ExecutionStatus> = []
    public var agentTypes: Set<String> = []
    public var jobIDs: Set<UUID> = []

    public init() {}
}

extension ExecutionFilter: RowFilter {
    typealias Stored = AgentExecution

    var terms: [FilterTerm] {
        var terms: [FilterTerm] = []
        if !statuses.isEmpty { terms.append(.oneOf(column: "status", statuses.map(\.rawValue).sorted())) }
        if !agentTypes.isEmpty { terms.append(.oneOf(column: "agent_type", agentTypes.asStored)) }
        if !jobIDs.isEmpty { terms.append(.oneOf(column: "job_id", jobIDs.map(\.text).sorted())) }
        return terms
    }
}

extension Set<String> {
    /// Keywords as rows store them, in order.
    var asStored: [String] { map(\.precomposedStringWithCanonicalMapping).sorted() }
}
