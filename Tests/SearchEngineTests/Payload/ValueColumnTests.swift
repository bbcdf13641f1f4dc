import SearchEngine
import TestSupport
import Testing

/// Values by slot against a plain set of what was put in and taken out.
@Suite struct ValueColumnTests {
    @Test(arguments: [1, 3, 40]) func isASetOfEntries(keys: Int64) {
        var random = SeededGenerator("\(#function) \(keys)")
        var column = ValueColumn()
        var expected: [SortedSlots.Entry] = []
        for step in 0..<6_000 {
            // Some slots lie in pieces of their own.
            let slot = UInt32.random(in: 0..<200, using: &random) * (step % 50 == 0 ? 997 : 1)
            let entry = SortedSlots.Entry(
                key: Int64.random(in: 0..<keys, using: &random), tag: Int32.random(in: 0..<2, using: &random) * .max,
                slot: slot)
            if Int.random(in: 0..<5, using: &random) < 3 {
                column.insert(entry)
                if !expected.contains(entry) { expected.append(entry) }
            } else {
                column.remove(entry)
                if let place = expected.firstIndex(of: entry) { expected.remove(at: place) }
            }
            if step % 500 == 0 || step > 5_990 {
                for slot in Set(expected.map(\.slot) + [0, 5_000_000, .max]) {
                    var found: [SortedSlots.Entry] = []
                    column.forEach(slot) { found.append($0) }
                    #expect(
                        found.sorted() == expected.filter { $0.slot == slot }.sorted(), "TRENDEX_SEED=\(random.seed)")
                }
            }
        }
        #expect(column.allocatedBytes > 0)
    }

    /// About as much as it says: 8 bytes a value, tags and several values aside.
    @Test func oneValueTakesEightBytes() {
        var column = ValueColumn()
        for slot in 0..<UInt32(100_000) { column.insert(.init(key: Int64(slot), tag: 7, slot: slot)) }
        #expect((800_000..<900_000).contains(column.allocatedBytes))
    }

    /// A point may have any number of values, which come and go in any order: no step looks at all of them.
    @Test func manyValuesOfOneSlot() {
        var column = ValueColumn()
        let count: Int64 = 300_000
        for key in 0..<count { column.insert(.init(key: key, tag: 0, slot: 5)) }
        for key in 0..<count - 1 { column.remove(.init(key: key, tag: 0, slot: 5)) }
        var left: [Int64] = []
        column.forEach(5) { left.append($0.key) }
        #expect(left == [count - 1])
    }
}
