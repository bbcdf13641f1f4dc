import Quantization

// The check of linked slots: whether searches find them by their own vectors. Links are chosen to be few and diverse, and
// no choice of links alone can promise that a greedy walk arrives everywhere: a small population that came before a large one
// loses the links to it, tight clusters have none but their own. So every slot is looked for when it is linked, and what isn't
// found is mended (``Graph/mend(_:found:mostEntries:scratch:)``).
//
// The look for all slots begins when none is left to be linked. While many are being linked, an *early pass* looks for a part of
// the oldest now and then, and searches scan what hasn't been looked for where that is cheap (``ReachCheck``).
extension VectorIndex {
    /// Slots looked for at a time.
    static let checkBatch = 16
    /// A pass over all slots begins anew when so many times the slots are linked that there were at its beginning: links that
    /// were there then may be gone.
    static let recheckGrowth = 1.25
    /// An early pass looks for one of so many slots: a group that walks lose has more, and once one of it is found the
    /// others are. It costs a quarter of what a complete pass does: 2 % of the build of 100,000 rows
    /// (docs/experiments/recall-on-any-data.md).
    static let earlyStride = 4
    /// An early pass begins when so many times the slots are linked that the last pass of either kind had in front of it.
    static let earlyGrowth = 2
    /// Passes made again, at most, because the one before has mended something.
    static let mostRepeats = 3
    /// Width of the first look: most slots are found by a narrow walk, which a wide one would find as well.
    static let firstCheckWidth = 24
    /// How far the query of the first look is from the slot, of the way to another: so far that what is found depends on more
    /// than the slot's nearest copies, and so near that the slot is about the nearest all the same.
    private static let move: Float = 0.3
    /// Where queries near slots find nothing as close as these, entry points help only as long as they are few: of data
    /// without any structure there would be one for each slot.
    private static let mostEntriesByMoved = 256

    /// Linked slots that haven't been looked for since the index was a fifth smaller.
    public var uncheckedCount: Int { state.withLock { $0.links.unchecked } }

    /// Whether the linked slots have been looked for, so that a walk can be relied on to arrive at them. Until then searches
    /// scan as many as they can afford to (``IndexParameters/mostScannedUnchecked``).
    public var isChecked: Bool { state.withLock { $0.links.isChecked } }

    /// What the check of linked slots has found so far.
    public var reachability: Reachability {
        state.withLock { state in
            Reachability(
                linked: state.links.linked, checked: state.links.checked, mended: state.links.reach.mended,
                unreachable: state.links.reach.toldUnreachable, entryPoints: state.links.graph?.entries.count ?? 0)
        }
    }

    /// Looks for some linked slots again, drawn at random, and mends what isn't found. If any was not found, all slots are
    /// looked for again in the background. Any thread, without any lock of the caller's.
    ///
    /// - Returns: how many were looked for, and how many of them weren't found at first.
    /// - Complexity: that of two searches a slot.
    @discardableResult
    public func recheck(_ count: Int, using random: inout some RandomNumberGenerator) -> (looked: Int, missed: Int) {
        let linked = state.withLock { $0.links.linked }
        guard linked > 0 else { return (0, 0) }
        let slots = (0..<count).map { _ in Int.random(in: 0..<linked, using: &random) }
        let claim: CheckClaim? = state.withLock { state in
            guard state.successor == nil, let graph = state.links.graph else { return nil }
            // A graph that has taken the place of another meanwhile may have fewer slots.
            return CheckClaim(state, slots: slots.filter { $0 < state.links.linked }, of: state.links, graph)
        }
        guard let claim else { return (0, 0) }
        let missed = ScratchPool.with { look(claim, $0) }
        if missed > 0 {
            state.withLock { if $0.links.graph === claim.graph { $0.links.reach.outdate() } }
        }
        return (claim.slots.count, missed)
    }

    /// Looks for all linked live slots by their own vectors, and changes nothing. No work may go on at the same time.
    ///
    /// - Returns: how many were looked for, and how many of them a walk of the default width doesn't find.
    /// - Complexity: that of a search for each slot.
    public func unreachedSlots() -> (looked: Int, missed: Int) {
        unreachedSlots(among: Array(0..<state.withLock { min($0.links.linked, $0.published) }))
    }

    /// The same for some linked slots, dead ones left out.
    func unreachedSlots(among slots: [Int]) -> (looked: Int, missed: Int) {
        let claim: CheckClaim? = state.withLock { state in
            guard let graph = state.links.graph else { return nil }
            return CheckClaim(state, slots: slots, of: state.links, graph, mends: false)
        }
        guard let claim else { return (0, 0) }
        let missed = ScratchPool.with { scratch in
            claim.slots.count { look(for: UInt32($0), isOwn: true, claim, scratch).finding == .unreachable }
        }
        return (claim.slots.count, missed)
    }

