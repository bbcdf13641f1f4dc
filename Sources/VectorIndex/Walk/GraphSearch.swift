/// Searches the graph for one query by a chosen plan.
struct GraphSearch {
    let graph: Graph
    let entry: UInt64
    /// Slots below are linked: candidates.
    let limit: UInt32
    /// Slots below can be scored: upper levels may lead through them.
    let encoded: UInt32
    let admission: Admission
    /// Admitted slots below `limit`.
    let admitted: Int
    let ef: Int
    /// Fewer finds than this surely call for a scan.
    let wanted: Int
    /// Walks may cost more than scanning would.
    let isUnbounded: Bool
    let scratch: Scratch
    let poll: Poll

    /// Admitted slots that a two-hop walk is seeded from.
    private static let seedCount = 48
    /// Below this share of admitted slots on its way, a collecting walk gives way to two hops.
    private static let leastShare = 0.35
    /// Lists that tell what share is admitted around the place nearest to the query.
    private static let listsNearby = 16

    /// Offers what it finds to `top` and says what was done; `.graphThenScan` asks the caller to scan instead.
    func run<S: RankScorer, C: CandidateSink>(
        _ scorer: S, _ plan: Planner.Choice, isAllAdmitted: Bool, top: inout C, cost: inout WalkCost
    ) -> SearchMethod {
        var slot = Graph.entrySlot(entry)
        guard slot < encoded else { return .graphThenScan }
        scorer.ranks(&slot, 1, scratch.ranks)
        var rank = scratch.ranks[0]
        cost.scored += 1
        for level in stride(from: Graph.entryLevel(entry), to: 0, by: -1) {
            descend(
                scorer, graph.links(level: level), limit: encoded, slot: &slot, rank: &rank, scratch: scratch,
                cost: &cost)
        }
        if isAllAdmitted {
            let found = plainWalk(scorer, slot, rank, top: &top, cost: &cost)
            return isEnough(found) ? .graph : .graphThenScan
        }
        let share = Double(admitted) / Double(limit)
        var shareNearby = share
        if plan == .walk {
            let (end, found, shareMet) = collectingWalk(scorer, slot, rank, top: &top, cost: &cost)
            switch end {
            case .complete: return isEnough(found) ? .graphFiltered : .graphThenScan
            case .overBudget: return .graphThenScan
            case .sparse: shareNearby = shareMet
            }
        } else if prefersScan(share: share, shareNearby: 0) {
            shareNearby = admittedShare(around: slot, &cost)
        }
        if prefersScan(share: share, shareNearby: shareNearby) { return .graphThenScan }
        let (end, found) = twoHopWalk(scorer, slot, rank, top: &top, cost: &cost)
        return end == .complete && isEnough(found) ? .graphTwoHop : .graphThenScan
    }

    /// A walk that ends with room left in its pool has seen all that is connected to where it began, and what is not may
    /// be closer. One place may have gone to a start that isn't admitted.
    private func isEnough(_ found: Int) -> Bool { found >= min(max(wanted, ef - 1), admitted) }

    private func plainWalk<S: RankScorer, C: CandidateSink>(
        _ scorer: S, _ slot: UInt32, _ rank: UInt32, top: inout C, cost: inout WalkCost
    ) -> Int {
        scratch.beginWalk(markCount(slot))
        scratch.ensurePool(ef)
        var pool = CandidatePool(keys: scratch.pool, capacity: ef)
        graph.begin(scorer, at: slot, rank, limit: limit, pool: &pool, scratch: scratch, cost: &cost)
        walk(
            scorer, graph.links(level: 0), limit: limit, pool: &pool, scratch: scratch, poll: poll, cost: &cost)
        return offer(pool, to: &top)
    }

