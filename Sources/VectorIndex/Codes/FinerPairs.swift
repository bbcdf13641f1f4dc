import Quantization

/// Stored rows in the place of codes, where codes can't tell a slot's candidates apart, as among near-copies: links chosen by
/// such codes are chosen by chance.
struct FinerPairs {
    let rows: RowPairs
    /// `float[dimensions]` of the caller's, for the row that a walk goes by.
    let query: UnsafeMutablePointer<Float>
    /// What exact scores are multiplied by to be in the unit of the codes' scores.
    let unit: Float

    /// Candidates whose estimates are compared with exact scores.
    private static let probes = 16
    /// The codes can't tell the candidates apart when their errors are more than this of what the candidates differ by, both
    /// as a mean of squares.
    static let mostError = 0.1

    /// Scores rows as seen from a slot's.
    func scorer(of slot: UInt32) -> RowScorer {
        rows.parameters.readAsQuery(rows.rows.row(Int(slot)), into: query)
        return RowScorer(rows.parameters, query, rows.rows)
    }

    /// Whether the nearer half of the sorted candidates differ by more than what codes get wrong. The others may be of
    /// another cluster, from which any codes tell them.
    func agree<P: PairScorer>(
        _ pairs: P, _ slot: UInt32, _ keys: UnsafePointer<UInt64>, _ count: Int, _ scratch: Scratch
    ) -> Bool {
        let count = (count + 1) / 2
        guard count > 2 else { return true }
        let first = Rank.rank(keys[0])
        let spread = pairs.excess(of: first, over: Rank.rank(keys[count - 1]))
        // Most candidates differ by far more than codes are off: no row has to be read for those.
        if spread > pairs.doubt(of: first) { return true }
        let probes = min(count, Self.probes)
        for i in 0..<probes { scratch.places[i] = Rank.slot(keys[i * count / probes]) }
        rows.ranks(from: slot, scratch.places, probes, scratch.ranks)
        var errors = Moments(), scores = Moments()
        for i in 0..<probes {
            let exact = Rank.score(scratch.ranks[i]) * unit
            let estimate = -pairs.excess(of: first, over: Rank.rank(keys[i * count / probes]))
            errors.add(estimate - exact)
            scores.add(exact)
        }
        return errors.variance <= Self.mostError * scores.variance
    }

    /// Ranks candidates anew, and sorts them.
    func rank(from slot: UInt32, _ keys: UnsafeMutablePointer<UInt64>, _ count: Int, _ scratch: Scratch) {
        for i in 0..<count { scratch.places[i] = Rank.slot(keys[i]) }
        rows.ranks(from: slot, scratch.places, count, scratch.ranks)
        for i in 0..<count { keys[i] = Rank.key(scratch.ranks[i], scratch.places[i]) }
        sortKeys(keys, count)
    }
}