    /// Looks for the next linked slots by their own vectors. Returns how many; 0 when all have been looked for.
    ///
    /// - Parameter pause: called after each, while no lock is held.
    func checkNext(_ scratch: Scratch, pause: () -> Void) -> Int {
        var claimed = 0
        let claim: CheckClaim? = state.withLock { state in
            guard state.isBuilt, state.rows != nil, let (slots, graph) = state.claimCheck() else { return nil }
            claimed = slots.count
            return CheckClaim(state, slots: Array(slots), of: state.links, graph, pass: .complete)
        }
        guard let claim else { return 0 }
        _ = look(claim, scratch, pause: pause)
        return claimed
    }

    /// Goes on with the early pass, if one is under way or due: looks for some of the oldest linked slots while others are
    /// still to be linked.
    ///
    /// - Parameter most: slots that are looked for; as many as have been linked meanwhile, so that linking goes on at most of
    ///   its speed.
    func checkEarly(most: Int, _ scratch: Scratch, pause: () -> Void) {
        var left = most
        while left > 0 {
            let claim: CheckClaim? = state.withLock { state in
                guard state.isBuilt, state.rows != nil else { return nil }
                let slots = state.claimEarlyCheck(most: left, first: Planner.firstEarlyCheck(parameters))
                let links = state.successor ?? state.links
                guard !slots.isEmpty, let graph = links.graph else { return nil }
                return CheckClaim(state, slots: slots, of: links, graph, pass: .early)
            }
            guard let claim else { return }
            left -= claim.claimed
            _ = look(claim, scratch, pause: pause)
        }
    }

    /// Looks for the claimed slots, and mends. Returns how many weren't found at first.
    private func look(_ claim: CheckClaim, _ scratch: Scratch, pause: () -> Void = {}) -> Int {
        var mended = 0
        var unreachable = 0
        for slot in claim.slots {
            switch check(UInt32(slot), claim, scratch) {
            case .found: break
            case .mended: mended += 1
            case .unreachable: unreachable += 1
            }
            pause()
        }
        state.withLock { state in
            state.settleCheck(
                claim.claimed, of: claim.pass, in: claim.graph, mended: mended, unreachable: unreachable)
        }
        return mended + unreachable
    }

    private enum Finding { case found, mended, unreachable }

    private struct CheckClaim {
        let slots: [Int]
        /// Slots that were claimed, dead ones among them.
        let claimed: Int
        /// `nil` for slots that were drawn at random.
        let pass: ReachCheck.Pass?
        let graph: Graph
        /// `nil` for an index without codes.
        let codes: CodeStore?
        let rows: RowMatrix
        let linked: UInt32
        let encoded: UInt32
        /// Whether what isn't found is mended.
        let mends: Bool
        /// Whether a slot that isn't found may get links in the place of others. Not in the last pass: no pass comes after it
        /// that would find what those led to.
        let displaces: Bool
        /// Slots below have been looked for by queries near them.
        let lookedNear: UInt32

        /// Of the slots the live ones; `nil` while there is nothing to look for them with.
        ///
        /// - Parameters:
        ///   - links: whose slots they are.
        ///   - graph: of these links.
        init?(
            _ state: borrowing IndexState, slots: [Int], of links: LinkProgress, _ graph: Graph,
            pass: ReachCheck.Pass? = nil, mends: Bool = true
        ) {
            guard state.isBuilt, let rows = state.rows else { return nil }
            var live: [Int] = []
            for slot in slots where state.alive.contains(slot) { live.append(slot) }
            self.slots = live
            claimed = slots.count
            self.pass = pass
            self.graph = graph
            self.mends = mends
            displaces = pass != .complete || links.reach.repeats < VectorIndex.mostRepeats
            lookedNear = pass == .complete && links.reach.repeats > 0 ? UInt32(links.reach.passLinked) : 0
            codes = state.codes
            self.rows = rows
            linked = UInt32(min(links.linked, state.published))
            encoded = UInt32(min(state.encodedCount, state.published))
        }
    }

    /// Looks for a slot by a query near it, which tells whether its neighbourhood is found from where queries come from, and
    /// unless that finds the slot itself by its own vector.
    private func check(_ slot: UInt32, _ claim: CheckClaim, _ scratch: Scratch) -> Finding {
        if slot < claim.lookedNear { return look(for: slot, isOwn: true, claim, scratch).finding }
        switch look(for: slot, isOwn: false, claim, scratch) {
        case .known(let finding): return finding
        case .alike, .outranked: return look(for: slot, isOwn: true, claim, scratch).finding
        }
    }

