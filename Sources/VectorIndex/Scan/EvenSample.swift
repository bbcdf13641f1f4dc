/// Set bits of a bitmap, spread evenly over all of them: every one when there are no more than `most`, `most` otherwise.
/// Ascending. O(bits).
package func evenSample(of words: [UInt64], most: Int) -> [Int] {
    let total = words.reduce(0) { $0 + $1.nonzeroBitCount }
    guard most > 0, total > 0 else { return [] }
    let wanted = min(most, total)
    var chosen: [Int] = []
    chosen.reserveCapacity(wanted)
    var seen = 0
    for (i, word) in words.enumerated() {
        var bits = word
        while bits != 0 {
            // The bits share `wanted` places in proportion; the first one of each place is taken.
            if seen * wanted / total == chosen.count { chosen.append(i << 6 + bits.trailingZeroBitCount) }
            bits &= bits - 1
            seen += 1
        }
    }
    return chosen
}
