/// Scores every admitted slot of lower..<upper and offers it to `top`. `isDense` says that every slot of the range is
/// admitted, which is scored as one stretch of memory. Returns the number of slots scored; ends early once `poll` is true.
///
/// - Complexity: O((upper − lower) / 64 + admitted · d).
@inline(__always)
func scan<S: RankScorer, C: CandidateSink>(
    _ scorer: S, _ admission: Admission, from lower: Int, to upper: Int, isDense: Bool, top: inout C,
    scratch: Scratch, poll: Poll
) -> Int {
    guard lower < upper else { return 0 }
    let ranks = scratch.ranks
    let batch = scratch.batch
    let chunk = 512
    let mostUnpolled = max(min(Poll.bytesBetween / max(scorer.bytesPerRank, 1), Poll.slotsBetween), chunk)
    var scored = 0
    var polled = 0
    func isCancelled() -> Bool {
        guard scored - polled >= mostUnpolled else { return false }
        polled = scored
        return poll.isCancelled
    }
    if isDense {
        var first = lower
        while first < upper {
            let count = min(chunk, upper - first)
            scorer.rangeRanks(first, count, ranks)
            for i in 0..<count { top.offer(Rank.key(ranks[i], UInt32(first + i))) }
            first += count
            scored += count
            if isCancelled() { return scored }
        }
        return scored
    }
    var count = 0
    for word in lower >> 6...(upper - 1) >> 6 {
        var bits = admission.masked(word, lower, upper)
        while bits != 0 {
            batch[count] = UInt32(word << 6 + bits.trailingZeroBitCount)
            count += 1
            bits &= bits - 1
        }
        if count > chunk - 64 {
            scorer.ranks(batch, count, ranks)
            for i in 0..<count { top.offer(Rank.key(ranks[i], batch[i])) }
            scored += count
            count = 0
            if isCancelled() { return scored }
        }
    }
    scorer.ranks(batch, count, ranks)
    for i in 0..<count { top.offer(Rank.key(ranks[i], batch[i])) }
    return scored + count
}

/// The question whether a search should end early.
struct Poll {
    let cancelled: (@Sendable () -> Bool)?

    static let never = Poll(cancelled: nil)
    /// Bytes of codes or rows, and slots, that a scan scores before it asks again: at most some 50 µs, but for slots that lie apart
    /// in memory.
    static let bytesBetween = 1 << 19
    static let slotsBetween = 1 << 12
    /// Hops that a walk makes before it asks again.
    static let hopsBetween = 128

    @inline(__always)
    var isCancelled: Bool { cancelled?() ?? false }
}
