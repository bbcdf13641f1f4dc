import SearchEngine
import TestSupport
import Testing

@Suite struct SlotSetTests {
    @Test(arguments: [10, 300, 5000, 100_000] as [UInt32]) func behavesAsASet(range: UInt32) {
        var generator = SeededGenerator("behavesAsASet")
        var sets = [SlotSet(), SlotSet()]
        var models: [Set<UInt32>] = [[], []]
        for step in 0..<6000 {
            let which = step % 2
            // Growing, then shrinking, so that the form changes both ways.
            let slot = UInt32.random(in: 0..<range, using: &generator)
            if generator.chance(step < 3000 ? 0.8 : 0.1) {
                sets[which].insert(slot)
                models[which].insert(slot)
            } else {
                let removed = models[which].randomElement(using: &generator) ?? slot
                sets[which].remove(removed)
                models[which].remove(removed)
            }
            #expect(sets[which].count == models[which].count)
            #expect(sets[which].contains(slot) == models[which].contains(slot))
            guard step % 500 < 2 else { continue }
            for (set, model) in zip(
                sets + [sets[0].union(sets[1]), sets[0].intersection(sets[1])],
                models + [models[0].union(models[1]), models[0].intersection(models[1])])
            {
                var slots: [UInt32] = []
                set.forEach { slots.append($0) }
                guard slots == model.sorted() else {
                    Issue.record("seed \(generator.seed), step \(step)")
                    return
                }
                for universe in [0, 1, 63, 64, 65, Int(range) / 2, Int(range), Int(range) + 100] {
                    var bits = SlotBits(universe: universe)
                    bits.formUnion(set)
                    let inside = model.filter { $0 < universe }
                    #expect(bits.count == inside.count)
                    var all = SlotBits(allOf: universe)
                    all.formIntersection(set)
                    #expect(all.words == bits.words)
                    all.complement()
                    #expect(all.count == universe - inside.count)
                }
            }
        }
    }

    @Test func becomesDenseAndSparse() {
        var set = SlotSet()
        for slot in 0..<1000 as Range<UInt32> { set.insert(slot) }
        guard case .dense = set else { return #expect(Bool(false), "a full set is dense") }
        #expect(set.allocatedBytes < 1000)
        for slot in 0..<998 as Range<UInt32> { set.remove(slot) }
        guard case .sparse(let slots) = set else { return #expect(Bool(false), "an empty set is sparse") }
        #expect(slots == [998, 999])
        set.remove(999)
        guard case .one(998) = set else { return #expect(Bool(false), "one slot needs no array") }
    }
}
