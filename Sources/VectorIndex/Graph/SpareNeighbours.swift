/// Candidates that weren't diverse enough, those passed over by the least first.
package struct SpareNeighbours {
    /// Excess in the high half, place among the candidates in the low half; sorted.
    let keys: UnsafeMutablePointer<UInt64>
    let capacity: Int
    var count = 0

    /// - Parameter keys: room for `capacity`.
    package init(keys: UnsafeMutablePointer<UInt64>, capacity: Int) {
        self.keys = keys
        self.capacity = capacity
    }

    /// - Parameters:
    ///   - place: among the candidates; rising from call to call.
    ///   - excess: how much it was passed over by, not negative.
    package mutating func offer(_ place: Int, excess: Float) {
        let key = UInt64(excess.bitPattern) << 32 | UInt64(place)
        var i = count
        if count == capacity {
            if count == 0 || key >= keys[count - 1] { return }
            i -= 1
        } else {
            count += 1
        }
        while i > 0, keys[i - 1] > key {
            keys[i] = keys[i - 1]
            i -= 1
        }
        keys[i] = key
    }

    /// Merges the best spares into the `taken` slots of `out`, whose places among the candidates `places` holds, until
    /// there are `goal`. Returns how many there are. The end: it offers no more.
    package func fill(
        _ out: UnsafeMutablePointer<UInt32>, _ places: UnsafePointer<UInt32>, _ taken: Int, upTo goal: Int,
        _ candidates: UnsafePointer<UInt64>
    ) -> Int {
        var spare = min(max(goal - taken, 0), count)
        // By place from here on.
        for i in 0..<spare { keys[i] &= 0xFFFF_FFFF }
        sortKeys(keys, spare)
        let total = taken + spare
        var own = taken
        // From the back, where there is room.
        var end = total
        while spare > 0 {
            end -= 1
            if own > 0, UInt64(places[own - 1]) > keys[spare - 1] {
                own -= 1
                out[end] = out[own]
            } else {
                spare -= 1
                out[end] = Rank.slot(candidates[Int(keys[spare])])
            }
        }
        return total
    }
}
