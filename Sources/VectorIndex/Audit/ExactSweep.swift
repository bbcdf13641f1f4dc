import Quantization

/// The exact best of an index for one query, gathered piece by piece: a scan of a large index in one go would hold the lock that
/// writers wait for, and behind them other searches, for tens of milliseconds.
///
/// Slots never change, so pieces that are scanned at different times fit together. Slots that are published after the
/// sweep has begun are left out; slots that are removed meanwhile may be among the best.
public struct ExactSweep {
    public let k: Int
    /// The next slot to be scored.
    private(set) var next = 0
    /// Slots there were at the beginning; `nil` before the first piece.
    private(set) var end: Int?
    /// Ranks and slots of the best so far, sorted.
    private(set) var best: [UInt64] = []

    /// - Parameter k: at least 1.
    public init(k: Int) {
        precondition(k >= 1)
        self.k = k
    }

    /// Whether all slots have been scored.
    public var isDone: Bool { end.map { next >= $0 } ?? false }

    /// The best so far, best first.
    public var hits: [Hit] { best.map { Hit(slot: Rank.slot($0), score: Rank.score(Rank.rank($0))) } }

    fileprivate mutating func begin(_ published: Int) { if end == nil { end = published } }

    fileprivate mutating func add(_ found: UnsafeMutableBufferPointer<UInt64>, upTo slot: Int) {
        best = Array((best + found).sorted().prefix(k))
        next = slot
    }
}

extension VectorIndex {
    /// Scores the next `slots` slots of a sweep by their stored rows. The index may change between two
    /// calls.
    ///
    /// - Parameters:
    ///   - query: `dimensions` elements, normalised by the caller where the metric is cosine; the same in each call.
    ///   - allowed: as for ``search(_:_:allowed:)``; the same in each call.
    /// - Complexity: O(slots · dimensions).
    public func advance(
        _ sweep: inout ExactSweep, _ query: UnsafeBufferPointer<Float>, slots: Int, allowed: SlotBitmap? = nil
    ) {
        precondition(query.count == parameters.dimensions, "a query of \(query.count) elements")
        let view = view()
        sweep.begin(view?.published ?? 0)
        guard let view, let base = query.baseAddress, let end = sweep.end, !sweep.isDone else { return }
        let goal = min(sweep.next + max(slots, 1), end)
        ScratchPool.with { scratch in
            let candidates = SearchCandidates(view, allowed: allowed)
            withExtendedLifetime(candidates) {
                scratch.ensureResults(TopCandidates.room(sweep.k))
                var top = TopCandidates(keys: scratch.results, capacity: sweep.k)
                _ = scan(
                    RowScorer(parameters, base, view.rows), candidates.admission, from: sweep.next, to: goal,
                    isDense: false,
                    top: &top, scratch: scratch, poll: .never)
                sweep.add(top.sorted(), upTo: goal)
            }
        }
    }

    /// Live slots drawn at random, with repetition; empty when there are none.
    public func randomLiveSlots(_ count: Int, using random: inout some RandomNumberGenerator) -> [UInt32] {
        guard let view = view(), view.liveCount > 0, count > 0 else { return [] }
        return withExtendedLifetime(view) {
            let admission = Admission(words: view.alive, count: view.liveCount)
            var slots: [UInt32] = []
            // Compactions keep most slots live; while one is awaited, a sparser index gets fewer.
            for _ in 0..<20 * count where slots.count < count {
                let slot = UInt32.random(in: 0..<UInt32(view.published), using: &random)
                if admission.admits(slot) { slots.append(slot) }
            }
            return slots
        }
    }
}
