/// A growing set of slots, as an index keeps it for each value: a sorted array while it is sparse, one bit a slot when
/// that is smaller.
///
/// Slots mostly arrive in ascending order, which costs O(1) amortised; anything else in a sparse set is O(count).
package enum SlotSet {
    case none
    /// Most values of most keys belong to one point: no allocation for it.
    case one(UInt32)
    /// Two or more, ascending.
    case sparse([UInt32])
    case dense(Dense)

    package struct Dense {
        package fileprivate(set) var words: [UInt64]
        package fileprivate(set) var count: Int
    }

    package init() { self = .none }

    package var count: Int {
        switch self {
        case .none: 0
        case .one: 1
        case .sparse(let slots): slots.count
        case .dense(let dense): dense.count
        }
    }

    package var isEmpty: Bool { count == 0 }

    package func contains(_ slot: UInt32) -> Bool {
        switch self {
        case .none: return false
        case .one(let only): return only == slot
        case .sparse(let slots):
            let index = Self.position(of: slot, in: slots)
            return index < slots.count && slots[index] == slot
        case .dense(let dense):
            let word = Int(slot >> 6)
            return word < dense.words.count && dense.words[word] & (1 << UInt64(slot & 63)) != 0
        }
    }

    /// The first index whose slot is not below.
    private static func position(of slot: UInt32, in slots: [UInt32]) -> Int {
        if let last = slots.last, last < slot { return slots.count }
        var low = 0
        var high = slots.count
        while low < high {
            let middle = (low + high) / 2
            if slots[middle] < slot { low = middle + 1 } else { high = middle }
        }
        return low
    }

    package mutating func insert(_ slot: UInt32) {
        switch self {
        case .none: self = .one(slot)
        case .one(let only):
            if only != slot { self = .sparse(only < slot ? [only, slot] : [slot, only]) }
        case .sparse(var slots):
            self = .none  // So that the array is not shared, and grows in place.
            let index = Self.position(of: slot, in: slots)
            if index == slots.count {
                slots.append(slot)
            } else if slots[index] != slot {
                slots.insert(slot, at: index)
            }
            // A bit for each slot up to the last one, against 32 for each member.
            self =
                slots.count > 64 && slots.count > Int(slots[slots.count - 1]) / 32
                ? .dense(Dense(slots)) : .sparse(slots)
        case .dense(var dense):
            self = .none
            dense.insert(slot)
            self = .dense(dense)
        }
    }

    package mutating func remove(_ slot: UInt32) {
        switch self {
        case .none: break
        case .one(let only): if only == slot { self = .none }
        case .sparse(var slots):
            self = .none
            let index = Self.position(of: slot, in: slots)
            if index < slots.count, slots[index] == slot { slots.remove(at: index) }
            self = slots.count == 1 ? .one(slots[0]) : .sparse(slots)
        case .dense(var dense):
            self = .none
            dense.remove(slot)
            // Well below where it became dense, so that it doesn't change at every step.
            self = dense.count < dense.words.count / 2 ? Self(ascending: dense.slots) : .dense(dense)
        }
    }

    private init(ascending slots: [UInt32]) {
        switch slots.count {
        case 0: self = .none
        case 1: self = .one(slots[0])
        default: self = .sparse(slots)
        }
    }

    /// Calls `body` with every slot, ascending.
    package func forEach(_ body: (UInt32) -> Void) {
        switch self {
        case .none: break
        case .one(let slot): body(slot)
        case .sparse(let slots): for slot in slots { body(slot) }
        case .dense(let dense): for slot in dense.slots { body(slot) }
        }
    }

    /// Complexity: O(count of both), or O(greatest slot / 64).
    package func union(_ other: SlotSet) -> SlotSet {
        if count < other.count { return other.union(self) }
        var result = self
        other.forEach { result.insert($0) }
        return result
    }

    package func intersection(_ other: SlotSet) -> SlotSet {
        if count > other.count { return other.intersection(self) }
        var result = SlotSet()
        forEach { slot in if other.contains(slot) { result.insert(slot) } }
        return result
    }

    /// Bytes on the heap.
    package var allocatedBytes: Int {
        switch self {
        case .none, .one: 0
        case .sparse(let slots): 32 + slots.capacity * 4
        case .dense(let dense): 32 + dense.words.capacity * 8
        }
    }
}

extension SlotSet.Dense {
    fileprivate init(_ slots: [UInt32]) {
        words = [UInt64](repeating: 0, count: Int(slots.last ?? 0) / 64 + 1)
        count = slots.count
        for slot in slots { words[Int(slot >> 6)] |= 1 << UInt64(slot & 63) }
    }

    fileprivate mutating func insert(_ slot: UInt32) {
        let word = Int(slot >> 6)
        if word >= words.count { words.append(contentsOf: repeatElement(0, count: word + 1 - words.count)) }
        let bit: UInt64 = 1 << UInt64(slot & 63)
        if words[word] & bit == 0 {
            words[word] |= bit
            count += 1
        }
    }

    fileprivate mutating func remove(_ slot: UInt32) {
        let word = Int(slot >> 6)
        let bit: UInt64 = 1 << UInt64(slot & 63)
        if word < words.count, words[word] & bit != 0 {
            words[word] &= ~bit
            count -= 1
        }
    }

    fileprivate var slots: [UInt32] {
        var slots: [UInt32] = []
        slots.reserveCapacity(count)
        for index in words.indices {
            var word = words[index]
            while word != 0 {
                slots.append(UInt32(index * 64 + word.trailingZeroBitCount))
                word &= word - 1
            }
        }
        return slots
    }
}
