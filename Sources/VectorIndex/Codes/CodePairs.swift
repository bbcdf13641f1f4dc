import Quantization

/// Ranks codes against codes: what the graph's links are chosen by. Symmetric, and any two ranks compare.
struct CodePairs: PairScorer {
    private let scoring: CodePairScoring
    private let base: UnsafePointer<UInt8>
    private let strideBytes: Int
    private let terms: UnsafePointer<Float>
    /// Row scales, where there are any.
    private let scales: UnsafePointer<Float>?

    init(
        _ scoring: CodePairScoring, base: UnsafePointer<UInt8>, strideBytes: Int, terms: UnsafePointer<Float>,
        scales: UnsafePointer<Float>?
    ) {
        self.scoring = scoring
        self.base = base
        self.strideBytes = strideBytes
        self.terms = terms
        self.scales = scales
    }

    @inline(__always)
    func ranks(from slot: UInt32, _ slots: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<UInt32>) {
        out.withMemoryRebound(to: Int32.self, capacity: count) {
            scoring.kernel(base + Int(slot) * strideBytes, base, strideBytes, slots, count, strideBytes, $0)
        }
        let weight = scoring.weight
        if weight == 0 { return }
        let termWeight = scoring.termWeight
        let own = terms[Int(slot)]
        if let scales {
            let ownScale = scales[Int(slot)]
            for i in 0..<count {
                let other = Int(slots[i])
                let dot = weight * Float(Int32(bitPattern: out[i]))
                let term = termWeight * (own + terms[other])
                let scale = ownScale * scales[other]
                out[i] = Rank.of(score: scoring.scalesTerms ? scale * (dot + term) : scale * dot + term)
            }
            return
        }
        for i in 0..<count {
            let dot = Float(Int32(bitPattern: out[i]))
            out[i] = Rank.of(score: weight * dot + termWeight * (own + terms[Int(slots[i])]))
        }
    }

    /// Where rows have scales, errors differ by row: then nothing is sure.
    @inline(__always)
    func doubt(of closest: UInt32) -> Float {
        if scales != nil { return .infinity }
        if scoring.doubtByDistance == 0 { return scoring.doubt }
        return scoring.doubt + scoring.doubtByDistance * max(-Rank.score(closest), 0).squareRoot()
    }

    @inline(__always)
    func excess(of closer: UInt32, over rank: UInt32) -> Float {
        // Integers that are distances rank as they are.
        scoring.weight == 0 ? Float(rank - min(closer, rank)) : Rank.excess(of: closer, over: rank)
    }
}
