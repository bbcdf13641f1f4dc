/// Slots sorted by a 64-bit key: a sorted array, and a small unsorted one of what came since.
package struct SortedSlots {
    package struct Entry: Comparable, Hashable {
        package var key: Int64
        /// Whatever belongs to the key; sorts after it.
        package var tag: Int32
        package var slot: UInt32

        package init(key: Int64, tag: Int32, slot: UInt32) {
            self.key = key
            self.tag = tag
            self.slot = slot
        }

        @inline(__always)
        package static func < (a: Entry, b: Entry) -> Bool {
            if a.key != b.key { return a.key < b.key }
            return a.tag != b.tag ? a.tag < b.tag : a.slot < b.slot
        }
    }

    private(set) var sorted: [Entry] = []
    /// One bit for each entry of `sorted` that was removed; empty if none was.
    private var dead: [UInt64] = []
    private var deadCount = 0
    private(set) var recent: [Entry] = []
    /// Whether `recent` grows until `finish`.
    private var isLoading: Bool

    /// With `isLoading`, nothing is sorted before `finish`.
    init(isLoading: Bool) { self.isLoading = isLoading }

    var count: Int { sorted.count - deadCount + recent.count }

    func isDead(_ index: Int) -> Bool { !dead.isEmpty && dead[index >> 6] & (1 << UInt64(index & 63)) != 0 }

    /// Complexity: O(1), and a merge of all entries every few thousand times.
    mutating func insert(_ entry: Entry) {
        recent.append(entry)
        if !isLoading, recent.count > max(256, min(sorted.count / 8, 8192)) { merge() }
    }

    /// Complexity: O(log count + recent).
    mutating func remove(_ entry: Entry) {
        if let index = recent.lastIndex(of: entry) {
            recent.swapAt(index, recent.count - 1)
            recent.removeLast()
            return
        }
        // The same entry may have died before and come again.
        var index = lowerBound { $0 < entry }
        while index < sorted.count, sorted[index] == entry {
            if !isDead(index) { return kill(index) }
            index += 1
        }
    }

    private mutating func kill(_ index: Int) {
        if dead.isEmpty { dead = [UInt64](repeating: 0, count: sorted.count / 64 + 1) }
        dead[index >> 6] |= 1 << UInt64(index & 63)
        deadCount += 1
        if deadCount > max(1024, sorted.count / 4) { merge() }
    }

    mutating func finish() {
        isLoading = false
        merge()
    }

    private mutating func merge() {
        recent.sort()
        var merged: [Entry] = []
        merged.reserveCapacity(count)
        var next = 0
        for index in sorted.indices where !isDead(index) {
            while next < recent.count, recent[next] < sorted[index] {
                merged.append(recent[next])
                next += 1
            }
            merged.append(sorted[index])
        }
        merged.append(contentsOf: recent[next...])
        sorted = merged
        recent = []
        dead = []
        deadCount = 0
    }

    /// The first index of `sorted` for which `isBefore` is false.
    func lowerBound(_ isBefore: (Entry) -> Bool) -> Int {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(sorted[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Calls `body` with the entries whose keys are in the range, those of `sorted` in order and then the others.
    func forEach(in keys: ClosedRange<Int64>, _ body: (Entry) -> Void) {
        let first = lowerBound { $0.key < keys.lowerBound }
        let end = lowerBound { $0.key <= keys.upperBound }
        if dead.isEmpty {
            for index in first..<max(first, end) { body(sorted[index]) }
        } else {
            for index in first..<max(first, end) where !isDead(index) { body(sorted[index]) }
        }
        for entry in recent where keys.contains(entry.key) { body(entry) }
    }

    /// Adds the slots of the range to `bits`. Complexity: O(log count + entries in the range + recent).
    func select(_ keys: ClosedRange<Int64>, into bits: inout SlotBits) {
        let universe = bits.universe
        bits.withMutableWords { words in
            forEach(in: keys) { entry in
                if entry.slot < universe { words[Int(entry.slot >> 6)] |= 1 << UInt64(entry.slot & 63) }
            }
        }
    }

    var allocatedBytes: Int {
        (sorted.capacity + recent.capacity) * MemoryLayout<Entry>.stride + dead.capacity * 8
    }
}
