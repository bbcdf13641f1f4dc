import OpenAI
import Synchronization

/// Counts requests to models of services: how many, how long and how dear, by model. Models come from the configuration, so that
/// there are few.
public final class ModelCallMetrics: CallObserver, Sendable {
    public struct Entry: Sendable {
        public var calls: [OpenAICall.Status: Int] = [:]
        public var dollars = 0.0
        public var durations = DurationHistogram(bounds: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300])
    }

    private let state: Mutex<[String: Entry]>

    /// - Parameter models: have an entry before their first call, so that an increase from 0 shows.
    public init(models: Set<String>) {
        state = Mutex(Dictionary(uniqueKeysWithValues: models.map { ($0, Entry()) }))
    }

    public func observe(_ call: OpenAICall) {
        state.withLock { entries in
            entries[call.model, default: Entry()].calls[call.status, default: 0] += 1
            entries[call.model, default: Entry()].dollars += call.dollars
            entries[call.model, default: Entry()].durations.add(call.duration)
        }
    }

    /// By model, in the order of their names.
    public var entries: [(model: String, entry: Entry)] {
        state.withLock { $0.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
    }
}
