import Synchronization
import TrendStore

/// How long runs of agents took, by agent type and end.
public final class ExecutionMetrics: Sendable {
    public struct Key: Hashable, Sendable {
        public var agentType: String
        public var status: ExecutionStatus
    }

    /// Clients choose the types: those beyond so many are counted together.
    private static let mostTypes = 100
    private static let otherTypes = "other"

    private struct State {
        var types: Set<String> = []
        var durations: [Key: DurationHistogram] = [:]
    }

    private let state = Mutex(State())

    func observe(_ execution: AgentExecution) {
        guard let seconds = execution.durationSeconds else { return }
        state.withLock { state in
            let isKnown = state.types.contains(execution.agentType)
            if !isKnown, state.types.count < Self.mostTypes { state.types.insert(execution.agentType) }
            let type = state.types.contains(execution.agentType) ? execution.agentType : Self.otherTypes
            let empty = DurationHistogram(
                bounds: [0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600])
            state.durations[Key(agentType: type, status: execution.status), default: empty]
                .add(.seconds(max(seconds, 0)))
        }
    }

    /// In the order of types and ends.
    public var entries: [(key: Key, durations: DurationHistogram)] {
        state.withLock { $0.durations }.sorted {
            ($0.key.agentType, $0.key.status.rawValue) < ($1.key.agentType, $1.key.status.rawValue)
        }.map { ($0.key, $0.value) }
    }
}
