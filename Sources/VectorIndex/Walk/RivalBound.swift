/// Where the keys end that a ranking can't tell from the k best: `margin` ranks behind the k-th, but not before the
/// `least` best.
package struct RivalBound {
    let k: Int
    /// At least `k`.
    let least: Int
    let margin: UInt32

    package init(k: Int, least: Int, margin: UInt32) {
        self.k = k
        self.least = least
        self.margin = margin
    }

    /// Keys below this are rivals. `keys` are sorted, and at least `least`.
    @inline(__always)
    func end(_ keys: UnsafePointer<UInt64>) -> UInt64 { max(keys[least - 1], end(kth: keys[k - 1], margin)) }

    /// The least key that is farther than so many ranks behind `kth`.
    @inline(__always)
    func end(kth: UInt64, _ margin: UInt32) -> UInt64 {
        let (rank, overflow) = Rank.rank(kth).addingReportingOverflow(margin)
        return overflow ? .max : Rank.key(rank, .max)
    }
}
