/// Candidates that weren't diverse enough, those passed over by the least first.
package struct SpareNeighbours {
    /// Excess in the high half of a key, place among the candidates in the low half.
    private var best: TopCandidates

    /// Keys of room that `capacity` needs.
    package static func room(_ capacity: Int) -> Int { TopCandidates.room(capacity) }

    /// - Parameter keys: room for ``room(_:)`` keys, behind as many zero keys as a pool wants.
    package init(keys: UnsafeMutablePointer<UInt64>, capacity: Int) {
        best = TopCandidates(keys: keys, capacity: capacity)
    }

    /// - Parameters:
    ///   - place: among the candidates; another one in each call.
    ///   - excess: how much it was passed over by, not negative.
    package mutating func offer(_ place: Int, excess: Float) {
        best.offer(UInt64(excess.bitPattern) << 32 | UInt64(place))
    }

    /// Merges the best spares into the `taken` slots of `out`, whose places among the candidates `places` holds, until
    /// there are `goal`. Returns how many there are. The end: it offers no more.
    package mutating func fill(
        _ out: UnsafeMutablePointer<UInt32>, _ places: UnsafePointer<UInt32>, _ taken: Int, upTo goal: Int,
        _ candidates: UnsafePointer<UInt64>
    ) -> Int {
        let keys = best.sorted()
        var spare = min(max(goal - taken, 0), keys.count)
        guard spare > 0, let first = keys.baseAddress else { return taken }
        // By place from here on.
        for i in 0..<spare { keys[i] &= 0xFFFF_FFFF }
        sortKeys(first, spare)
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
