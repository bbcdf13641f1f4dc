/// Best-first search on level 0 over admitted slots alone. Where few of a slot's neighbours are admitted, the neighbours
/// of those that aren't take their place, so that the admitted slots stay connected (ACORN: Patel, Kraft, Guestrin,
/// Zaharia: "ACORN: Performant and Predicate-Agnostic Search Over Vector Embeddings and Structured Data", SIGMOD 2024).
///
/// - Parameters:
///   - pool: admitted starts, and possibly one other to start from; all marked as met.
///   - budget: most that the walk may cost, in scores of a scan.
@inline(__always)
func walkTwoHop<S: RankScorer>(
    _ scorer: S, _ links: LevelLinks, _ admission: Admission, limit: UInt32, pool: inout CandidatePool, budget: Double,
    scratch: Scratch, poll: Poll, cost: inout WalkCost
) -> FilteredWalkEnd {
    var own = WalkCost()
    defer {
        cost.scored += own.scored
        cost.hops += own.hops
        cost.bridged += own.bridged
    }
    let hopsBetweenChecks = 8
    repeat {
        scorer.walkTwoHop(
            links, admission, limit: limit, pool: &pool, hopLimit: hopsBetweenChecks, scratch: scratch, cost: &own)
        if Planner.twoHopCost(scored: own.scored, bridged: own.bridged) > budget { return .overBudget }
    } while pool.hasNext && !poll.isCancelled
    return .complete
}

extension LevelLinks {
    /// Admitted slots, met before or not, that one expansion of a walk over them is content with: three quarters of a
    /// full list measured as the cheapest way to a given recall.
    var enoughAdmitted: Int { max(degree * 3 / 4, 1) }
}

/// What any scorer gets by default; codes are walked by ``tvk_walk`` and `walk_two_hop`, which do the same.
@inline(__always)
func plainTwoHopWalk<S: RankScorer>(
    _ scorer: S, _ links: LevelLinks, _ admission: Admission, limit: UInt32, pool: inout CandidatePool, hopLimit: Int,
    scratch: Scratch, cost: inout WalkCost
) {
    let batch = scratch.batch
    let ranks = scratch.ranks
    let enough = links.enoughAdmitted
    var hops = 0
    while hops < hopLimit, let slot = pool.next() {
        guard let list = links.list(slot) else { continue }
        hops += 1
        let near = sortLinks(links, list, admission, limit: limit, scratch)
        var count = near.count
        var admitted = near.admitted
        var b = 0
        while b < near.bridges, admitted < enough {
            let bridge = scratch.list[b]
            b += 1
            scratch.marks[Int(bridge)] = scratch.epoch
            guard let list = links.list(bridge) else { continue }
            cost.bridged += 1
            let before = count
            count = links.gatherUnmet(list, limit: limit, behind: count, scratch) { admission.admits($0) }
            admitted += count - before
        }
        if count == 0 { continue }
        scorer.ranks(batch, count, ranks)
        cost.scored += count
        var worst = pool.worstRank
        for i in 0..<count where ranks[i] <= worst {
            pool.insert(CandidatePool.key(ranks[i], batch[i]))
            worst = pool.worstRank
        }
    }
    cost.hops += hops
}

/// Puts the admitted links of a list that the walk hasn't met into the batch, and marks them; the others that it hasn't
/// met, which may serve as bridges, into the scratch's list. `admitted` counts those met before as well.
@inline(__always)
private func sortLinks(
    _ links: LevelLinks, _ list: UnsafeMutablePointer<Graph.Word>, _ admission: Admission, limit: UInt32,
    _ scratch: Scratch
) -> (count: Int, admitted: Int, bridges: Int) {
    let batch = scratch.batch
    let bridges = scratch.list
    let marks = scratch.marks
    let epoch = scratch.epoch
    var count = 0
    var admitted = 0
    var bridgeCount = 0
    for i in 0..<links.degree {
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
    return (count, admitted, bridgeCount)
}
