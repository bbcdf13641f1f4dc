import Synchronization

/// Work that the index did for a query, on average: scores of walk and scan, and nodes expanded.
struct Effort: Sendable {
    var scored: Double
    var hops: Double
}

/// Adds up what searches report, from any thread.
final class EffortCounter: Sendable {
    private let scored = Atomic<Int>(0)
    private let hops = Atomic<Int>(0)

    func add(scored: Int, hops: Int) {
        self.scored.add(scored, ordering: .relaxed)
        self.hops.add(hops, ordering: .relaxed)
    }

    func effort(queries: Int) -> Effort {
        Effort(
            scored: Double(scored.load(ordering: .relaxed)) / Double(max(queries, 1)),
            hops: Double(hops.load(ordering: .relaxed)) / Double(max(queries, 1)))
    }
}
