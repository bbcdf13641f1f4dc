import Quantization

/// Gives ranks of slots as seen from other slots: what the graph's links are chosen by.
protocol PairScorer {
    /// out[i] = rank of slots[i] as seen from `slot`. Symmetric, and any two ranks compare.
    func ranks(from slot: UInt32, _ slots: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<UInt32>)
    /// How much better the rank `closer` is than `rank`: 0 when they are equal, in a unit that is the same for all ranks.
    func excess(of closer: UInt32, over rank: UInt32) -> Float
    /// Candidates that differ by more than this, in the unit of ``excess(of:over:)``, are told apart for sure; `closest` is the
    /// rank of the closest.
    func doubt(of closest: UInt32) -> Float
}

extension PairScorer {
    @inline(__always)
    func excess(of closer: UInt32, over rank: UInt32) -> Float { Rank.excess(of: closer, over: rank) }

    @inline(__always)
    func doubt(of closest: UInt32) -> Float { 0 }
}

extension IndexParameters {
    /// Reads a stored row as a query: rows of bytes can't be stored normalised, and their ranks would neither be
    /// symmetric nor comparable if only the other row were divided by its norm.
    func readAsQuery(_ row: UnsafeRawPointer, into query: UnsafeMutablePointer<Float>) {
        element.read(row, dimensions: dimensions, into: query)
        if metric == .cosine, element == .uint8 { Normalization.normalize(query, dimensions: dimensions) }
    }
}

/// Ranks stored rows against stored rows, for vectors so short that codes would be no smaller.
struct RowPairs: PairScorer {
    let parameters: IndexParameters
    let rows: RowMatrix
    /// `float[dimensions]` of the caller's.
    let scratch: UnsafeMutablePointer<Float>

    func ranks(from slot: UInt32, _ slots: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<UInt32>) {
        parameters.readAsQuery(rows.row(Int(slot)), into: scratch)
        RowScorer(parameters, scratch, rows).ranks(slots, count, out)
    }
}
