import Foundation
import JSON
import SearchEngine
import TrendStore

/// Agents and their runs.
public enum AgentOperations {
    public static let states = Operation<Void, [AgentState]>(.read) { services, _, _ in
        try services.trends.agentStates()
    }

    public typealias Listing = RowListing<ExecutionFilter, ExecutionOrder>

    public static let list = Operation<Listing, RowPage<AgentExecution>>(.read) { services, _, listing in
        let page = try renaming(["offset": "skip"]) {
            try services.trends.listExecutions(
                listing.filter, listing.direction, limit: listing.limit, offset: listing.skip, after: listing.after)
        }
        return RowPage(page, total: try services.trends.countExecutions(listing.filter))
    }

    public static let get = Operation<UUID, AgentExecution>(.read) { services, _, id in
        guard let execution = try services.trends.execution(id) else {
            throw ServiceError(TrendStoreError.notFound(table: "agent_executions", id: id))
        }
        return execution
    }

    /// Notes a run of an agent that took no job.
    public static let create = Operation<AgentExecution, AgentExecution>(.work) { services, caller, execution in
        try services.trends.writeRows(deadline: caller.deadline) { try $0.createExecution(execution) }
    }

    /// What a change says; a member that is `nil` stays as it is.
    public struct Change: Sendable {
        public var output: JSONValue?
        public var status: ExecutionStatus?
        public var error: String?
        public var completedAt: Timestamp?

        public init() {}

        public func apply(to execution: inout AgentExecution) {
            if let output { execution.output = output }
            if let status { execution.status = status }
            if let error { execution.error = error }
            if let completedAt { execution.completedAt = completedAt }
        }
    }

    public static let update = Operation<RowUpdate<Change>, AgentExecution>(.work) { services, caller, update in
        try services.trends.writeRows(deadline: caller.deadline) { transaction in
            try transaction.updateExecution(update.id) { update.change.apply(to: &$0) }
        }
    }
}
