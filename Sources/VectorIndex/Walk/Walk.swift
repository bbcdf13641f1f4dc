/// What a walk cost.
struct WalkCost {
    /// Slots scored.
    var scored = 0
    /// Slots expanded.
    var hops = 0
    /// Slots whose lists were read for what lies behind them.
    var bridged = 0
}

extension LevelLinks {
    /// Puts those of a list's links that are wanted and that the walk hasn't met into the scratch's batch, behind the
    /// `count` which are there, and marks them. Links to slots from `limit` on are left out. Returns the new count.
    @inline(__always)
    func gatherUnmet(
        _ list: UnsafeMutablePointer<Graph.Word>, limit: UInt32, behind count: Int = 0, _ scratch: Scratch,
        where isWanted: (UInt32) -> Bool = { _ in true }
    ) -> Int {
        let batch = scratch.batch
        let marks = scratch.marks
        let epoch = scratch.epoch
        var count = count
        for i in 0..<degree {
            let link = list[i].load(ordering: .acquiring)
            if link >= limit {
                if link == Graph.sentinel { break }
                continue
            }
            guard isWanted(link) else { continue }
            let mark = marks[Int(link)]
            marks[Int(link)] = epoch
            batch[count] = link
            count += mark == epoch ? 0 : 1
        }
        return count
    }
}

/// Greedy descent on one level: moves to the best neighbour until none is better. `rank` is that of `slot`, and both are
/// those of the place reached on return. Links to slots from `limit` on are not followed.
@inline(__always)
func descend<S: RankScorer>(
    _ scorer: S, _ links: LevelLinks, limit: UInt32, slot: inout UInt32, rank: inout UInt32, scratch: Scratch,
    cost: inout WalkCost
) {
    let batch = scratch.batch
    let ranks = scratch.ranks
    let hidden = scratch.hidden
    while true {
        let from = slot
        guard let list = links.list(from) else { return }
        var count = 0
        for i in 0..<links.degree {
            let link = list[i].load(ordering: .acquiring)
            if link >= limit {
                if link == Graph.sentinel { break }
                continue
            }
            batch[count] = link
            count += link == hidden ? 0 : 1
        }
        scorer.ranks(batch, count, ranks)
        cost.scored += count
        cost.hops += 1
        for i in 0..<count where ranks[i] < rank {
            rank = ranks[i]
            slot = batch[i]
        }
        if slot == from { return }
    }
}

/// Best-first search on one level from the candidates in `pool`, which are marked as met: expands the best unexpanded
/// candidate until the pool holds none, or for `hopLimit` hops. Links to slots from `limit` on are not followed.
///
/// What any scorer gets by default. Level 0 is walked with codes by ``tvk_walk``, which does the same.
@inline(__always)
func plainWalk<S: RankScorer>(
    _ scorer: S, _ links: LevelLinks, limit: UInt32, pool: inout CandidatePool, hopLimit: Int, scratch: Scratch,
    cost: inout WalkCost
) {
    let batch = scratch.batch
    let ranks = scratch.ranks
    var scored = 0
    var hops = 0
    while hops < hopLimit, let slot = pool.next() {
        guard let list = links.list(slot) else { continue }
        hops += 1
        let count = links.gatherUnmet(list, limit: limit, scratch)
        if count == 0 { continue }
        scorer.ranks(batch, count, ranks)
        scored += count
        var worst = pool.worstRank
        for i in 0..<count where ranks[i] <= worst {
            pool.insert(CandidatePool.key(ranks[i], batch[i]))
            worst = pool.worstRank
        }
    }
    cost.scored += scored
    cost.hops += hops
}

/// Best-first search on one level to its end, or until the search is cancelled.
@inline(__always)
func walk<S: RankScorer>(
    _ scorer: S, _ links: LevelLinks, limit: UInt32, pool: inout CandidatePool, scratch: Scratch, poll: Poll,
    cost: inout WalkCost
) {
    repeat {
        scorer.walk(links, limit: limit, pool: &pool, hopLimit: Poll.hopsBetween, scratch: scratch, cost: &cost)
    } while pool.hasNext && !poll.isCancelled
}
