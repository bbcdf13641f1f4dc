/// Keeps the `capacity` smallest of the keys that it is offered, in a buffer twice as large: when that is full it is
/// sorted and halved. O(log capacity) a key that gets past the bound, O(1) for the others.
struct TopCandidates {
    private let keys: UnsafeMutablePointer<UInt64>
    let capacity: Int
    private var count = 0
    /// Only keys below this can still get in.
    private(set) var bound = UInt64.max

    /// Keys of room that `capacity` needs.
    static func room(_ capacity: Int) -> Int { max(2 * capacity, capacity + 32) }

    /// - Parameter keys: room for ``room(_:)`` keys.
    @inline(__always)
    init(keys: UnsafeMutablePointer<UInt64>, capacity: Int) {
        self.keys = keys
        self.capacity = capacity
    }

    @inline(__always)
    mutating func offer(_ key: UInt64) {
        if key < bound { take(key) }
    }

    @inline(never)
    private mutating func take(_ key: UInt64) {
        keys[count] = key
        count += 1
        if count == Self.room(capacity) { prune() }
    }

    private mutating func prune() {
        sortKeys(keys, count)
        if count >= capacity {
            count = capacity
            bound = capacity == 0 ? 0 : keys[capacity - 1]
        }
    }

    /// The kept keys, smallest first.
    mutating func sorted() -> UnsafeMutableBufferPointer<UInt64> {
        prune()
        return UnsafeMutableBufferPointer(start: keys, count: count)
    }
}
