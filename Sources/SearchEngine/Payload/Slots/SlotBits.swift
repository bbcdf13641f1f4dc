import CVectorKernels
import Quantization

/// A set of slots below a fixed number, one bit each: what filters are computed in.
package struct SlotBits {
    package private(set) var words: [UInt64]
    /// Slots are below this.
    package let universe: Int

    package init(universe: Int) {
        self.universe = universe
        words = [UInt64](repeating: 0, count: (universe + 63) / 64)
    }

    /// Every slot.
    package init(allOf universe: Int) {
        self.universe = universe
        words = [UInt64](repeating: .max, count: (universe + 63) / 64)
        trim()
    }

    /// Zeroes the bits past the last slot.
    private mutating func trim() {
        if universe % 64 != 0 { words[words.count - 1] &= (1 << UInt64(universe % 64)) - 1 }
    }

    package func contains(_ slot: UInt32) -> Bool {
        slot < universe && words[Int(slot >> 6)] & (1 << UInt64(slot & 63)) != 0
    }

    /// Slots past the universe are ignored.
    package mutating func insert(_ slot: UInt32) {
        if slot < universe { words[Int(slot >> 6)] |= 1 << UInt64(slot & 63) }
    }

    package mutating func remove(_ slot: UInt32) {
        if slot < universe { words[Int(slot >> 6)] &= ~(1 << UInt64(slot & 63)) }
    }

    package var count: Int { Kernels.best.pointee.count_bits(words, words.count) }

    package mutating func complement() {
        for index in words.indices { words[index] = ~words[index] }
        trim()
    }

    package mutating func formUnion(_ other: SlotBits) {
        for index in words.indices { words[index] |= other.words[index] }
    }

    package mutating func formIntersection(_ other: SlotBits) {
        for index in words.indices { words[index] &= other.words[index] }
    }

    package mutating func formSymmetricDifference(_ other: SlotBits) {
        for index in words.indices { words[index] ^= other.words[index] }
    }

    package mutating func subtract(_ other: SlotBits) {
        for index in words.indices { words[index] &= ~other.words[index] }
    }

    /// Returns how many slots are left. `other` must have as many words.
    @discardableResult
    package mutating func formIntersection(words other: UnsafePointer<UInt64>) -> Int {
        words.withUnsafeMutableBufferPointer { words in
            guard let base = words.baseAddress else { return 0 }
            return Kernels.best.pointee.intersect_bits(base, other, base, words.count)
        }
    }

    package mutating func formUnion(_ set: SlotSet) {
        switch set {
        case .none: break
        case .one(let slot): insert(slot)
        case .sparse(let slots):
            for slot in slots {
                if slot >= universe { break }  // Sorted.
                words[Int(slot >> 6)] |= 1 << UInt64(slot & 63)
            }
        case .dense(let dense):
            for index in 0..<min(words.count, dense.words.count) { words[index] |= dense.words[index] }
            trim()
        }
    }

    package mutating func formIntersection(_ set: SlotSet) {
        if case .dense(let dense) = set {
            for index in words.indices { words[index] &= index < dense.words.count ? dense.words[index] : 0 }
            return
        }
        var kept = SlotBits(universe: universe)
        set.forEach { slot in if contains(slot) { kept.insert(slot) } }
        self = kept
    }

    /// Calls `body` with every slot, ascending.
    package func forEach(_ body: (UInt32) -> Void) {
        for index in words.indices {
            var word = words[index]
            while word != 0 {
                body(UInt32(index * 64 + word.trailingZeroBitCount))
                word &= word - 1
            }
        }
    }

    /// Gives `body` the words for changing in place; it must not set bits past the universe.
    mutating func withMutableWords(_ body: (UnsafeMutablePointer<UInt64>) -> Void) {
        words.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { body(base) }
        }
    }
}
