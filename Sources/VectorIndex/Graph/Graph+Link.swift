import Synchronization

/// What linking a slot needs besides the graph.
struct LinkContext<S: RankScorer, P: PairScorer> {
    /// Scores the new slot against others.
    let scorer: S
    /// Scores any two slots.
    let pairs: P
    /// Slots from here on can't be scored.
    let limit: UInt32
    /// Width of the walk for neighbours.
    let efConstruct: Int
    let scratch: Scratch
    /// Tells apart what `pairs` can't; `nil` where those are exact.
    let finer: FinerPairs?
}

extension Graph {
    /// Links an opened slot into the graph. Any number of threads at once, each with a slot of its own.
    ///
    /// All of the slot's own lists are written before anything points at it, so whoever reaches it can go on from it.
    ///
    /// - Returns: `false` when the entry point is past the context's limit; then nothing was done.
    /// - Complexity: about `efConstruct · m` scores.
    func link<S: RankScorer, P: PairScorer>(_ slot: UInt32, level: Int, _ context: LinkContext<S, P>) -> Bool {
        var seen = entry.load(ordering: .acquiring)
        if seen == .max {
            let (won, original) = entry.compareExchange(
                expected: .max, desired: Self.entryWord(level, slot), ordering: .acquiringAndReleasing)
            if won { return true }
            seen = original
        }
        if level > Self.entryLevel(seen) {
            // Two nodes that rise above the entry point one after the other, so that the later one links to the first.
            return entryLock.withLock { _ in
                let current = entry.load(ordering: .acquiring)
                guard Self.entrySlot(current) < context.limit else { return false }
                insert(slot, level: level, entry: current, context)
                if level > Self.entryLevel(current) {
                    entry.store(Self.entryWord(level, slot), ordering: .releasing)
                }
                return true
            }
        }
        guard Self.entrySlot(seen) < context.limit else { return false }
        insert(slot, level: level, entry: seen, context)
        return true
    }

