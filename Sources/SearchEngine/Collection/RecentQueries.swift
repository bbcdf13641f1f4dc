import Quantization
import Synchronization

/// A sample of the query vectors that searches of one vector have asked for lately, kept in memory alone. An audit measures
/// what searches find by them.
///
/// Every sixteenth query is noted; once the sample is full, each takes the place of one drawn at random. So the sample's
/// age has an exponential distribution: half of 256 queries come from the latest 2,800 searches.
package final class RecentQueries: Sendable {
    private static let noteEvery = 16
    /// Queries in the sample at most.
    package static let capacity = 256
    /// Bytes of query vectors at most: of more than 4,096 dimensions there are fewer, but no fewer than 16.
    private static let mostBytes = 4 << 20
    private static let leastCapacity = 16

    private struct State {
        /// All of one length.
        var vectors: [[Float]] = []
        /// Queries noted so far, those that others have replaced included.
        var noted = 0
        var random: RandomSource
    }

    private let searches = Atomic(0)
    private let state: Mutex<State>

    /// - Parameter seed: of the choice of queries that others replace.
    package init(seed: UInt64) { state = Mutex(State(random: RandomSource(seed: seed))) }

    /// Counts a query, and notes every sixteenth. Never waits: while another thread has the sample, the query is left out.
    ///
    /// - Parameter query: `dimensions` elements, as the index is searched with.
    package func note(_ query: [Float]) {
        guard searches.wrappingAdd(1, ordering: .relaxed).oldValue % Self.noteEvery == 0 else { return }
        state.withLockIfAvailable { state in
            let capacity = max(
                Self.leastCapacity, min(Self.capacity, Self.mostBytes / (max(query.count, 1) * 4)))
            state.noted += 1
            if state.vectors.count < capacity {
                state.vectors.append(query)
            } else {
                state.vectors[Int(state.random.below(UInt64(capacity)))] = query
            }
        }
    }

    /// Queries noted so far, those that others have replaced included.
    package var noted: Int { state.withLock { $0.noted } }

    /// Up to `count` of the sample, drawn at random without repetition.
    package func sample(_ count: Int, using random: inout some RandomNumberGenerator) -> [[Float]] {
        // The arrays are shared, not copied.
        let all = state.withLock { $0.vectors }
        return Array(all.shuffled(using: &random).prefix(max(count, 0)))
    }
}
