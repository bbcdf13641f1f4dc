/// The candidates of a walk, best first, in one sorted array instead of two heaps. A key is
/// `rank · 2³² + slot · 2 + expanded`, so the expanded mark moves along for free; slots are therefore below 2³¹.
struct CandidatePool {
    let keys: UnsafeMutablePointer<UInt64>
    let capacity: Int
    private(set) var count = 0
    /// No candidate before this one is unexpanded.
    private(set) var cursor = 0

    /// Takes over what a kernel's walk has made of the keys.
    @inline(__always)
    mutating func resume(count: Int, cursor: Int) {
        self.count = count
        self.cursor = cursor
    }

    /// Whether a candidate is unexpanded.
    var hasNext: Bool {
        for i in cursor..<count where keys[i] & 1 == 0 { return true }
        return false
    }

    @inline(__always)
    init(keys: UnsafeMutablePointer<UInt64>, capacity: Int) {
        self.keys = keys
        self.capacity = capacity
    }

    @inline(__always)
    static func key(_ rank: UInt32, _ slot: UInt32) -> UInt64 { UInt64(rank) << 32 | UInt64(slot) << 1 }

    @inline(__always)
    static func slot(_ key: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: key) >> 1 }

    /// The rank that a candidate must not exceed to be taken.
    @inline(__always)
    var worstRank: UInt32 { count == capacity ? UInt32(truncatingIfNeeded: keys[count - 1] >> 32) : .max }

    /// Puts the candidate where it belongs; the worst one falls out of a full pool. O(log capacity) compares and a move.
    @inline(__always)
    mutating func insert(_ key: UInt64) {
        if count == capacity {
            if key >= keys[count - 1] { return }
        } else {
            count += 1
        }
        var low = 0
        var length = count - 1
        while length > 1 {
            let half = length >> 1
            // Compiles to a conditional move: a mispredicted branch costs more than the compare.
            low = keys[low + half - 1] < key ? low + half : low
            length -= half
        }
        if length == 1, keys[low] < key { low += 1 }
        (keys + low + 1).update(from: keys + low, count: count - 1 - low)
        keys[low] = key
        if low < cursor { cursor = low }
    }

    /// The best unexpanded candidate's slot, marked as expanded; `nil` when all are.
    @inline(__always)
    mutating func next() -> UInt32? {
        var i = cursor
        while i < count {
            let key = keys[i]
            if key & 1 == 0 {
                keys[i] = key | 1
                cursor = i + 1
                return Self.slot(key)
            }
            i += 1
        }
        cursor = i
        return nil
    }
}
