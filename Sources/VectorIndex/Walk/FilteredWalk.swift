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
    let marks = scratch.marks
    let epoch = scratch.epoch
    var scored = 0
    var hops = 0
    while hops < hopLimit, let slot = admitted.pool.next() {
        guard let list = links.list(slot) else { continue }
        hops += 1
        var count = 0
        for i in 0..<links.degree {
            let link = list[i].load(ordering: .acquiring)
            if link >= limit {
                if link == Graph.sentinel { break }
                continue
            }
            let mark = marks[Int(link)]
            marks[Int(link)] = epoch
            batch[count] = link
            count += mark == epoch ? 0 : 1
        }
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

/// Best-first search on level 0 over admitted slots alone. Where few of a slot's neighbours are admitted, the neighbours
/// of those that aren't take their place, so that the admitted slots stay connected (ACORN: Patel, Kraft, Guestrin,
/// Zaharia: "ACORN: Performant and Predicate-Agnostic Search Over Vector Embeddings and Structured Data", SIGMOD 2024).
///
/// - Parameters:
///   - pool: admitted starts, and possibly one other to start from; all marked as met.
///   - budget: most slots to score.
@inline(__always)
func walkTwoHop<S: RankScorer>(
    _ scorer: S, _ links: LevelLinks, _ admission: Admission, limit: UInt32, pool: inout CandidatePool, budget: Int,
    scratch: Scratch, poll: Poll, cost: inout WalkCost
) -> FilteredWalkEnd {
    let batch = scratch.batch
    let ranks = scratch.ranks
    let bridges = scratch.list
    let marks = scratch.marks
    let epoch = scratch.epoch
    let degree = links.degree
    /// Admitted slots, met before or not, that one expansion is content with: three quarters of a full list measured as
    /// the cheapest way to a given recall.
    let wanted = max(degree * 3 / 4, 1)
    var scored = 0
    var touched = 0
    var hops = 0
    var end = FilteredWalkEnd.complete
    while let slot = pool.next() {
        guard let list = links.list(slot) else { continue }
        hops += 1
        var count = 0
        var bridgeCount = 0
        var admitted = 0
        for i in 0..<degree {
            let link = list[i].load(ordering: .acquiring)
            if link >= limit {
                if link == Graph.sentinel { break }
                continue
            }
            let isNew = marks[Int(link)] != epoch
            if admission.admits(link) {
                admitted += 1
                batch[count] = link
                count += isNew ? 1 : 0
                marks[Int(link)] = epoch
            } else if isNew {
                // Marked once its own neighbours are looked at, not before: another slot may need it as a bridge.
                bridges[bridgeCount] = link
                bridgeCount += 1
            }
        }
        var b = 0
        while b < bridgeCount, admitted < wanted, count + degree <= Scratch.batchCapacity {
            let bridge = bridges[b]
            b += 1
            marks[Int(bridge)] = epoch
            guard let list = links.list(bridge) else { continue }
            touched += 1
            for i in 0..<degree {
                let link = list[i].load(ordering: .acquiring)
                if link >= limit {
                    if link == Graph.sentinel { break }
                    continue
                }
                if admission.admits(link) {
                    let isNew = marks[Int(link)] != epoch
                    marks[Int(link)] = epoch
                    admitted += isNew ? 1 : 0
                    batch[count] = link
                    count += isNew ? 1 : 0
                }
            }
        }
        if count == 0 { continue }
        scorer.ranks(batch, count, ranks)
        scored += count
        var worst = pool.worstRank
        for i in 0..<count where ranks[i] <= worst {
            pool.insert(CandidatePool.key(ranks[i], batch[i]))
            worst = pool.worstRank
        }
        if scored + touched / 2 > budget {
            end = .overBudget
            break
        }
        if hops & 63 == 0, poll.isCancelled { break }
    }
    cost.scored += scored
    cost.hops += hops
    return end
}
