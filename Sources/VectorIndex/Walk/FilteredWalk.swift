/// How a filtered walk ended.
enum FilteredWalkEnd {
    /// It found what it could.
    case complete
    /// It would have cost more than it was allowed.
    case overBudget
    /// Too few of the slots that it met are admitted.
    case sparse
}

/// The candidates of a walk for admitted slots. It goes through the others too, and ends when no candidate is left that is
/// closer than the farthest of `wanted` admitted ones.
struct AdmittedPool {
    var pool: CandidatePool
    let admission: Admission
    /// Admitted slots that the pool reaches to, capacity permitting.
    let wanted: Int
    /// Admitted slots in the pool.
    var found = 0
    /// Admitted slots among those scored.
    var scored = 0

    /// - Parameter pool: empty.
    init(pool: CandidatePool, _ admission: Admission, wanted: Int) {
        self.pool = pool
        self.admission = admission
        self.wanted = wanted
    }

    /// The rank that a candidate must not exceed to be of use.
    @inline(__always)
    var worstRank: UInt32 {
        found < wanted || pool.count == 0 ? .max : UInt32(truncatingIfNeeded: pool.keys[pool.count - 1] >> 32)
    }

    @inline(__always)
    mutating func insert(_ key: UInt64) {
        if found >= wanted, key > pool.keys[pool.count - 1] { return }
        if pool.count == pool.capacity {
            if key >= pool.keys[pool.count - 1] { return }
            if admits(pool.count - 1) { found -= 1 }
        }
        pool.insert(key)
        guard admission.admits(CandidatePool.slot(key)) else { return }
        found += 1
        trim()
    }

    /// Drops what is farther than the last wanted admitted slot.
    private mutating func trim() {
        if found < wanted { return }
        var end = pool.count
        while !admits(end - 1) { end -= 1 }
        if found > wanted {
            found -= 1
            end -= 1
            while end > 0, !admits(end - 1) { end -= 1 }
        }
        pool.resume(count: end, cursor: min(pool.cursor, end))
    }

    @inline(__always)
    private func admits(_ place: Int) -> Bool { admission.admits(CandidatePool.slot(pool.keys[place])) }
}

/// What any scorer gets by default; codes are walked by ``tvk_walk``, which does the same.
@inline(__always)
func plainWalk<S: RankScorer>(
    _ scorer: S, _ links: LevelLinks, limit: UInt32, admitted: inout AdmittedPool, hopLimit: Int, scratch: Scratch,
    cost: inout WalkCost
) {
    let batch = scratch.batch
    let ranks = scratch.ranks
    var scored = 0
    var hops = 0
    while hops < hopLimit, let slot = admitted.pool.next() {
        guard let list = links.list(slot) else { continue }
        hops += 1
        let count = links.gatherUnmet(list, limit: limit, scratch)
        if count == 0 { continue }
        scorer.ranks(batch, count, ranks)
        scored += count
        for i in 0..<count {
            admitted.scored += admitted.admission.admits(batch[i]) ? 1 : 0
            if ranks[i] <= admitted.worstRank { admitted.insert(CandidatePool.key(ranks[i], batch[i])) }
        }
    }
    cost.scored += scored
    cost.hops += hops
}

/// Walks for admitted slots to the end of the walk.
///
/// - Parameters:
///   - admitted: the start, marked as met.
///   - budget: most slots to score.
///   - leastShare: below this share of admitted slots among the first few hundred met, the walk gives up.
@inline(__always)
func walkCollecting<S: RankScorer>(
    _ scorer: S, _ links: LevelLinks, limit: UInt32, admitted: inout AdmittedPool, budget: Int, leastShare: Double,
    scratch: Scratch, poll: Poll, cost: inout WalkCost
) -> FilteredWalkEnd {
    var own = WalkCost()
    defer {
        cost.scored += own.scored
        cost.hops += own.hops
    }
    let hopsBetweenChecks = 16
    repeat {
        scorer.walk(
            links, limit: limit, admitted: &admitted, hopLimit: hopsBetweenChecks, scratch: scratch, cost: &own)
        if own.scored > budget { return .overBudget }
        if own.scored >= 256, Double(admitted.scored) < leastShare * Double(own.scored) { return .sparse }
    } while admitted.pool.hasNext && !poll.isCancelled
    return .complete
}
