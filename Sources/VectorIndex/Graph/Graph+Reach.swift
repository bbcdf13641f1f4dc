extension Graph {
    /// How a walk for a slot ended.
    enum Reach {
        /// With the slot, or one of the same rank, in its pool.
        case found
        /// With one that is closer to the query. Where the query is the slot's own vector: with a pool full of those, so that
        /// the slot is no result of it (by dot product the longer ones win).
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
        begin(scorer, at: place, rank, limit: limit, pool: &pool, scratch: scratch, cost: &cost)
        walk(scorer, links(level: 0), limit: limit, pool: &pool, scratch: scratch, poll: .never, cost: &cost)
        var closer = 0
        for i in 0..<pool.count {
            let rank = UInt32(truncatingIfNeeded: pool.keys[i] >> 32)
            if rank == own || CandidatePool.slot(pool.keys[i]) == slot { return (.found, pool.count) }
            closer += rank < own ? 1 : 0
        }
        return (closer >= (isOwn ? ef : 1) ? .outranked : .missed, pool.count)
    }

    /// Makes a slot that a walk did not find one that walks find: those of its neighbours that the walk did find get a link
    /// to it. If there are none, the walk has missed the whole neighbourhood, and the slot becomes an entry point.
    ///
    /// - Parameters:
    ///   - found: slots in `scratch.pool`, which such a walk has left.
    ///   - mostEntries: there may be so many entry points afterwards.
    /// - Returns: `false` when there is no room for another entry point.
    func mend(_ slot: UInt32, found: Int, mostEntries: Int, scratch: Scratch) -> Bool {
        let links = links(level: 0)
        let count = links.copy(slot, to: scratch.chosen)
        var tied = 0
        for i in 0..<count where tied < Self.mostTies {
            let neighbour = scratch.chosen[i]
            guard (0..<found).contains(where: { CandidatePool.slot(scratch.pool[$0]) == neighbour }) else { continue }
            if tie(slot, to: neighbour, links) { tied += 1 }
        }
        return tied > 0 || entries.append(slot, upTo: mostEntries)
    }

    /// Neighbours that get a link to a slot which is to be found.
    private static let mostTies = 3
}
