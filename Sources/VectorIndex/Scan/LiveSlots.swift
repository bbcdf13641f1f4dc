/// The live slots as a bitmap that grows at its end. Changed under the index's lock and while no search runs; searches
/// read the words without a lock.
struct LiveSlots: ~Copyable {
    private(set) var words: UnsafeMutablePointer<UInt64>
    private var wordCapacity: Int
    /// Slots that the bitmap covers.
    private(set) var slotCount = 0
    /// Set bits.
    private(set) var count = 0

    init() {
        wordCapacity = 1
        words = .allocate(capacity: 1)
        words.initialize(repeating: 0, count: 1)
    }

    deinit { words.deallocate() }

    var residentBytes: Int { wordCapacity * 8 }

    /// Adds live slots. O(added / 64) amortised.
    mutating func append(_ added: Int) {
        if added == 0 { return }
        let goal = slotCount + added
        let wordCount = (goal + 63) >> 6
        if wordCount > wordCapacity {
            let capacity = max(wordCount, wordCapacity * 2)
            let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
            larger.initialize(repeating: 0, count: capacity)
            larger.update(from: words, count: (slotCount + 63) >> 6)
            words.deallocate()
            words = larger
            wordCapacity = capacity
        }
        var slot = slotCount
        while slot < goal {
            if slot & 63 == 0, goal - slot >= 64 {
                words[slot >> 6] = .max
                slot += 64
            } else {
                words[slot >> 6] |= 1 << UInt64(slot & 63)
                slot += 1
            }
        }
        slotCount = goal
        count += added
    }

    /// Whether the slot was live until now.
    mutating func remove(_ slot: Int) -> Bool {
        let bit: UInt64 = 1 << UInt64(slot & 63)
        guard slot < slotCount, words[slot >> 6] & bit != 0 else { return false }
        words[slot >> 6] &= ~bit
        count -= 1
        return true
    }

    func contains(_ slot: Int) -> Bool {
        slot < slotCount && words[slot >> 6] >> UInt64(slot & 63) & 1 == 1
    }

    /// The words as they are now, to be read when the lock is gone.
    func copiedWords() -> [UInt64] { [UInt64](UnsafeBufferPointer(start: words, count: (slotCount + 63) >> 6)) }

    /// Live slots in lower..<upper.
    func count(_ lower: Int, _ upper: Int) -> Int {
        Admission(words: words, count: count).count(lower, min(upper, slotCount))
    }
}
