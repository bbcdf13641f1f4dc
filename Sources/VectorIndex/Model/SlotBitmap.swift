import Quantization

/// A set of slots: bit `i % 64` of word `i / 64` stands for slot i; slots past the last word are not in it. Immutable.
public final class SlotBitmap: Sendable {
    /// The words, valid as long as the bitmap is.
    public nonisolated(unsafe) let words: UnsafePointer<UInt64>
    public let wordCount: Int
    /// Number of set bits.
    public let count: Int

    /// - Parameter count: the number of set bits in `words`; it decides the search's plan, so it must be exact.
    public init(words: [UInt64], count: Int) {
        let copy = UnsafeMutablePointer<UInt64>.allocate(capacity: max(words.count, 1))
        words.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { copy.initialize(from: base, count: source.count) }
        }
        self.words = UnsafePointer(copy)
        self.wordCount = words.count
        self.count = count
    }

    /// Counts the bits itself. O(words).
    public convenience init(words: [UInt64]) {
        self.init(words: words, count: Kernels.best.pointee.count_bits(words, words.count))
    }

    deinit { UnsafeMutablePointer(mutating: words).deallocate() }

    /// Whether the slot is in the set. O(1).
    public func contains(_ slot: UInt32) -> Bool {
        let word = Int(slot >> 6)
        return word < wordCount && words[word] >> UInt64(slot & 63) & 1 == 1
    }
}
