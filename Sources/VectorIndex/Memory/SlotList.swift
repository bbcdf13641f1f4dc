import Synchronization

/// Some slots, appended and never taken away. Readers take no lock.
final class SlotList: @unchecked Sendable {
    // Unchecked: slots are written before the count covers them and don't change afterwards.

    /// Each search scores all slots of a list: some microseconds for so many.
    static let capacity = 1024

    private let slots: UnsafeMutablePointer<UInt32>
    private let stored = Atomic<Int>(0)
    private let appending = Mutex<Void>(())

    init() { slots = .allocate(capacity: Self.capacity) }
    deinit { slots.deallocate() }

    var count: Int { stored.load(ordering: .acquiring) }

    /// The slots, in the order of their coming.
    var all: [UInt32] { Array(UnsafeBufferPointer(start: slots, count: count)) }

    /// Adds a slot; `false` when there would be more than `most`.
    func append(_ slot: UInt32, upTo most: Int = capacity) -> Bool {
        appending.withLock { _ in
            let count = stored.load(ordering: .relaxed)
            guard count < min(most, Self.capacity) else { return false }
            slots[count] = slot
            stored.store(count + 1, ordering: .releasing)
            return true
        }
    }

    /// Copies the slots below `limit` to `out`, which has room for ``capacity``. Returns how many there are.
    func copy(below limit: UInt32, to out: UnsafeMutablePointer<UInt32>) -> Int {
        var copied = 0
        for i in 0..<count where slots[i] < limit {
            out[copied] = slots[i]
            copied += 1
        }
        return copied
    }
}