    static func entryWord(_ level: Int, _ slot: UInt32) -> UInt64 { UInt64(level) << 32 | UInt64(slot) }
    static func entryLevel(_ word: UInt64) -> Int { Int(word >> 32) }
    static func entrySlot(_ word: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: word) }

    private func insert<S: RankScorer, P: PairScorer>(
        _ slot: UInt32, level: Int, entry: UInt64, _ context: LinkContext<S, P>
    ) {
        let scratch = context.scratch
        var cost = WalkCost()
        var place = Self.entrySlot(entry)
        let top = Self.entryLevel(entry)
        context.scorer.ranks(&place, 1, scratch.ranks)
        var rank = scratch.ranks[0]
        for upper in stride(from: top, to: level, by: -1) {
            descend(
                context.scorer, links(level: upper), limit: context.limit, slot: &place, rank: &rank, scratch: scratch,
                cost: &cost)
        }
        scratch.ensurePool(context.efConstruct)
        for lower in stride(from: min(level, top), through: 0, by: -1) {
            let links = links(level: lower)
            scratch.beginWalk(Int(context.limit))
            // A slot doesn't become its own neighbour even if something points at it already.
            scratch.marks[Int(slot)] = scratch.epoch
            var pool = CandidatePool(keys: scratch.pool, capacity: context.efConstruct)
            if lower == 0 {
                begin(
                    context.scorer, at: place, rank, limit: context.limit, pool: &pool, scratch: scratch, cost: &cost)
            } else {
                scratch.marks[Int(place)] = scratch.epoch
                pool.insert(CandidatePool.key(rank, place))
            }
            walk(
                context.scorer, links, limit: context.limit, pool: &pool, scratch: scratch, poll: .never, cost: &cost)
            place = CandidatePool.slot(pool.keys[0])
            rank = UInt32(truncatingIfNeeded: pool.keys[0] >> 32)
            let count = selectNeighbours(of: slot, from: &pool, links, degree: lower == 0 ? baseDegree : m, context)
            guard let list = links.list(slot) else { continue }
            for i in 0..<count { list[i].store(scratch.chosen[i], ordering: .relaxed) }
        }
        for lower in 0...min(level, top) {
            let links = links(level: lower)
            let count = links.copy(slot, to: scratch.chosen)
            var hasWayIn = false
            for i in 0..<count {
                let isKept = addLink(from: scratch.chosen[i], to: slot, links, context)
                if isKept, scratch.chosen[i] < slot { hasWayIn = true }
            }
            if !hasWayIn, let nearest = (0..<count).first(where: { scratch.chosen[$0] < slot }) {
                giveWayIn(to: slot, below: scratch.chosen[nearest], links)
            }
        }
    }

    /// The neighbours for a new slot out of a finished walk, in `scratch.chosen`.
    private func selectNeighbours<S: RankScorer, P: PairScorer>(
        of slot: UInt32, from pool: inout CandidatePool, _ links: LevelLinks, degree: Int, _ context: LinkContext<S, P>
    ) -> Int {
        let scratch = context.scratch
        // Ranked anew, slot against slot: the walk's query may be finer than a code.
        var start = 0
        while start < pool.count {
            let size = min(pool.count - start, Scratch.batchCapacity)
            for i in 0..<size { scratch.batch[i] = CandidatePool.slot(pool.keys[start + i]) }
            context.pairs.ranks(from: slot, scratch.batch, size, scratch.ranks)
            for i in 0..<size { pool.keys[start + i] = Rank.key(scratch.ranks[i], scratch.batch[i]) }
            start += size
        }
        sortKeys(pool.keys, pool.count)
        if let finer = context.finer, !finer.agree(context.pairs, slot, pool.keys, pool.count, scratch) {
            walkByRows(from: slot, &pool, links, finer, context)
            return selectDiverse(
                of: slot, from: pool.keys, count: pool.count, degree: degree, filling: Self.filledWhenNew(degree),
                pairs: finer.rows, scratch: scratch)
        }
        return selectDiverse(
            of: slot, from: pool.keys, count: pool.count, degree: degree, filling: Self.filledWhenNew(degree),
            pairs: context.pairs, scratch: scratch)
    }

    /// Goes on by stored rows from what a walk by codes has found. Leaves sorted keys of ranks and slots in the pool.
    private func walkByRows<S: RankScorer, P: PairScorer>(
        from slot: UInt32, _ pool: inout CandidatePool, _ links: LevelLinks, _ finer: FinerPairs,
        _ context: LinkContext<S, P>
    ) {
        let scratch = context.scratch
        let scorer = finer.scorer(of: slot)
        scratch.beginWalk(Int(context.limit))
        scratch.marks[Int(slot)] = scratch.epoch
        var start = 0
        while start < pool.count {
            let size = min(pool.count - start, Scratch.batchCapacity)
            for i in 0..<size { scratch.batch[i] = Rank.slot(pool.keys[start + i]) }
            scorer.ranks(scratch.batch, size, scratch.ranks)
            for i in 0..<size {
                scratch.marks[Int(scratch.batch[i])] = scratch.epoch
                pool.keys[start + i] = CandidatePool.key(scratch.ranks[i], scratch.batch[i])
            }
            start += size
        }
        sortKeys(pool.keys, pool.count)
        pool.resume(count: pool.count, cursor: 0)
        var cost = WalkCost()
        walk(scorer, links, limit: context.limit, pool: &pool, scratch: scratch, poll: .never, cost: &cost)
        for i in 0..<pool.count {
            let key = pool.keys[i]
            pool.keys[i] = Rank.key(UInt32(truncatingIfNeeded: key >> 32), CandidatePool.slot(key))
        }
    }

    /// Adds a link under the lock of `node`; a full list is chosen anew from its links and the new one. Returns whether
    /// the new one is in the list.
    private func addLink<S: RankScorer, P: PairScorer>(
        from node: UInt32, to slot: UInt32, _ links: LevelLinks, _ context: LinkContext<S, P>
    ) -> Bool {
        guard let list = links.list(node) else { return false }
        let scratch = context.scratch
        locks.lock(node)
        var count = 0
        // Links past the limit can't be scored with these codes: they stay, and the others share the other places.
        var unscored = 0
        for i in 0..<links.degree {
            let link = list[i].load(ordering: .relaxed)
            if link == slot || link == Self.sentinel {
                if link == Self.sentinel { list[i].store(slot, ordering: .releasing) }
                locks.unlock(node)
                return true
            }
            if link < context.limit {
                scratch.list[count] = link
                count += 1
            } else {
                scratch.batch[unscored] = link
                unscored += 1
            }
        }
        if count == 0 {
            locks.unlock(node)
            return false
        }
        let degree = count
        scratch.list[count] = slot
        count += 1
        context.pairs.ranks(from: node, scratch.list, count, scratch.ranks)
        for i in 0..<count { scratch.keep[i] = Rank.key(scratch.ranks[i], scratch.list[i]) }
        sortKeys(scratch.keep, count)
        // `chosen` is the caller's list; the revised one goes to `list`.
        let chosen: Int
        let filling = Self.filledWhenRevised(degree)
        if let finer = context.finer, !finer.agree(context.pairs, node, scratch.keep, count, scratch) {
            finer.rank(from: node, scratch.keep, count, scratch)
            chosen = selectDiverse(
                of: node, from: scratch.keep, count: count, degree: degree, filling: filling, pairs: finer.rows,
                scratch: scratch, into: scratch.list)
        } else {
            chosen = selectDiverse(
                of: node, from: scratch.keep, count: count, degree: degree, filling: filling, pairs: context.pairs,
                scratch: scratch, into: scratch.list)
        }
        let homeless = scratch.batch + unscored
        let revised = keepWaysIn(
            of: node, links, keys: scratch.keep, count: count, newest: slot, list: scratch.list, kept: chosen,
            degree: degree, homeless: homeless, reliant: scratch.ranks)
        var isKept = false
        for i in 0..<revised.kept {
            list[i].store(scratch.list[i], ordering: .releasing)
            isKept = isKept || scratch.list[i] == slot
        }
        let end = revised.kept + unscored
        for i in 0..<unscored { list[revised.kept + i].store(scratch.batch[i], ordering: .releasing) }
        for i in end..<links.degree { list[i].store(Self.sentinel, ordering: .relaxed) }
        locks.unlock(node)
        // Only now: no thread holds two locks.
        for i in 0..<revised.homeless { giveWayIn(to: homeless[i], below: node, links) }
        // Of two lists that are revised at once and rely on each other, one sees here what the other did.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        for i in 0..<revised.reliant where !hasWayIn(scratch.ranks[i], besides: node, links) {
            giveWayIn(to: scratch.ranks[i], below: node, links)
        }
        return isKept
    }
}
