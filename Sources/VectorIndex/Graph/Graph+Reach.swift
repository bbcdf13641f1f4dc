extension Graph {
    /// How a walk for a slot ended.
    enum Reach {
        /// With the slot in its pool.
        case found
        /// With another of the same rank. By stored rows that is as good; codes give near-copies one rank.
        case foundAlike
        /// With one that is closer to the query. Where the query is the slot's own vector: with so many of those that the slot
        /// is hardly a result of it (by dot product the longer ones win).
        case outranked
        /// With nothing as close as the slot.
        case missed
    }

    /// Walks from the entry points to level 0, as a search does that has no filter.
    ///
    /// - Parameters:
    ///   - slot: a linked slot.
    ///   - scorer: by a query that is the slot's vector (`isOwn`) or close to it.
    ///   - limit: slots below are linked.
    ///   - encoded: slots below can be scored.
    /// - Returns: how the walk ended, and the size of its pool, which is left in `scratch.pool`.
    /// - Complexity: that of a search of width `ef`.
    func finds<S: RankScorer>(
        _ slot: UInt32, _ scorer: S, isOwn: Bool, limit: UInt32, encoded: UInt32, ef: Int, scratch: Scratch
    ) -> (reach: Reach, count: Int) {
        let word = entry.load(ordering: .acquiring)
        var place = Self.entrySlot(word)
        guard word != .max, place < encoded else { return (.found, 0) }
        var cost = WalkCost()
        var itself = slot
        scorer.ranks(&itself, 1, scratch.ranks)
        let own = scratch.ranks[0]
        scorer.ranks(&place, 1, scratch.ranks)
        var rank = scratch.ranks[0]
        for level in stride(from: Self.entryLevel(word), to: 0, by: -1) {
            descend(
                scorer, links(level: level), limit: encoded, slot: &place, rank: &rank, scratch: scratch, cost: &cost)
        }
        scratch.beginWalk(Int(max(limit, place + 1)))
        scratch.ensurePool(ef)
        var pool = CandidatePool(keys: scratch.pool, capacity: ef)
        begin(
            scorer, at: place, rank, limit: limit, most: Self.mostStartsOfCheck, pool: &pool, scratch: scratch,
            cost: &cost)
        walk(scorer, links(level: 0), limit: limit, pool: &pool, scratch: scratch, poll: .never, cost: &cost)
        var closer = 0
        var isAlike = false
        for i in 0..<pool.count {
            let rank = UInt32(truncatingIfNeeded: pool.keys[i] >> 32)
            if CandidatePool.slot(pool.keys[i]) == slot { return (.found, pool.count) }
            isAlike = isAlike || rank == own
            closer += rank < own ? 1 : 0
        }
        if isAlike { return (.foundAlike, pool.count) }
        return (closer >= (isOwn ? Self.mostCloser : 1) ? .outranked : .missed, pool.count)
    }

    /// So many others may be closer to a slot's own vector before it needn't be found by it.
    private static let mostCloser = 10

    /// Makes a slot that a walk did not find one that walks find: some that the walk did find get a link to it, the slot's
    /// own neighbours first. If none of these was found, the walk has missed the whole neighbourhood, and the slot becomes an
    /// entry point.
    ///
    /// Links go where there is room, and take the place of others only where there is none anywhere: what those led to would
    /// be lost in its turn.
    ///
    /// - Parameters:
    ///   - found: slots in `scratch.pool`, which such a walk has left.
    ///   - mostEntries: there may be so many entry points afterwards.
    ///   - displaces: whether links may take the place of others.
    /// - Returns: `false` when nothing was done: there is no room for a link or for another entry point.
    func mend(_ slot: UInt32, found: Int, mostEntries: Int, displaces: Bool, scratch: Scratch) -> Bool {
        let links = links(level: 0)
        var goals = links.copy(slot, to: scratch.chosen)
        func isFound(_ goal: UInt32) -> Bool {
            (0..<found).contains { CandidatePool.slot(scratch.pool[$0]) == goal }
        }
        var near = 0
        for i in 0..<goals where isFound(scratch.chosen[i]) {
            scratch.chosen[near] = scratch.chosen[i]
            near += 1
        }
        if near == 0 { return entries.append(slot, upTo: mostEntries) }
        goals = near
        for i in 0..<min(found, Scratch.batchCapacity - near) {
            let goal = CandidatePool.slot(scratch.pool[i])
            guard goal != slot else { continue }
            scratch.chosen[goals] = goal
            goals += 1
        }
        var tied = 0
        for i in 0..<goals where tied < Self.mostTies {
            tied += append(slot, to: scratch.chosen[i], links) ? 1 : 0
        }
        guard displaces else { return tied > 0 }
        for i in 0..<near where tied < Self.mostTies && !links.contains(slot, in: scratch.chosen[i]) {
            tied += replaceLink(by: slot, in: scratch.chosen[i], links) ? 1 : 0
        }
        return tied > 0
    }

    /// Slots that get a link to one which is to be found.
    private static let mostTies = 3
}