    private enum Look {
        case known(Finding)
        /// By another of the same rank.
        case alike
        /// Others are closer to the query.
        case outranked

        var finding: Finding { if case .known(let finding) = self { finding } else { .found } }
    }

    private func look(for slot: UInt32, isOwn: Bool, _ claim: CheckClaim, _ scratch: Scratch) -> Look {
        // Any other slot; two slots have different ones.
        let drawn = UInt32((UInt64(slot) &* 0x9E37_79B1) % UInt64(claim.linked))
        let other = drawn != slot ? drawn : (slot + 1) % claim.linked
        let goal = isOwn ? nil : other
        guard let codes = claim.codes, !parameters.scoresRows else {
            return lookByRows(for: slot, towards: goal, claim, scratch)
        }
        if codes.isClipped(slot) {
            return vector(of: slot, towards: goal, claim).withUnsafeBufferPointer { query in
                guard let query = query.baseAddress else { return .outranked }
                // As a search would be made: a query isn't clipped.
                let prepared = codes.prepare(query, reducing: true, scratch: scratch)
                return look(for: slot, prepared, isOwn, claim, scratch)
            }
        }
        let prepared = codes.prepare(slot: slot, towards: goal.map { ($0, Self.move) }, scratch: scratch)
        return look(for: slot, prepared, isOwn, claim, scratch)
    }

    private func look(
        for slot: UInt32, _ prepared: PreparedQuery, _ isOwn: Bool, _ claim: CheckClaim, _ scratch: Scratch
    ) -> Look {
        let found =
            if let scorer = prepared.termedScorer {
                look(for: slot, scorer, isOwn, claim, scratch)
            } else {
                look(for: slot, prepared.first?.scorer ?? prepared.scorer, isOwn, claim, scratch)
            }
        guard isOwn, case .alike = found else { return found }
        // A search would go on by stored rows, as codes can't tell the slot from its copies.
        return lookByRows(for: slot, towards: nil, claim, scratch)
    }

    /// By the slot's own vector, or one that is moved some way towards another slot's.
    private func lookByRows(
        for slot: UInt32, towards other: UInt32?, _ claim: CheckClaim, _ scratch: Scratch
    ) -> Look {
        vector(of: slot, towards: other, claim).withUnsafeBufferPointer { query in
            guard let query = query.baseAddress else { return .outranked }
            return withExtendedLifetime(claim.rows.owner) {
                look(for: slot, RowScorer(parameters, query, claim.rows), other == nil, claim, scratch)
            }
        }
    }

    /// A slot's row as a query, moved some way towards another slot's.
    private func vector(of slot: UInt32, towards other: UInt32?, _ claim: CheckClaim) -> [Float] {
        func read(_ slot: UInt32) -> [Float] {
            withExtendedLifetime(claim.rows.owner) {
                Array(unsafeUninitializedCapacity: parameters.dimensions) { buffer, count in
                    guard let base = buffer.baseAddress else { return }
                    parameters.readAsQuery(claim.rows.row(Int(slot)), into: base)
                    count = parameters.dimensions
                }
            }
        }
        var query = read(slot)
        guard let other else { return query }
        for (place, goal) in read(other).enumerated() { query[place] += Self.move * (goal - query[place]) }
        return query
    }

    private func look<S: RankScorer>(
        for slot: UInt32, _ scorer: S, _ isOwn: Bool, _ claim: CheckClaim, _ scratch: Scratch
    ) -> Look {
        func walk(_ ef: Int) -> (reach: Graph.Reach, count: Int) {
            claim.graph.finds(
                slot, scorer, isOwn: isOwn, limit: claim.linked, encoded: claim.encoded, ef: ef, scratch: scratch)
        }
        let width = parameters.defaultWidth(k: 1)
        let mostEntries = isOwn ? SlotList.capacity : Self.mostEntriesByMoved
        var mends = 0
        var ended = walk(Self.firstCheckWidth)
        if ended.reach == .missed { ended = walk(width) }
        while ended.reach == .missed, claim.mends, mends < 2 {
            let isMended = claim.graph.mend(
                slot, found: ended.count, mostEntries: mostEntries, displaces: claim.displaces, scratch: scratch)
            guard isMended else { break }
            mends += 1
            ended = walk(width)
        }
        if ended.reach == .missed, claim.mends, claim.graph.entries.append(slot, upTo: mostEntries) {
            mends += 1
            ended.reach = .found
        }
        switch ended.reach {
        case .found: return .known(mends > 0 ? .mended : .found)
        case .foundAlike: return mends > 0 ? .known(.mended) : .alike
        case .outranked: return mends > 0 ? .known(.mended) : .outranked
        // The point itself may be found all the same.
        case .missed: return isOwn ? .known(.unreachable) : .outranked
        }
    }
}
