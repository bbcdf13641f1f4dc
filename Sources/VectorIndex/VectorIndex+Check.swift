import Quantization

// The check of linked slots: whether searches find them by their own vectors. Links are chosen to be few and diverse, and
// no choice of links alone can promise that a greedy walk arrives everywhere: a small population that came before a large one
// loses the links to it, tight clusters have none but their own. So every slot is looked for when it is linked, and what isn't
// found is mended (``Graph/mend(_:found:mostEntries:scratch:)``).
extension VectorIndex {
    /// Slots looked for at a time.
    static let checkBatch = 16
    /// A pass over all slots begins anew when so many times the slots are linked that there were at its beginning: links that
    /// were there then may be gone.
    static let recheckGrowth = 1.25
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
    public var uncheckedCount: Int { state.withLock { $0.unchecked } }

    /// What the check of linked slots has found so far.
    public var reachability: Reachability {
        state.withLock { state in
            Reachability(
                linked: state.links.linked, checked: max(state.links.linked - state.unchecked, 0),
                mended: state.reach.mended, unreachable: state.reach.unreachable,
                entryPoints: state.links.graph?.entries.count ?? 0)
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
            return CheckClaim(state, slots: slots.filter { $0 < state.links.linked }, graph: graph)
        }
        guard let claim else { return (0, 0) }
        let missed = ScratchPool.with { look(claim, $0) }
        if missed > 0 { state.withLock { $0.reach.passLinked = 0 } }
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
            return CheckClaim(state, slots: slots, graph: graph, mends: false)
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
            guard let (slots, graph) = state.claimCheck() else { return nil }
            claimed = slots.count
            return CheckClaim(state, slots: Array(slots), graph: graph)
        }
        guard let claim else { return 0 }
        _ = look(claim, scratch, pause: pause)
        return claimed
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
        if mended > 0 || unreachable > 0 {
            state.withLock { state in
                state.reach.mended += mended
                state.reach.mendedInPass += mended
                state.reach.unreachable += unreachable
            }
        }
        return mended + unreachable
    }

    private enum Finding { case found, mended, unreachable }

    private struct CheckClaim {
        let slots: [Int]
        let graph: Graph
        /// `nil` for an index without codes.
        let codes: CodeStore?
        let rows: RowMatrix
        let linked: UInt32
        let encoded: UInt32
        /// Whether what isn't found is mended.
        let mends: Bool
        /// Slots below have been looked for by queries near them.
        let lookedNear: UInt32

        /// Of the slots the live ones; `nil` while there is nothing to look for them with.
        init?(_ state: borrowing IndexState, slots: [Int], graph: Graph, mends: Bool = true) {
            guard state.isBuilt, let rows = state.rows else { return nil }
            var live: [Int] = []
            for slot in slots where state.alive.contains(slot) { live.append(slot) }
            self.slots = live
            self.graph = graph
            self.mends = mends
            lookedNear = state.reach.repeats > 0 ? UInt32(state.reach.passLinked) : 0
            codes = state.codes
            self.rows = rows
            linked = UInt32(min(state.links.linked, state.published))
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
            guard claim.graph.mend(slot, found: ended.count, mostEntries: mostEntries, scratch: scratch) else { break }
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

/// How far the check of linked slots is, and what it has found.
struct ReachCheck {
    /// The next slot to be looked for.
    var next = 0
    /// Linked slots when this pass began.
    var passLinked = 0
    /// Times that this pass has been made again, because it mended something: what leads to one slot may have taken the
    /// place of what led to another.
    var repeats = 0
    /// Slots of this pass that were not found and now are.
    var mendedInPass = 0
    /// The same of all passes.
    var mended = 0
    /// Slots of this pass for which nothing could be done.
    var unreachable = 0
}

/// Whether searches find an index's linked slots by their own vectors, as far as that has been looked at.
public struct Reachability: Sendable, Equatable {
    /// Slots in the graph.
    public let linked: Int
    /// Those of them that have been looked for.
    public let checked: Int
    /// Slots that weren't found, and were linked anew or made entry points.
    public let mended: Int
    /// Slots that aren't found, and for which there is no room among the entry points.
    public let unreachable: Int
    /// Places where walks begin besides the one on the uppermost level.
    public let entryPoints: Int
}

extension IndexState {
    /// Slots to be looked for: those linked since the last look, or all when the index has grown much or the last pass has
    /// mended something.
    var unchecked: Int {
        guard links.graph != nil else { return 0 }
        if isOutgrown { return links.linked }
        return reach.next < links.linked ? links.linked - reach.next : wantsRepeat ? links.linked : 0
    }

    private var isOutgrown: Bool {
        Double(links.linked) > Double(reach.passLinked) * VectorIndex.recheckGrowth
    }

    private var wantsRepeat: Bool { reach.mendedInPass > 0 && reach.repeats < VectorIndex.mostRepeats }

    /// Takes the next slots to be looked for, once there is nothing to link.
    mutating func claimCheck() -> (slots: Range<Int>, graph: Graph)? {
        guard successor == nil, let graph = links.graph, links.nextSlot >= min(encodedCount, published, end),
            unchecked > 0
        else { return nil }
        if isOutgrown || reach.next >= links.linked {
            reach.repeats = isOutgrown ? 0 : reach.repeats + 1
            reach.next = 0
            reach.passLinked = links.linked
            reach.mendedInPass = 0
            reach.unreachable = 0
        }
        let slots = reach.next..<min(reach.next + VectorIndex.checkBatch, links.linked)
        reach.next = slots.upperBound
        return (slots, graph)
    }
}
