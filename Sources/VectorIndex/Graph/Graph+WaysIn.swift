import Synchronization

// Every slot but the first keeps a link from an earlier one on each of its levels, its *way in*, whatever the choice of
// diverse neighbours says. By induction all slots then hang together, and so do the first n of them, which is what a file
// may hold and what searches see while later slots are being linked.
extension Graph {
    /// Steps down from a full list before one of its links is overwritten.
    private static let mostStepsDown = 32
    /// Times that a link which made place is given another one.
    private static let mostRounds = 4

    /// Whether an earlier slot other than `node` links to `slot`. Only slots that it links to itself are asked, so `false`
    /// may be wrong; then a link is kept that isn't needed. O(degree²) words, usually a few lists.
    func hasWayIn(_ slot: UInt32, besides node: UInt32, _ links: LevelLinks) -> Bool {
        guard let list = links.list(slot) else { return false }
        for i in 0..<links.degree {
            let other = list[i].load(ordering: .acquiring)
            if other == Self.sentinel { return false }
            if other < slot, other != node, links.contains(slot, in: other) { return true }
        }
        return false
    }

    /// Gives `slot` a link from `node` or, where that list is full, from a slot below it: one that came after it and is
    /// reached through such lists. If all of them are full, a link of `node` that isn't a way in makes place.
    func giveWayIn(to slot: UInt32, below node: UInt32, _ links: LevelLinks, round: Int = 0) {
        var holder = node
        for _ in 0..<Self.mostStepsDown {
            if append(slot, to: holder, links) { return }
            guard let next = child(of: holder, before: slot, links) else { break }
            holder = next
        }
        _ = replaceLink(by: slot, in: node, links, round: round)
    }

    /// Puts a link to `slot` in the place of one of `node` that isn't a way in. Returns whether `node` links to `slot` now.
    package func replaceLink(by slot: UInt32, in node: UInt32, _ links: LevelLinks, round: Int = 0) -> Bool {
        let (isLinked, evicted) = overwrite(with: slot, in: node, links)
        guard let evicted, evicted > node, round < Self.mostRounds else { return isLinked }
        // Its other way in may have been dropped at the same time, by one who relied on this list.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if !hasWayIn(evicted, besides: node, links) {
            giveWayIn(to: evicted, below: node, links, round: round + 1)
        }
        return true
    }

    /// Adds a link where there is room; `false` where there isn't.
    package func append(_ slot: UInt32, to node: UInt32, _ links: LevelLinks) -> Bool {
        guard let list = links.list(node) else { return false }
        locks.lock(node)
        defer { locks.unlock(node) }
        return add(slot, to: list, links.degree)
    }

    /// Adds a link to a list whose lock is held. Returns whether it is in the list: `false` where that is full of others.
    private func add(_ slot: UInt32, to list: UnsafeMutablePointer<Word>, _ degree: Int) -> Bool {
        for i in 0..<degree {
            let link = list[i].load(ordering: .relaxed)
            if link == slot { return true }
            if link == Self.sentinel {
                list[i].store(slot, ordering: .releasing)
                return true
            }
        }
        return false
    }

    /// A link of `node` to a slot after it and before `slot`. Different slots get different ones, so that the lists
    /// below a node fill evenly.
    private func child(of node: UInt32, before slot: UInt32, _ links: LevelLinks) -> UInt32? {
        guard let list = links.list(node) else { return nil }
        let first = Int((slot &* 0x9E37_79B1) >> 16) % links.degree
        for i in 0..<links.degree {
            let link = list[(first + i) % links.degree].load(ordering: .acquiring)
            if link > node, link < slot { return link }
        }
        return nil
    }

    /// Puts the link where there is room, or else in the place of the last one that isn't the way in of its slot, and
    /// returns that one. A link that is there already stays alone: another thread may have added it since the caller looked.
    private func overwrite(
        with slot: UInt32, in node: UInt32, _ links: LevelLinks
    ) -> (isLinked: Bool, evicted: UInt32?) {
        guard let list = links.list(node) else { return (false, nil) }
        locks.lock(node)
        defer { locks.unlock(node) }
        if add(slot, to: list, links.degree) { return (true, nil) }
        for i in stride(from: links.degree - 1, through: 0, by: -1) {
            let link = list[i].load(ordering: .relaxed)
            if link < node || hasWayIn(link, besides: node, links) {
                list[i].store(slot, ordering: .releasing)
                return (true, link)
            }
        }
        return (false, nil)
    }

    /// Puts the slots that would lose their way in back into the revised list of `node`, as far as half of the list
    /// stays with the chosen ones: the farthest of those that nobody needs give way.
    ///
    /// - Parameters:
    ///   - keys: all candidates of the revision, best first.
    ///   - list: the chosen ones, in the same order; room for `degree`.
    ///   - slot: the new one, about which the caller looks itself.
    ///   - homeless: room for `degree`; gets those for which there was no room.
    ///   - reliant: room for `degree + 1`; gets those that were left out because they have another way in. Its holder may
    ///     rely on this list in turn and be revised at the same time, so they are to be looked at again afterwards.
    /// - Returns: how many slots each of the three holds.
    func keepWaysIn(
        of node: UInt32, _ links: LevelLinks, keys: UnsafePointer<UInt64>, count: Int, newest slot: UInt32,
        list: UnsafeMutablePointer<UInt32>, kept: Int, degree: Int, homeless: UnsafeMutablePointer<UInt32>,
        reliant: UnsafeMutablePointer<UInt32>
    ) -> (kept: Int, homeless: Int, reliant: Int) {
        var dropped = 0
        var relying = 0
        var next = 0
        for i in 0..<count {
            let candidate = Rank.slot(keys[i])
            if next < kept, list[next] == candidate {
                next += 1
            } else if candidate > node, candidate != slot {
                if hasWayIn(candidate, besides: node, links) {
                    reliant[relying] = candidate
                    relying += 1
                } else {
                    homeless[dropped] = candidate
                    dropped += 1
                }
            }
        }
        var kept = kept
        var last = kept - 1
        while dropped > degree - kept, kept > degree / 2, last >= 0 {
            let link = list[last]
            if link < node || link == slot || hasWayIn(link, besides: node, links) {
                (list + last).update(from: list + last + 1, count: kept - last - 1)
                kept -= 1
                if link > node, link != slot {
                    reliant[relying] = link
                    relying += 1
                }
            }
            last -= 1
        }
        let placed = min(dropped, degree - kept)
        (list + kept).update(from: homeless, count: placed)
        homeless.update(from: homeless + placed, count: dropped - placed)
        return (kept + placed, dropped - placed, relying)
    }
}

extension LevelLinks {
    /// Whether the list of `node` has a link to `slot`.
    func contains(_ slot: UInt32, in node: UInt32) -> Bool {
        guard let list = list(node) else { return false }
        for i in 0..<degree {
            let link = list[i].load(ordering: .acquiring)
            if link == slot { return true }
            if link == Graph.sentinel { return false }
        }
        return false
    }
}
