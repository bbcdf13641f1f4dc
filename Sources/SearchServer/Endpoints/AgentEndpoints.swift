import Foundation
import JSON
import NIOHTTP1
import SearchEngine
import Services
import TrendStore

/// Agents in the trend API, `/api/v1/agents`.
extension Endpoints {
    static let agents: [Endpoint] = [
        .trends(.GET, "agents/status", AgentOperations.states) {
            try requireNoParameters($0)
        } reply: { states, _ in
            .success { writer in
                writer.object { writer in
                    for state in states {
                        writer.key(state.agentType)
                        writer.writeMembers(state)
                    }
                }
            }
        },
        .trends(.POST, "agents/run", JobOperations.enqueue) { call in
            try decodeBody(call.body) { try $0.readNewJob(call, type: "agent_type") }
        } reply: { enqueued, _ in
            queuedReply(enqueued)
        },
        .trends(.GET, "agents/executions", AgentOperations.list) { call in
            var parameters = TrendParameters(call.query)
            var listing = AgentOperations.Listing(ExecutionFilter(), by: .startedAt)
            if let status: ExecutionStatus = parameters.member("status") { listing.filter.statuses = [status] }
            if let type = parameters.text("agent_type") { listing.filter.agentTypes = [type] }
            if let job = parameters.id("job") { listing.filter.jobIDs = [job] }
            return try parameters.finish(listing)
        } reply: { page, listing in
            listReply(page, listing) { $1.write($0) }
        },
        .trends(.POST, "agents/executions", AgentOperations.create) {
            try decodeBody($0.body) { try $0.readNewExecution() }
        } reply: { execution, _ in
            .success(status: .created) { $0.write(execution) }
        },
        .trends(.GET, "agents/executions/{id}", AgentOperations.get) {
            try rowIDAlone($0)
        } reply: { execution, _ in
            .success { $0.write(execution) }
        },
        .trends(.PATCH, "agents/executions/{id}", AgentOperations.update) { call in
            .init(id: try rowID(call), change: try decodeBody(call.body) { try $0.readExecutionChange() })
        } reply: { execution, _ in
            .success { $0.write(execution) }
        },
    ]
}
