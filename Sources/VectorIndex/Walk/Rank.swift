/// Ranks: a score as a `UInt32` whose ascending order is "closer first", so that a rank and a slot make one sortable
/// 64-bit key and ties fall to the lower slot.
enum Rank {
    /// The rank of a score where greater is closer. NaN is farther than everything.
    @inline(__always)
    static func of(score: Float) -> UInt32 {
        if score.isNaN { return .max }
        // + 0 makes −0 and 0 one rank.
        let bits = (score + 0).bitPattern
        let ascending = bits ^ (UInt32(bitPattern: Int32(bitPattern: bits) >> 31) | 0x8000_0000)
        return ~ascending
    }

    /// The score whose rank this is.
    @inline(__always)
    static func score(_ rank: UInt32) -> Float {
        let ascending = ~rank
        let bits = ascending & 0x8000_0000 != 0 ? ascending ^ 0x8000_0000 : ~ascending
        return Float(bitPattern: bits)
    }

    /// How much greater the score of the rank `closer` is.
    @inline(__always)
    static func excess(of closer: UInt32, over rank: UInt32) -> Float { max(score(closer) - score(rank), 0) }

    /// A difference of a kernel's integers in ranks; 0 for what is no number.
    @inline(__always)
    static func margin(_ integers: Float) -> UInt32 {
        integers > 0 ? UInt32(min(integers, 0x1p31).rounded(.up)) : 0
    }

    /// A key that sorts by rank, then by slot.
    @inline(__always)
    static func key(_ rank: UInt32, _ slot: UInt32) -> UInt64 { UInt64(rank) << 32 | UInt64(slot) }

    @inline(__always)
    static func slot(_ key: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: key) }

    @inline(__always)
    static func rank(_ key: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: key >> 32) }
}

/// Sorts keys, smallest first. O(n log n), O(n) for the short or nearly sorted lists that walks leave.
func sortKeys(_ keys: UnsafeMutablePointer<UInt64>, _ count: Int) {
    if count > 48 {
        var buffer = UnsafeMutableBufferPointer(start: keys, count: count)
        buffer.sort()
        return
    }
    var i = 1
    while i < count {
        let key = keys[i]
        var j = i
        while j > 0, keys[j - 1] > key {
            keys[j] = keys[j - 1]
            j -= 1
        }
        keys[j] = key
        i += 1
    }
}
