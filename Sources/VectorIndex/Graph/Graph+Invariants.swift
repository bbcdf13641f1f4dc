/// A broken promise of a graph or an index, found by a check.
package struct InvariantViolation: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

extension Graph {
    /// Checks the lists of slots below `count` and returns the share of `members` that walks from the entry points reach on
    /// level 0. No linker may run meanwhile.
    ///
    /// - Throws: ``InvariantViolation`` for a link out of range, to the slot itself, twice in a list or to a slot that
    ///   isn't on the list's level; for a level out of range; for an entry point that isn't on its level.
    func checkInvariants(_ count: Int, members: (UInt32) -> Bool) throws -> Double {
        var seen = Set<UInt32>()
        for slot in 0..<UInt32(count) {
            let level = level(slot)
            guard level <= Self.maximumLevel else { throw InvariantViolation("slot \(slot) is on level \(level)") }
            for at in 0...level {
                let links = links(level: at)
                guard let list = links.list(slot) else { throw InvariantViolation("slot \(slot) has no list \(at)") }
                seen.removeAll(keepingCapacity: true)
                var ended = false
                for i in 0..<links.degree {
                    let link = list[i].load(ordering: .relaxed)
                    if link == Self.sentinel {
                        ended = true
                        continue
                    }
                    if ended { throw InvariantViolation("slot \(slot) level \(at): a link after the sentinel") }
                    guard link < count else {
                        throw InvariantViolation("slot \(slot) level \(at): link \(link) ≥ \(count)")
                    }
                    guard link != slot else { throw InvariantViolation("slot \(slot) level \(at): links to itself") }
                    guard seen.insert(link).inserted else {
                        throw InvariantViolation("slot \(slot) level \(at): links twice to \(link)")
                    }
                    guard self.level(link) >= at else {
                        throw InvariantViolation(
                            "slot \(slot) level \(at): link \(link) is on level \(self.level(link))")
                    }
                }
            }
        }
        let word = entry.load(ordering: .acquiring)
        let total = (0..<UInt32(count)).reduce(0) { $0 + (members($1) ? 1 : 0) }
        guard word != .max else {
            guard total == 0 else { throw InvariantViolation("\(total) members but no entry point") }
            return 1
        }
        let start = Self.entrySlot(word)
        guard start < count, level(start) == Self.entryLevel(word) else {
            throw InvariantViolation("entry point \(start) on level \(Self.entryLevel(word))")
        }
        var reached = [Bool](repeating: false, count: count)
        var stack = [start] + entries.all.filter { $0 < count }
        for slot in stack { reached[Int(slot)] = true }
        let links = links(level: 0)
        while let slot = stack.popLast() {
            guard let list = links.list(slot) else { continue }
            for i in 0..<links.degree {
                let link = list[i].load(ordering: .relaxed)
                if link == Self.sentinel { break }
                if !reached[Int(link)] {
                    reached[Int(link)] = true
                    stack.append(link)
                }
            }
        }
        let reachedMembers = (0..<UInt32(count)).reduce(0) { $0 + (members($1) && reached[Int($1)] ? 1 : 0) }
        return total == 0 ? 1 : Double(reachedMembers) / Double(total)
    }
}
