/// Words of a bitmap. Never changed while more than one has them.
final class LiveWords: @unchecked Sendable {
    // Unchecked: see above.
    let words: UnsafeMutablePointer<UInt64>
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        words = .allocate(capacity: capacity)
        words.initialize(repeating: 0, count: capacity)
    }

    deinit { words.deallocate() }
}

/// The live slots as a bitmap that grows at its end. Changed under the index's lock. Whoever has ``shared`` reads it without
/// a lock: a change is then made to a copy.
struct LiveSlots: ~Copyable {
    private(set) var shared = LiveWords(capacity: 1)
    /// Slots that the bitmap covers.
    private(set) var slotCount = 0
    /// Set bits.
    private(set) var count = 0

    private var words: UnsafeMutablePointer<UInt64> { shared.words }

    var residentBytes: Int { shared.capacity * 8 }

    /// Makes sure that nobody else has the words, and that there are so many.
    private mutating func own(_ wordCount: Int) {
        let isLarge = wordCount <= shared.capacity
        if isLarge, isKnownUniquelyReferenced(&shared) { return }
        let copy = LiveWords(capacity: isLarge ? shared.capacity : max(wordCount, shared.capacity * 2))
        copy.words.update(from: shared.words, count: (slotCount + 63) >> 6)
        shared = copy
    }

    /// Adds live slots. O(added / 64) amortised, and O(slots / 64) if a reader has the words.
    mutating func append(_ added: Int) {
        if added == 0 { return }
        let goal = slotCount + added
        own((goal + 63) >> 6)
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
        own(0)
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
