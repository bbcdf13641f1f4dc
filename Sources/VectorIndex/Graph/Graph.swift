import Synchronization

/// The links of a hierarchical navigable small world graph (Malkov, Yashunin: "Efficient and robust approximate nearest
/// neighbor search using hierarchical navigable small world graphs", TPAMI 2020) over slots. It stores links only;
/// scores come from a scorer.
///
/// Level 0 has one block a slot of 2m links, rounded up to 64 bytes: two aligned cache lines at m = 16. A list that is
/// not full ends with a sentinel. The few slots with upper levels have a block of `1 + level·m` words in a second
/// region: their level, then m links for each level from 1 up.
///
/// Linkers change lists under per-node locks; walks read without any lock. A reader may see a list half changed, but each
/// word it reads is a link that was valid when written or a sentinel, and a link never becomes invalid.
package final class Graph: @unchecked Sendable {
    // Unchecked: pointers are constant; what they point at is atomic and guarded as described above.
    typealias Word = Atomic<UInt32>
    static let sentinel = UInt32.max
    static let maximumLevel = 30

    /// Links of a node at each upper level.
    let m: Int
    /// Links of a node at level 0.
    let baseDegree: Int
    /// Words from one level-0 block to the next.
    let baseStride: Int
    /// Slots that there is room for.
    let capacity: Int
    let seed: UInt64

    let baseLinks: UnsafeMutablePointer<Word>
    /// For each slot the word in `upperLinks` where its block starts; 0 for a slot of level 0.
    let upperOffsets: UnsafeMutablePointer<Word>
    let upperLinks: UnsafeMutablePointer<Word>
    let locks = SpinLocks()
    /// Level in the high half, slot in the low half; all ones while the graph is empty.
    let entry = Atomic<UInt64>(.max)
    /// Where walks on level 0 begin besides.
    let entries = SlotList()
    /// Held over the insertion of a node that rises above the entry point.
    let entryLock = Mutex<Void>(())
    /// Words of `upperLinks` in use. Word 0 stays unused, so that 0 can mean none.
    let upperCount = Atomic<Int>(1)

    private let baseRegion: ReservedRegion
    private let offsetRegion: ReservedRegion
    private let upperRegion: ReservedRegion

    /// Address space for upper levels, bytes a slot: several times what is expected even at m = 2.
    static let upperReserveBytes = 24

    /// - Parameters:
    ///   - m: 2…512.
    ///   - capacity: slots to reserve address space for, below 2³¹.
    package init(m: Int, capacity: Int, seed: UInt64) throws(IndexMemoryError) {
        self.m = m
        self.capacity = capacity
        self.seed = seed
        baseDegree = 2 * m
        baseStride = Self.baseStride(m: m)
        baseRegion = try ReservedRegion(reserving: capacity * baseStride * 4)
        offsetRegion = try ReservedRegion(reserving: capacity * 4)
        upperRegion = try ReservedRegion(reserving: max(capacity, 1024) * Self.upperReserveBytes)
        baseLinks = baseRegion.base.bindMemory(to: Word.self, capacity: capacity * baseStride)
        upperOffsets = offsetRegion.base.bindMemory(to: Word.self, capacity: capacity)
        upperLinks = upperRegion.base.bindMemory(to: Word.self, capacity: upperRegion.reservedBytes / 4)
    }

    deinit { locks.deallocate() }

    static func baseStride(m: Int) -> Int { (2 * m + 15) / 16 * 16 }

    /// Address space for one slot's links.
    static func reserveBytes(m: Int) -> Int { baseStride(m: m) * 4 + 4 + upperReserveBytes }

    var residentBytes: Int {
        baseRegion.residentBytes + offsetRegion.residentBytes + upperRegion.residentBytes + SpinLocks.bytes
    }

    /// The level drawn for a slot: ⌊−ln(u)/ln(m)⌋, u uniform from the seed and the slot.
    func drawnLevel(_ slot: UInt32) -> Int {
        // splitmix64's finaliser.
        var x = seed &+ (UInt64(slot) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
        x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
        x ^= x >> 31
        // Repeated division instead of a logarithm gives the same level on every platform.
        var u = (x >> 11) | 1
        let top = UInt64(1) << 53
        var level = 0
        while level < Self.maximumLevel, u < top / UInt64(m) {
            u &*= UInt64(m)
            level += 1
        }
        return level
    }

    /// Makes room for the first `count` slots.
    func reserve(_ count: Int) throws(IndexMemoryError) {
        guard count <= capacity else { throw .capacityReached }
        try baseRegion.commit(count * baseStride * 4)
        try offsetRegion.commit(count * 4)
    }

    /// Makes the slot's lists ready and empty, so that it may be linked. One thread a slot. A slot for which the upper
    /// levels have no room is put on level 0 only. Returns its level.
    package func open(_ slot: UInt32, isolated: Bool = false) throws(IndexMemoryError) -> Int {
        let index = Int(slot)
        try reserve(index + 1)
        let list = baseLinks + index * baseStride
        for i in 0..<baseStride { list[i].store(Self.sentinel, ordering: .relaxed) }
        let level = isolated ? 0 : drawnLevel(slot)
        if level == 0 { return 0 }
        return openUpper(slot, level: level) ? level : 0
    }

    /// Gives the slot an upper block of empty lists; `false` when there is no room.
    func openUpper(_ slot: UInt32, level: Int) -> Bool {
        let words = 1 + level * m
        let end = min(upperRegion.reservedBytes / 4, Int(UInt32.max))
        var start = upperCount.load(ordering: .relaxed)
        while true {
            guard start + words <= end else { return false }
            let (won, current) = upperCount.compareExchange(
                expected: start, desired: start + words, ordering: .relaxed)
            if won { break }
            start = current
        }
        // Words that can't be had stay taken: the block behind them may have been given to another linker by now.
        guard (try? upperRegion.commit((start + words) * 4)) != nil else { return false }
        upperLinks[start].store(UInt32(level), ordering: .relaxed)
        for i in 1..<words { upperLinks[start + i].store(Self.sentinel, ordering: .relaxed) }
        upperOffsets[Int(slot)].store(UInt32(start), ordering: .releasing)
        return true
    }

    /// The level of an opened slot.
    func level(_ slot: UInt32) -> Int {
        let offset = upperOffsets[Int(slot)].load(ordering: .acquiring)
        return offset == 0 ? 0 : Int(upperLinks[Int(offset)].load(ordering: .relaxed))
    }

    /// The links of a level.
    @inline(__always)
    package func links(level: Int) -> LevelLinks {
        LevelLinks(
            level: level, degree: level == 0 ? baseDegree : m, m: m, base: baseLinks, stride: baseStride,
            offsets: upperOffsets, upper: upperLinks)
    }
}

/// The lists of one level, as plain pointers for the inner loops.
package struct LevelLinks {
    let level: Int
    /// Most links of a list.
    package let degree: Int
    let m: Int
    let base: UnsafeMutablePointer<Graph.Word>
    let stride: Int
    let offsets: UnsafeMutablePointer<Graph.Word>
    let upper: UnsafeMutablePointer<Graph.Word>

    /// The slot's list: `degree` words, ended by a sentinel when not full. `nil` when the slot isn't on this level.
    @inline(__always)
    func list(_ slot: UInt32) -> UnsafeMutablePointer<Graph.Word>? {
        if level == 0 { return base + Int(slot) * stride }
        let offset = offsets[Int(slot)].load(ordering: .acquiring)
        if offset == 0 || upper[Int(offset)].load(ordering: .relaxed) < UInt32(level) { return nil }
        return upper + Int(offset) + 1 + (level - 1) * m
    }

    /// Copies the slot's links to `out`, which has room for `degree`. Returns how many there are.
    @inline(__always)
    package func copy(_ slot: UInt32, to out: UnsafeMutablePointer<UInt32>) -> Int {
        guard let list = list(slot) else { return 0 }
        var count = 0
        while count < degree {
            let link = list[count].load(ordering: .acquiring)
            if link == Graph.sentinel { break }
            out[count] = link
            count += 1
        }
        return count
    }
}
