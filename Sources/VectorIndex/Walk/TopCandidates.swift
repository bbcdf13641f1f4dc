import CVectorKernels
import Quantization

/// Keeps the `capacity` smallest of the keys that it is offered; of those within `rivals` alone where that is given and few
/// are kept. A few are kept sorted; many are gathered in a buffer twice as large, which is sorted and halved when it is
/// full. O(1) a key that is past the bound; for the others O(capacity), a few cycles for eight keys, or O(log capacity)
/// amortised.
struct TopCandidates: CandidateSink {
    private let keys: UnsafeMutablePointer<UInt64>
    let capacity: Int
    private let insertion:
        (@convention(c) (UnsafeMutablePointer<UInt64>, UnsafeMutablePointer<Int>, Int, UInt64) -> Int)?
    private let rivals: RivalBound?
    private var count = 0
    /// Only keys below this can still get in.
    private(set) var bound: UInt64

    /// Up to this capacity keys are kept sorted.
    private static let mostSorted = 512

    /// Keys of room that `capacity` needs.
    static func room(_ capacity: Int) -> Int { max(2 * capacity, capacity + 32) }

    /// - Parameter keys: room for ``room(_:)`` keys, behind as many zero keys as a pool wants.
    @inline(__always)
    init(keys: UnsafeMutablePointer<UInt64>, capacity: Int, rivals: RivalBound? = nil) {
        self.keys = keys
        self.rivals = rivals
        self.capacity = capacity
        bound = capacity == 0 ? 0 : .max
        insertion = (1...Self.mostSorted).contains(capacity) ? Kernels.best.pointee.pool_insert : nil
    }

    @inline(__always)
    mutating func offer(_ key: UInt64) {
        if key < bound { take(key) }
    }

    @inline(never)
    private mutating func take(_ key: UInt64) {
        if let insertion {
            _ = insertion(keys, &count, capacity, key)
            if count == capacity { bound = keys[capacity - 1] }
            if let rivals, count >= rivals.least { bound = min(bound, rivals.end(keys)) }
            return
        }
        keys[count] = key
        count += 1
        if count == Self.room(capacity) { prune() }
    }

    /// The key at a place of those kept so far, in order; `nil` when there are fewer, or when they aren't kept sorted.
    @inline(__always)
    func key(at place: Int) -> UInt64? { insertion != nil && place < count ? keys[place] : nil }

    func tellsApart(_ ef: Int) -> Bool { true }

    mutating func removeAll() {
        count = 0
        bound = capacity == 0 ? 0 : .max
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
        if insertion == nil { prune() }
        return UnsafeMutableBufferPointer(start: keys, count: count)
    }
}
