import Quantization

/// Which slots a search may return, as one bitmap: live, allowed by the filter.
struct Admission {
    let words: UnsafePointer<UInt64>
    /// Set bits.
    let count: Int

    @inline(__always)
    func admits(_ slot: UInt32) -> Bool { words[Int(slot >> 6)] >> UInt64(slot & 63) & 1 == 1 }

    /// Set bits of slots lower..<upper. O((upper − lower) / 64).
    func count(_ lower: Int, _ upper: Int) -> Int {
        guard lower < upper else { return 0 }
        let first = lower >> 6
        let last = (upper - 1) >> 6
        let outer = masked(first, lower, upper).nonzeroBitCount
        if first == last { return outer }
        return outer + masked(last, lower, upper).nonzeroBitCount
            + Kernels.best.pointee.count_bits(words + first + 1, last - first - 1)
    }

    /// A word with the bits outside lower..<upper cleared.
    @inline(__always)
    func masked(_ word: Int, _ lower: Int, _ upper: Int) -> UInt64 {
        var bits = words[word]
        if word == lower >> 6 { bits &= .max << UInt64(lower & 63) }
        if word == (upper - 1) >> 6, upper & 63 != 0 { bits &= ~(.max << UInt64(upper & 63)) }
        return bits
    }

    /// Writes up to `most` admitted slots below `upper`, spread over the whole range, to `out`. Returns how many.
    func sample(_ most: Int, below upper: Int, to out: UnsafeMutablePointer<UInt32>) -> Int {
        guard upper > 0, most > 0 else { return 0 }
        let wordCount = (upper + 63) >> 6
        var count = 0
        var next = 0
        for i in 0..<most {
            // From the start of each of `most` equal stretches to its first admitted slot.
            var word = max(next, i * wordCount / most)
            while word < wordCount {
                let bits = masked(word, 0, upper)
                if bits != 0 {
                    // Not always the lowest bit of a word.
                    let rotation = UInt64(truncatingIfNeeded: i &* 23 & 63)
                    let rotated = bits >> rotation | bits << ((64 - rotation) & 63)
                    let bit = (UInt64(rotated.trailingZeroBitCount) + rotation) & 63
                    out[count] = UInt32(word << 6) | UInt32(bit)
                    count += 1
                    break
                }
                word += 1
            }
            if word >= wordCount { break }
            next = word + 1
        }
        return count
    }
}
