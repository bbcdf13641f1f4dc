/// How a filtered walk ended.
enum FilteredWalkEnd {
    /// It found what it could.
    case complete
    /// It would have cost more than it was allowed.
    case overBudget
    /// Too few of the slots that it met are admitted.
    case sparse
}

/// Best-first search on level 0 through all slots, collecting the admitted ones in `results`. Ends when the best
/// unexpanded candidate is farther than the worst of full results.
///
/// - Parameters:
///   - pool: the start, marked as met; admitted starts are in `results` already.
///   - budget: most slots to score.
///   - leastShare: below this share of admitted slots among the first few hundred met, the walk gives up.
@inline(__always)
func walkCollecting<S: RankScorer>(
    _ scorer: S, _ links: LevelLinks, _ admission: Admission, limit: UInt32, pool: inout CandidatePool,
    results: inout CandidatePool, budget: Int, leastShare: Double, scratch: Scratch, poll: Poll, cost: inout WalkCost
) -> FilteredWalkEnd {
    let batch = scratch.batch
    let ranks = scratch.ranks
    let marks = scratch.marks
    let epoch = scratch.epoch
    let degree = links.degree
    var scored = 0
    var admitted = 0
    var hops = 0
    var end = FilteredWalkEnd.complete
    var nextCheck = 256
    while let slot = pool.next() {
        if pool.keys[pool.cursor - 1] >> 32 > UInt64(results.worstRank) { break }
        guard let list = links.list(slot) else { continue }
        hops += 1
        var count = 0
        for i in 0..<degree {
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
            let isAdmitted = admission.admits(batch[i])
            admitted += isAdmitted ? 1 : 0
            if ranks[i] > results.worstRank { continue }
            let key = CandidatePool.key(ranks[i], batch[i])
            pool.insert(key)
            if isAdmitted { results.insert(key) }
        }
        if scored > budget {
            end = .overBudget
            break
        }
        if scored >= nextCheck {
            if Double(admitted) < leastShare * Double(scored) {
                end = .sparse
                break
            }
            nextCheck += 256
            if poll.isCancelled { break }
        }
    }
    cost.scored += scored
    cost.hops += hops
    return end
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
