// Entry points: slots that walks on level 0 begin from, besides the place that the upper levels lead to.
//
// The upper levels hold one slot in m. A population of fewer may have none there that a descent passes, and so may one whose
// lists are full of its own slots. The check of linked slots (``VectorIndex/checkNext(_:pause:)``) finds such populations and makes
// a slot of each an entry point. Ordinary data need few or none.
extension Graph {
    /// Entry points that a search's walk begins from: the best few, so that it goes on from more than one population where
    /// several are about as near. With 4 one of a thousand queries of a minority met none but an island of its oldest slots.
    static let mostStarts = 16
    /// The check of linked slots begins from fewer, so that it finds what a search would find with some luck.
    static let mostStartsOfCheck = 4

    /// Calls `start` with the rank and slot of each place where a walk on level 0 begins, marked as met: where the upper
    /// levels led to, the best entry points, and what an earlier walk of the same search has found.
    @inline(__always)
    private func forEachStart<S: RankScorer>(
        _ scorer: S, at place: UInt32, _ rank: UInt32, limit: UInt32, most: Int, scratch: Scratch, cost: inout WalkCost,
        _ start: (UInt32, UInt32) -> Void
    ) {
        scratch.marks[Int(place)] = scratch.epoch
        start(rank, place)
        if entries.count == 0, scratch.startCount == 0 { return }
        for key in furtherStarts(scorer, limit: limit, most: most, scratch: scratch, cost: &cost)
        where scratch.marks[Int(Rank.slot(key))] != scratch.epoch {
            scratch.marks[Int(Rank.slot(key))] = scratch.epoch
            start(Rank.rank(key), Rank.slot(key))
        }
    }

    /// The keys of the best entry points and of the scratch's starts, all below `limit`, in `scratch.spares`.
    @inline(never)
    private func furtherStarts<S: RankScorer>(
        _ scorer: S, limit: UInt32, most: Int, scratch: Scratch, cost: inout WalkCost
    ) -> UnsafeMutableBufferPointer<UInt64> {
        let count = entries.copy(below: limit, to: scratch.batch)
        scorer.ranks(scratch.batch, count, scratch.ranks)
        var best = TopCandidates(keys: scratch.spares, capacity: most)
        for i in 0..<count { best.offer(Rank.key(scratch.ranks[i], scratch.batch[i])) }
        var end = best.sorted().count
        scorer.ranks(scratch.starts, scratch.startCount, scratch.ranks)
        for i in 0..<scratch.startCount where scratch.starts[i] < limit {
            scratch.spares[end] = Rank.key(scratch.ranks[i], scratch.starts[i])
            end += 1
        }
        cost.scored += count + scratch.startCount
        return UnsafeMutableBufferPointer(start: scratch.spares, count: end)
    }

    /// Begins a walk: puts its starts into the pool.
    ///
    /// - Parameter most: entry points among them.
    @inline(__always)
    func begin<S: RankScorer>(
        _ scorer: S, at place: UInt32, _ rank: UInt32, limit: UInt32, most: Int = mostStarts,
        pool: inout CandidatePool, scratch: Scratch, cost: inout WalkCost
    ) {
        forEachStart(scorer, at: place, rank, limit: limit, most: most, scratch: scratch, cost: &cost) {
            pool.insert(CandidatePool.key($0, $1))
        }
    }

    /// The same for a walk that collects admitted slots.
    @inline(__always)
    func begin<S: RankScorer>(
        _ scorer: S, at place: UInt32, _ rank: UInt32, limit: UInt32, admitted: inout AdmittedPool, scratch: Scratch,
        cost: inout WalkCost
    ) {
        forEachStart(
            scorer, at: place, rank, limit: limit, most: Self.mostStarts, scratch: scratch, cost: &cost
        ) {
            admitted.insert(CandidatePool.key($0, $1))
        }
    }
}
