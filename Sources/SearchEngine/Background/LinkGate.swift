import Synchronization

/// Lets only so many threads link vectors at a time, as `max_indexing_threads` asks.
package final class LinkGate: Sendable {
    package init() {}

    private struct State {
        var inside = 0
        var turnedAway = false
    }

    private let state = Mutex(State())

    /// Whether the thread may link; then it leaves later. A limit of 0 is none.
    package func enter(limit: Int) -> Bool {
        state.withLock { state in
            guard limit == 0 || state.inside < limit else {
                state.turnedAway = true
                return false
            }
            state.inside += 1
            return true
        }
    }

    /// Answers whether a thread was turned away meanwhile: what it came for may be left to do.
    package func leave() -> Bool {
        state.withLock { state in
            state.inside -= 1
            defer { state.turnedAway = false }
            return state.turnedAway
        }
    }
}

extension PointCollection {
    /// The gate to a vector's graph, and how many threads it lets in: the vector's own, or the one that it shares with
    /// the other vectors of the collection.
    func linkGate(_ field: any VectorField) -> (gate: LinkGate, limit: Int) {
        let configuration = lock.read { self.configuration }
        if let own = configuration.vectors[field.name]?.hnsw?.maxIndexingThreads { return (field.linkGate, own) }
        return (linkGate, configuration.hnsw.maxIndexingThreads ?? 0)
    }
}
