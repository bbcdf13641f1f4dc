/// Keeps what a rough ranking can't tell from the k best: the best `least` keys, and all whose rank is at most `margin`
/// behind the k-th. How many those are depends on how close together the vectors lie, not on how many there are.
///
/// - Complexity: O(1) a key that is past the bound, as `TopCandidates` for the others.
package struct RivalCandidates: CandidateSink {
    /// Unsorted; some may be past a bound that was drawn closer afterwards.
    private let keys: UnsafeMutablePointer<UInt64>
    private let room: Int
    private var count = 0
    /// The keys are gone through when there are so many.
    private var limit: Int
    /// Tells the bound.
    private var best: TopCandidates
    private let rivals: RivalBound
    private var bound = UInt64.max
    /// There were more than there is room for: some of them are missing.
    package private(set) var isOverfull = false

    private static let firstLimit = 256
    /// The margin is measured from the tenth on.
    private static let tellingPlace = 10

    /// Keys of room for at most `most` rivals.
    package static func room(_ most: Int) -> Int { 2 * max(most, firstLimit) }

    /// - Parameters:
    ///   - keys: room for ``room(_:)`` keys.
    ///   - best: room for `TopCandidates.room(rivals.least)` keys, behind as many zero keys as a pool wants.
    package init(
        keys: UnsafeMutablePointer<UInt64>, most: Int, best: UnsafeMutablePointer<UInt64>, bound rivals: RivalBound
    ) {
        self.keys = keys
        room = Self.room(most)
        limit = Self.firstLimit
        self.best = TopCandidates(keys: best, capacity: rivals.least)
        self.rivals = rivals
    }

    package var capacity: Int { .max }

    @inline(__always)
    package mutating func offer(_ key: UInt64) {
        if key < bound { take(key) }
    }

    @inline(never)
    private mutating func take(_ key: UInt64) {
        keys[count] = key
        count += 1
        best.offer(key)
        // Only where the best few are all there is the rest any farther.
        if best.bound < .max {
            bound = max(best.bound, rivals.end(kth: best.key(at: rivals.k - 1) ?? best.bound, rivals.margin))
        }
        if count == limit { prune() }
    }

    private mutating func prune() {
        var kept = 0
        // Keys as great as a bound that is one of them stay.
        for i in 0..<count where keys[i] <= bound {
            keys[kept] = keys[i]
            kept += 1
        }
        count = kept
        limit = min(max(Self.firstLimit, 2 * count), room)
        if 2 * count > room {
            isOverfull = true
            bound = 0
        }
    }

    /// Not when a whole pool lies within a quarter of the margin behind one of the first, or within a part of that for a
    /// narrow pool: so close together are copies of one another, and by how much they differ is less than the ranking's
    /// error. Seen from the k-th, the end of a pool that is hardly wider than k would always be as close, and within half
    /// the margin lie the pools of queries that are far from everything, whose next walk would find little more.
    package func tellsApart(_ ef: Int) -> Bool {
        let place = min(rivals.k, Self.tellingPlace) - 1
        guard ef >= Planner.leastTellingEf, count >= ef, let first = best.key(at: place) else { return true }
        let end = rivals.end(kth: first, UInt32(UInt64(rivals.margin) * UInt64(min(ef, 128)) / 512))
        var near = 0
        for i in 0..<count where keys[i] < end { near += 1 }
        return near < ef
    }

    package mutating func removeAll() {
        count = 0
        limit = Self.firstLimit
        best.removeAll()
        bound = .max
        isOverfull = false
    }

    /// The best few of all that were offered, sorted.
    mutating func closest() -> UnsafeMutableBufferPointer<UInt64> { best.sorted() }

    /// The kept keys, in any order.
    package mutating func kept() -> UnsafeMutableBufferPointer<UInt64> {
        if !isOverfull { prune() }
        return UnsafeMutableBufferPointer(start: keys, count: count)
    }
}