    private func collectingWalk<S: RankScorer, C: CandidateSink>(
        _ scorer: S, _ slot: UInt32, _ rank: UInt32, top: inout C, cost: inout WalkCost
    ) -> (end: FilteredWalkEnd, found: Int, shareNearby: Double) {
        // Room for what isn't admitted; candidates past it are far from being expanded.
        let capacity = 4 * ef + 64
        scratch.beginWalk(markCount(slot))
        scratch.ensurePool(capacity)
        var admitted = AdmittedPool(
            pool: CandidatePool(keys: scratch.pool, capacity: capacity), admission, wanted: ef)
        graph.begin(scorer, at: slot, rank, limit: limit, admitted: &admitted, scratch: scratch, cost: &cost)
        let scoredBefore = cost.scored
        let end = walkCollecting(
            scorer, graph.links(level: 0), limit: limit, admitted: &admitted,
            budget: budget(Planner.collectedScoreCost),
            leastShare: Self.leastShare, scratch: scratch, poll: poll, cost: &cost)
        let share = Double(admitted.scored) / Double(max(cost.scored - scoredBefore, 1))
        return (end, end == .complete ? offer(admitted.pool, to: &top) : 0, share)
    }

    private func twoHopWalk<S: RankScorer, C: CandidateSink>(
        _ scorer: S, _ slot: UInt32, _ rank: UInt32, top: inout C, cost: inout WalkCost
    ) -> (end: FilteredWalkEnd, found: Int) {
        scratch.beginWalk(markCount(slot))
        // Places more for starts that aren't admitted.
        let capacity = ef + 1 + (graph.entries.count > 0 ? Graph.mostStarts : 0) + scratch.startCount
        scratch.ensurePool(capacity)
        var pool = CandidatePool(keys: scratch.pool, capacity: capacity)
        // The places nearest to the query, though they may not be admitted.
        graph.begin(scorer, at: slot, rank, limit: limit, pool: &pool, scratch: scratch, cost: &cost)
        let seeds = admission.sample(Self.seedCount, below: Int(limit), to: scratch.batch)
        scorer.ranks(scratch.batch, seeds, scratch.ranks)
        cost.scored += seeds
        for i in 0..<seeds where scratch.marks[Int(scratch.batch[i])] != scratch.epoch {
            scratch.marks[Int(scratch.batch[i])] = scratch.epoch
            pool.insert(CandidatePool.key(scratch.ranks[i], scratch.batch[i]))
        }
        let end = walkTwoHop(
            scorer, graph.links(level: 0), admission, limit: limit, pool: &pool,
            budget: isUnbounded ? .infinity : Double(admitted), scratch: scratch, poll: poll, cost: &cost)
        return (end, end == .complete ? offer(pool, to: &top) : 0)
    }

    /// Whether to scan the admitted slots in place of a walk over them alone.
    private func prefersScan(share: Double, shareNearby: Double) -> Bool {
        !isUnbounded && Double(admitted) <= Planner.scanLimit(ef: ef, share: share, shareNearby: shareNearby)
    }

    /// The share of admitted ones among the slots that are two links away from this one, by a few hundred of them: rather
    /// too large, so that where few are admitted anywhere it isn't chance that tells them to be far.
    private func admittedShare(around slot: UInt32, _ cost: inout WalkCost) -> Double {
        let links = graph.links(level: 0)
        let near = links.copy(slot, to: scratch.list)
        var seen = 0
        var admitted = 0
        for i in 0..<min(near, Self.listsNearby) where scratch.list[i] < limit {
            let count = links.copy(scratch.list[i], to: scratch.batch)
            cost.bridged += 1
            for j in 0..<count where scratch.batch[j] < limit && scratch.batch[j] != slot {
                seen += 1
                admitted += admission.admits(scratch.batch[j]) ? 1 : 0
            }
        }
        return Double(admitted + 3) / Double(max(seen, 1))
    }

    private func budget(_ scoreCost: Double) -> Int {
        isUnbounded ? .max : Planner.budget(admitted: admitted, scoreCost: scoreCost)
    }

    /// Marks are needed for the linked slots and for the start, which may be newer.
    private func markCount(_ slot: UInt32) -> Int { Int(max(limit, slot + 1)) }

    /// Offers the pool's best admitted slots, as many as `top` keeps. Returns how many the pool has. The start may be
    /// neither linked nor admitted.
    private func offer<C: CandidateSink>(_ pool: CandidatePool, to top: inout C) -> Int {
        var found = 0
        for i in 0..<pool.count {
            let slot = CandidatePool.slot(pool.keys[i])
            if slot < limit, admission.admits(slot) {
                if found < top.capacity { top.offer(Rank.key(UInt32(truncatingIfNeeded: pool.keys[i] >> 32), slot)) }
                found += 1
            }
        }
        return found
    }
}
