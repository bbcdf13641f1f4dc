/// How far the check of a graph's slots is, and what it has found.
///
/// A *complete pass* looks for all slots, once none is left to be linked. An *early pass* looks for one in
/// ``VectorIndex/earlyStride`` of those that were linked at its beginning, oldest first, while others are being linked: a
/// population that came early loses the links to it to those that come later. It is never begun anew, and ends where it was
/// to end when it began, however many slots come meanwhile.
struct ReachCheck {
    enum Pass { case complete, early }

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
    /// The same of the last complete pass; `nil` before the first has ended.
    var lastUnreachable: Int?
    /// Slots that are claimed, but haven't been looked for.
    var inFlight = 0
    /// All slots below were in front of a pass that has ended, in this process or before the graph was saved.
    var covered = 0
    var early = EarlyPass()

    /// What can't be found, as far as all slots have been looked for; `nil` before that.
    var toldUnreachable: Int? { hasEnded ? unreachable : lastUnreachable }

    /// Whether the complete pass has looked for all that were linked when it began.
    private var hasEnded: Bool { passLinked > 0 && next >= passLinked && inFlight == 0 }

    /// Begins a complete pass over so many slots.
    mutating func begin(_ linked: Int, repeats: Int) {
        lastUnreachable = toldUnreachable
        self.repeats = repeats
        next = 0
        passLinked = linked
        mendedInPass = 0
        unreachable = 0
    }

    /// Has all slots looked for anew.
    mutating func outdate() {
        lastUnreachable = toldUnreachable
        passLinked = 0
    }

    mutating func claim(below linked: Int) -> Range<Int> {
        let slots = next..<min(next + VectorIndex.checkBatch, linked)
        next = slots.upperBound
        inFlight += slots.count
        return slots
    }

    /// - Parameter claimed: slots that have been looked for, the dead ones among them.
    mutating func settle(_ claimed: Int, of pass: Pass?, mended: Int, unreachable: Int) {
        self.mended += mended
        switch pass {
        case .complete:
            inFlight -= claimed
            mendedInPass += mended
            self.unreachable += unreachable
            if hasEnded { covered = max(covered, next) }
        case .early:
            if early.settle(claimed) { covered = max(covered, early.end) }
        case nil: break
        }
    }
}

/// An early pass.
struct EarlyPass {
    /// The next slot to be looked for.
    private(set) var next = 0
    /// Linked slots when this pass began.
    private(set) var end = 0
    /// Slots that have been looked for.
    private(set) var looked = 0
    private var inFlight = 0
    private var passes = 0

    /// Whether slots are left to be claimed, or haven't been looked for.
    var isUnderWay: Bool { next < end || inFlight > 0 }

    mutating func begin(_ linked: Int) {
        // Another pass looks for others.
        next = passes % VectorIndex.earlyStride
        passes += 1
        end = linked
        looked = 0
    }

    /// Takes the next slots, `most` at most; none when all are claimed.
    mutating func claim(most: Int) -> [Int] {
        let step = VectorIndex.earlyStride
        let slots = Array(stride(from: next, to: min(next + min(most, VectorIndex.checkBatch) * step, end), by: step))
        inFlight += slots.count
        next += slots.count * step
        return slots
    }

    /// Returns whether the pass has ended.
    mutating func settle(_ claimed: Int) -> Bool {
        inFlight -= claimed
        looked += claimed
        return !isUnderWay
    }
}

/// Whether searches find an index's linked slots by their own vectors, as far as that has been looked at.
public struct Reachability: Sendable, Equatable {
    /// Slots in the graph.
    public let linked: Int
    /// Those of them that have been looked for.
    public let checked: Int
    /// Slots that weren't found, and were linked anew or made entry points.
    public let mended: Int
    /// Slots that aren't found, and for which there is no room among the entry points; `nil` until all slots have been looked
    /// for once.
    public let unreachable: Int?
    /// Places where walks begin besides the one on the uppermost level.
    public let entryPoints: Int
}

extension LinkProgress {
    /// Whether walks can be relied on to arrive at the linked slots: a pass has ended that had most of them in front of it.
    var isChecked: Bool { Double(linked) <= Double(reach.covered) * VectorIndex.recheckGrowth }

    /// Slots to be looked for by the complete pass: those linked since the last look, or all when the index has grown much or
    /// the last pass has mended something.
    var unchecked: Int {
        guard graph != nil else { return 0 }
        return toClaim + (isOutgrown ? 0 : reach.inFlight)
    }

    /// Slots that have been looked for, by the complete pass or while it can't begin by the early one.
    var checked: Int { isOutgrown ? min(reach.early.looked, linked) : max(linked - unchecked, 0) }

    private var toClaim: Int {
        if isOutgrown { return linked }
        return reach.next < linked ? linked - reach.next : wantsRepeat ? linked : 0
    }

    private var isOutgrown: Bool { Double(linked) > Double(reach.passLinked) * VectorIndex.recheckGrowth }

    private var wantsRepeat: Bool { reach.mendedInPass > 0 && reach.repeats < VectorIndex.mostRepeats }

    /// Takes the next slots of the complete pass.
    mutating func claimCheck() -> (slots: Range<Int>, graph: Graph)? {
        guard let graph, toClaim > 0 else { return nil }
        if isOutgrown || reach.next >= linked {
            // What the last pass has found isn't known before its last slots have been looked for.
            guard reach.inFlight == 0 else { return nil }
            reach.begin(linked, repeats: isOutgrown ? 0 : reach.repeats + 1)
        }
        return (reach.claim(below: linked), graph)
    }

    /// Takes the next slots of the early pass, and begins one when it is due.
    ///
    /// - Parameter first: slots that are linked when the first one begins.
    mutating func claimEarlyCheck(most: Int, first: Int) -> [Int] {
        guard graph != nil else { return [] }
        // What a complete pass has looked for meanwhile needn't be looked for again.
        if !reach.early.isUnderWay || reach.early.end <= reach.covered {
            guard linked >= max(first, VectorIndex.earlyGrowth * reach.covered, 1) else { return [] }
            reach.early.begin(linked)
        }
        return reach.early.claim(most: most)
    }
}

extension IndexState {
    private var linkable: Int { min(encodedCount, published, end) }

    /// Takes the next slots to be looked for, once there is nothing to link.
    mutating func claimCheck() -> (slots: Range<Int>, graph: Graph)? {
        guard successor == nil, links.nextSlot >= linkable else { return nil }
        return links.claimCheck()
    }

    /// Takes some of the oldest slots of the graph that is being linked.
    mutating func claimEarlyCheck(most: Int, first: Int) -> [Int] {
        if successor != nil { return successor?.claimEarlyCheck(most: most, first: first) ?? [] }
        guard links.nextSlot < linkable else { return [] }
        return links.claimEarlyCheck(most: most, first: first)
    }

    /// Says that claimed slots of a graph have been looked for. One that has been replaced meanwhile doesn't count.
    mutating func settleCheck(
        _ claimed: Int, of pass: ReachCheck.Pass?, in graph: Graph, mended: Int, unreachable: Int
    ) {
        if links.graph === graph {
            links.reach.settle(claimed, of: pass, mended: mended, unreachable: unreachable)
        } else if successor?.graph === graph {
            successor?.reach.settle(claimed, of: pass, mended: mended, unreachable: unreachable)
        }
    }
}
