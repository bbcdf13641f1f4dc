/// What the hot path needs of every point, by slot: id, version, which vectors it has, whether it lives;
/// and the way from an id to its slot.
///
/// About 40 bytes a slot. Mutated under the collection's exclusive lock, read under its shared lock.
package struct PointTable {
    /// Slots handed out so far, live or not.
    package private(set) var slotCount = 0
    package private(set) var liveCount = 0
    /// Bit i of word i/64: slot i holds a live point.
    package private(set) var live: [UInt64] = []
    /// Bit set: the id is a UUID.
    private var isUUID: [UInt64] = []
    private var entries: [Entry] = []

    /// Open addressing with linear probing: slot + 1, 0 = free, `deleted` = was used.
    private var buckets: [UInt32] = Array(repeating: 0, count: 16)
    private var usedBuckets = 0
    private static let deleted = UInt32.max

    /// Nobody outside knows it, so that nobody can choose ids that all fall into one bucket.
    private let hashSeed: UInt64

    /// Read together for each point that a search finds, so kept on one or two cache lines.
    private struct Entry {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var version: UInt64 = 0
        /// Bit i: the point has the vector number i.
        var vectors: UInt64 = 0
    }

    package init(hashSeed: UInt64) { self.hashSeed = hashSeed }

    /// What the arrays have grown to beyond their elements was never touched.
    package var residentBytes: Int {
        slotCount * MemoryLayout<Entry>.stride + (live.count + isUUID.count) * 8 + buckets.count * 4
    }

    package func id(_ slot: UInt32) -> PointID { id(Int(slot), entries[Int(slot)]) }

    private func id(_ index: Int, _ entry: Entry) -> PointID {
        isUUID[index >> 6] >> UInt64(index & 63) & 1 == 1
            ? .uuid(high: entry.high, low: entry.low) : .number(entry.low)
    }

    package func version(_ slot: UInt32) -> UInt64 { entries[Int(slot)].version }
    package func vectors(_ slot: UInt32) -> UInt64 { entries[Int(slot)].vectors }

    /// All that is known of a point.
    package func row(_ slot: UInt32) -> PointRow {
        let entry = entries[Int(slot)]
        return PointRow(slot: slot, id: id(Int(slot), entry), version: entry.version, vectors: entry.vectors)
    }

    /// All that is known of some points, in their order. Memory brings several at a time, as nothing is done between them.
    func rows(_ slots: [UInt32]) -> [PointRow] { slots.map(row) }

    package func isLive(_ slot: UInt32) -> Bool { live[Int(slot) >> 6] >> UInt64(slot & 63) & 1 == 1 }

    /// The live slot of an id. Complexity: O(1).
    package func slot(of id: PointID) -> UInt32? {
        let mask = buckets.count - 1
        var bucket = hash(id) & mask
        while true {
            let entry = buckets[bucket]
            if entry == 0 { return nil }
            if entry != Self.deleted, matches(entry - 1, id) { return entry - 1 }
            bucket = (bucket + 1) & mask
        }
    }

    /// Adds a live point at `slot`, which is at or past `slotCount`; slots in between stay dead.
    package mutating func insert(_ row: PointRow) {
        extend(to: Int(row.slot) + 1)
        let index = Int(row.slot)
        switch row.id {
        case .number(let value): entries[index].low = value
        case .uuid(let high, let low):
            entries[index].high = high
            entries[index].low = low
            isUUID[index >> 6] |= 1 << UInt64(index & 63)
        }
        entries[index].version = row.version
        entries[index].vectors = row.vectors
        live[index >> 6] |= 1 << UInt64(index & 63)
        liveCount += 1
        link(row.slot, row.id)
    }

    /// Makes the slot a tombstone.
    package mutating func remove(_ slot: UInt32) {
        guard isLive(slot) else { return }
        live[Int(slot) >> 6] &= ~(1 << UInt64(slot & 63))
        liveCount -= 1
        let mask = buckets.count - 1
        var bucket = hash(id(slot)) & mask
        while buckets[bucket] != slot + 1 {
            guard buckets[bucket] != 0 else { return }
            bucket = (bucket + 1) & mask
        }
        buckets[bucket] = Self.deleted
    }

    /// Takes a vector away from all points.
    mutating func clear(_ bit: UInt64) {
        for index in entries.indices { entries[index].vectors &= ~bit }
    }

    package mutating func setVersion(_ slot: UInt32, _ version: UInt64) { entries[Int(slot)].version = version }

    /// Slots in [slotCount, count) become dead.
    package mutating func extend(to count: Int) {
        guard count > slotCount else { return }
        entries.append(contentsOf: repeatElement(Entry(), count: count - slotCount))
        let words = (count + 63) / 64
        if words > live.count {
            live.append(contentsOf: repeatElement(0, count: words - live.count))
            isUUID.append(contentsOf: repeatElement(0, count: words - isUUID.count))
        }
        slotCount = count
    }

    private mutating func link(_ slot: UInt32, _ id: PointID) {
        if (usedBuckets + 1) * 3 > buckets.count * 2 { rehash() }
        let mask = buckets.count - 1
        var bucket = hash(id) & mask
        while buckets[bucket] != 0 && buckets[bucket] != Self.deleted { bucket = (bucket + 1) & mask }
        if buckets[bucket] == 0 { usedBuckets += 1 }
        buckets[bucket] = slot + 1
    }

    /// Rebuilds the buckets from the live slots but the newest, which `link` is about to add.
    private mutating func rehash() {
        var size = 16
        while size < liveCount * 2 + 16 { size *= 2 }
        let old = buckets
        buckets = Array(repeating: 0, count: size)
        usedBuckets = 0
        let mask = size - 1
        for entry in old where entry != 0 && entry != Self.deleted {
            var bucket = hash(id(entry - 1)) & mask
            while buckets[bucket] != 0 { bucket = (bucket + 1) & mask }
            buckets[bucket] = entry
            usedBuckets += 1
        }
    }

    private func matches(_ slot: UInt32, _ id: PointID) -> Bool { self.id(slot) == id }

    /// splitmix64's finisher over the seeded id.
    private func hash(_ id: PointID) -> Int {
        var x: UInt64
        switch id {
        case .number(let value): x = (value ^ hashSeed) &* 0x9E37_79B9_7F4A_7C15
        case .uuid(let high, let low): x = (high ^ hashSeed) &* 0x9E37_79B9_7F4A_7C15 ^ low &* 0xD6E8_FEB8_6659_FD93
        }
        x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
        x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int(truncatingIfNeeded: (x ^ (x >> 31)) >> 1)
    }
}
