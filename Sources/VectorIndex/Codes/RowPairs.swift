import Quantization

/// Gives ranks of slots as seen from other slots: what the graph's links are chosen by.
protocol PairScorer {
    /// out[i] = rank of slots[i] as seen from `slot`. Symmetric, and any two ranks compare.
    func ranks(from slot: UInt32, _ slots: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<UInt32>)
}

/// Ranks stored rows against stored rows, for vectors so short that codes would be no smaller.
struct RowPairs: PairScorer {
    let parameters: IndexParameters
    let rows: RowMatrix
    /// `float[dimensions]` of the caller's.
    let scratch: UnsafeMutablePointer<Float>

    func ranks(from slot: UInt32, _ slots: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<UInt32>) {
        parameters.element.read(rows.row(Int(slot)), dimensions: parameters.dimensions, into: scratch)
        RowScorer(parameters, scratch, rows).ranks(slots, count, out)
    }
}
