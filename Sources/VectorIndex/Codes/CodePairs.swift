import CVectorKernels

/// Ranks codes against codes: what the graph's links are chosen by. Symmetric, and any two ranks compare.
struct CodePairs: PairScorer {
    let gathered:
        @convention(c) (
            UnsafeRawPointer, UnsafePointer<UInt8>, Int, UnsafePointer<UInt32>, Int, Int, UnsafeMutablePointer<Int32>
        ) -> Void
    let base: UnsafePointer<UInt8>
    let strideBytes: Int
    /// Score of one integer step of a dot product; 0 where the integer is a distance and ranks as it is.
    let weight: Float
    /// What the terms of the two rows add to the score.
    let termWeight: Float
    let terms: UnsafePointer<Float>
    /// Row scales, where there are any.
    let scales: UnsafePointer<Float>?
    /// Whether the terms are those of the rows before they are scaled.
    let scalesTerms: Bool
    let doubts: Doubts

    /// What codes may get wrong in a difference of two scores, at most: for dot products `base`, for euclid more the farther
    /// apart two rows are.
    struct Doubts {
        var base: Float
        /// For each unit of distance.
        var byDistance: Float = 0
    }

    init(
        gathered:
            @escaping @convention(c) (
                UnsafeRawPointer, UnsafePointer<UInt8>, Int, UnsafePointer<UInt32>, Int, Int,
                UnsafeMutablePointer<Int32>
            ) -> Void, base: UnsafePointer<UInt8>, strideBytes: Int, weight: Float, termWeight: Float,
        terms: UnsafePointer<Float>, scales: UnsafePointer<Float>? = nil, scalesTerms: Bool = false,
        doubts: Doubts
    ) {
        self.gathered = gathered
        self.base = base
        self.strideBytes = strideBytes
        self.weight = weight
        self.termWeight = termWeight
        self.terms = terms
        self.scales = scales
        self.scalesTerms = scalesTerms
        self.doubts = doubts
    }

    @inline(__always)
    func ranks(from slot: UInt32, _ slots: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<UInt32>) {
        out.withMemoryRebound(to: Int32.self, capacity: count) {
            gathered(base + Int(slot) * strideBytes, base, strideBytes, slots, count, strideBytes, $0)
        }
        if weight == 0 { return }
        let own = terms[Int(slot)]
        if let scales {
            let ownScale = scales[Int(slot)]
            for i in 0..<count {
                let other = Int(slots[i])
                let dot = weight * Float(Int32(bitPattern: out[i]))
                let term = termWeight * (own + terms[other])
                let scale = ownScale * scales[other]
                out[i] = Rank.of(score: scalesTerms ? scale * (dot + term) : scale * dot + term)
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
        if doubts.byDistance == 0 { return doubts.base }
        return doubts.base + doubts.byDistance * max(-Rank.score(closest), 0).squareRoot()
    }

    @inline(__always)
    func excess(of closer: UInt32, over rank: UInt32) -> Float {
        // Integers that are distances rank as they are.
        weight == 0 ? Float(rank - min(closer, rank)) : Rank.excess(of: closer, over: rank)
    }
}
