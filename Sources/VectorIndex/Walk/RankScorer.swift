import CVectorKernels
import Quantization

/// Gives ranks of slots for one query. Walks are generic over it and specialised, so a call costs what the kernel costs.
protocol RankScorer {
    /// Bytes that are read to rank one slot.
    var bytesPerRank: Int { get }
    /// out[i] = rank of slots[i] for i < count; every slot is below the walk's limit.
    func ranks(_ slots: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<UInt32>)
    /// out[i] = rank of slot first + i.
    func rangeRanks(_ first: Int, _ count: Int, _ out: UnsafeMutablePointer<UInt32>)
    /// Goes on with a best-first search on one level, for `hopLimit` hops at most.
    func walk(
        _ links: LevelLinks, limit: UInt32, pool: inout CandidatePool, hopLimit: Int, scratch: Scratch,
        cost: inout WalkCost)
    /// The same on level 0 for admitted slots.
    func walk(
        _ links: LevelLinks, limit: UInt32, admitted: inout AdmittedPool, hopLimit: Int, scratch: Scratch,
        cost: inout WalkCost)
    /// The same over admitted slots alone, through neighbours of neighbours.
    func walkTwoHop(
        _ links: LevelLinks, _ admission: Admission, limit: UInt32, pool: inout CandidatePool, hopLimit: Int,
        scratch: Scratch, cost: inout WalkCost)
}

extension RankScorer {
    @inline(__always)
    func walk(
        _ links: LevelLinks, limit: UInt32, pool: inout CandidatePool, hopLimit: Int, scratch: Scratch,
        cost: inout WalkCost
    ) {
        plainWalk(self, links, limit: limit, pool: &pool, hopLimit: hopLimit, scratch: scratch, cost: &cost)
    }

    @inline(__always)
    func walk(
        _ links: LevelLinks, limit: UInt32, admitted: inout AdmittedPool, hopLimit: Int, scratch: Scratch,
        cost: inout WalkCost
    ) {
        plainWalk(self, links, limit: limit, admitted: &admitted, hopLimit: hopLimit, scratch: scratch, cost: &cost)
    }

    @inline(__always)
    func walkTwoHop(
        _ links: LevelLinks, _ admission: Admission, limit: UInt32, pool: inout CandidatePool, hopLimit: Int,
        scratch: Scratch, cost: inout WalkCost
    ) {
        plainTwoHopWalk(
            self, links, admission, limit: limit, pool: &pool, hopLimit: hopLimit, scratch: scratch, cost: &cost)
    }
}

/// Scores codes. The integer that the kernel gives ranks alone; `flip` turns its bits into a rank.
struct CodeScorer: RankScorer {
    let gathered:
        @convention(c) (
            UnsafeRawPointer, UnsafePointer<UInt8>, Int, UnsafePointer<UInt32>, Int, Int, UnsafeMutablePointer<Int32>
        ) -> Void
    let range:
        @convention(c) (UnsafeRawPointer, UnsafePointer<UInt8>, Int, Int, Int, UnsafeMutablePointer<Int32>) -> Void
    let walking: @convention(c) (UnsafeMutablePointer<tvk_walk>) -> Void
    let walkingTwoHop: @convention(c) (UnsafeMutablePointer<tvk_walk>) -> Void
    let query: UnsafeRawPointer
    let base: UnsafePointer<UInt8>
    let strideBytes: Int
    /// Elements of a code as the kernel counts them.
    let length: Int
    let flip: UInt32

    var bytesPerRank: Int { strideBytes }

    /// Greater integers are closer, as with a dot product.
    static let greaterIsCloser: UInt32 = 0x7FFF_FFFF
    /// Smaller integers, seen as unsigned, are closer, as with a distance.
    static let smallerIsCloser: UInt32 = 0

    init(
        kernel: tvk_code_scorer, query: UnsafeRawPointer, base: UnsafePointer<UInt8>, strideBytes: Int, length: Int,
        flip: UInt32
    ) {
        gathered = kernel.gathered
        range = kernel.range
        walking = kernel.walk
        walkingTwoHop = kernel.walk_two_hop
        self.query = query
        self.base = base
        self.strideBytes = strideBytes
        self.length = length
        self.flip = flip
    }

    @inline(__always)
    func ranks(_ slots: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<UInt32>) {
        out.withMemoryRebound(to: Int32.self, capacity: count) {
            gathered(query, base, strideBytes, slots, count, length, $0)
        }
        turn(out, count)
    }

    @inline(__always)
    func rangeRanks(_ first: Int, _ count: Int, _ out: UnsafeMutablePointer<UInt32>) {
        out.withMemoryRebound(to: Int32.self, capacity: count) {
            range(query, base + first * strideBytes, strideBytes, count, length, $0)
        }
        turn(out, count)
    }

    /// A list of another level than 0 is found by more than its slot.
    @inline(__always)
    func walk(
        _ links: LevelLinks, limit: UInt32, pool: inout CandidatePool, hopLimit: Int, scratch: Scratch,
        cost: inout WalkCost
    ) {
        guard links.level == 0 else {
            plainWalk(self, links, limit: limit, pool: &pool, hopLimit: hopLimit, scratch: scratch, cost: &cost)
            return
        }
        var run = run(links, limit, pool, hopLimit, scratch)
        walking(&run)
        pool.resume(count: run.count, cursor: run.cursor)
        cost.hops += run.hops
        cost.scored += run.scored
    }

    @inline(__always)
    func walk(
        _ links: LevelLinks, limit: UInt32, admitted: inout AdmittedPool, hopLimit: Int, scratch: Scratch,
        cost: inout WalkCost
    ) {
        var run = run(links, limit, admitted.pool, hopLimit, scratch)
        run.admitted = admitted.admission.words
        run.wanted = admitted.wanted
        run.found = admitted.found
        run.admitted_scored = admitted.scored
        walking(&run)
        admitted.pool.resume(count: run.count, cursor: run.cursor)
        admitted.found = run.found
        admitted.scored = run.admitted_scored
        cost.hops += run.hops
        cost.scored += run.scored
    }

    @inline(__always)
    func walkTwoHop(
        _ links: LevelLinks, _ admission: Admission, limit: UInt32, pool: inout CandidatePool, hopLimit: Int,
        scratch: Scratch, cost: inout WalkCost
    ) {
        var run = run(links, limit, pool, hopLimit, scratch)
        run.admitted = admission.words
        run.wanted = links.enoughAdmitted
        run.bridges = scratch.list
        walkingTwoHop(&run)
        pool.resume(count: run.count, cursor: run.cursor)
        cost.hops += run.hops
        cost.scored += run.scored
        cost.bridged += run.bridged
    }

    @inline(__always)
    private func run(
        _ links: LevelLinks, _ limit: UInt32, _ pool: CandidatePool, _ hopLimit: Int, _ scratch: Scratch
    ) -> tvk_walk {
        tvk_walk(
            query: query, codes: base, stride: strideBytes, n: length, flip: flip, limit: limit,
            links: UnsafeRawPointer(links.base).assumingMemoryBound(to: UInt32.self), link_stride: links.stride,
            degree: links.degree, marks: scratch.marks, epoch: scratch.epoch, pool: pool.keys, capacity: pool.capacity,
            count: pool.count, cursor: pool.cursor, admitted: nil, wanted: 0, found: 0, admitted_scored: 0,
            batch: scratch.batch, ranks: scratch.ranks, bridges: nil, hop_limit: hopLimit, hops: 0, scored: 0,
            bridged: 0)
    }

    @inline(__always)
    private func turn(_ out: UnsafeMutablePointer<UInt32>, _ count: Int) {
        if flip == 0 { return }
        for i in 0..<count { out[i] ^= flip }
    }
}

/// Scores stored rows with a float32 query.
struct RowScorer: RankScorer {
    let kernel: tvk_float_scorer
    let query: UnsafePointer<Float>
    let base: UnsafeRawPointer
    let rowBytes: Int
    /// Dimensions.
    let length: Int
    /// The kernel gives a distance: the score is its negation.
    let isDistance: Bool
    /// Rows of bytes that aren't normalised are to be scored as if they were.
    let normalizesBytes: Bool

    var bytesPerRank: Int { rowBytes }

    init(_ parameters: IndexParameters, _ query: UnsafePointer<Float>, _ rows: RowMatrix) {
        let kernels = Kernels.best
        let family =
            switch parameters.element {
            case .float32: kernels.pointee.f32
            case .float16: kernels.pointee.f16
            case .uint8: kernels.pointee.u8
            }
        switch parameters.metric {
        case .cosine, .dot: kernel = family.dot
        case .euclid: kernel = family.l2
        case .manhattan: kernel = family.l1
        }
        isDistance = parameters.metric == .euclid || parameters.metric == .manhattan
        normalizesBytes = parameters.metric == .cosine && parameters.element == .uint8
        self.query = query
        base = rows.base
        rowBytes = rows.rowBytes
        length = parameters.dimensions
    }

    @inline(__always)
    func ranks(_ slots: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<UInt32>) {
        out.withMemoryRebound(to: Float.self, capacity: count) {
            kernel.gathered(query, base, rowBytes, slots, count, length, $0)
        }
        for i in 0..<count {
            out[i] = Rank.of(score: finish(Float(bitPattern: out[i]), Int(slots[i])))
        }
    }

    @inline(__always)
    func rangeRanks(_ first: Int, _ count: Int, _ out: UnsafeMutablePointer<UInt32>) {
        out.withMemoryRebound(to: Float.self, capacity: count) {
            kernel.range(query, base + first * rowBytes, rowBytes, count, length, $0)
        }
        for i in 0..<count { out[i] = Rank.of(score: finish(Float(bitPattern: out[i]), first + i)) }
    }

    /// The score of one row.
    func score(_ slot: Int) -> Float { finish(kernel.pair(query, base + slot * rowBytes, length), slot) }

    /// The kernel's value as a score.
    @inline(__always)
    private func finish(_ value: Float, _ slot: Int) -> Float {
        if normalizesBytes { return normalized(value, slot) }
        return isDistance ? -value : value
    }

    @inline(never)
    private func normalized(_ value: Float, _ slot: Int) -> Float {
        let row = (base + slot * rowBytes).assumingMemoryBound(to: UInt8.self)
        let squared = Kernels.best.pointee.sum_squares_u8(row, length)
        return squared == 0 ? 0 : value / Float(squared).squareRoot()
    }
}

/// Scores codes whose rows bring something of their own: a term that is added, as with Euclidean distance, or a scale.
struct TermedCodeScorer: RankScorer {
    let codes: CodeScorer
    let terms: QueryTerms
    let rowTerms: UnsafePointer<Float>
    /// `nil` where all are 1.
    let scales: UnsafePointer<Float>?

    var bytesPerRank: Int { codes.bytesPerRank }

    @inline(__always)
    private func rank(_ integer: UInt32, _ slot: Int) -> UInt32 {
        let integer = Int32(bitPattern: integer)
        guard let scales else { return Rank.of(score: terms.score(integer, rowTerm: rowTerms[slot])) }
        return Rank.of(score: terms.score(integer, rowTerm: rowTerms[slot], rowScale: scales[slot]))
    }

    @inline(__always)
    func ranks(_ slots: UnsafePointer<UInt32>, _ count: Int, _ out: UnsafeMutablePointer<UInt32>) {
        out.withMemoryRebound(to: Int32.self, capacity: count) {
            codes.gathered(codes.query, codes.base, codes.strideBytes, slots, count, codes.length, $0)
        }
        for i in 0..<count {
            out[i] = rank(out[i], Int(slots[i]))
        }
    }

    @inline(__always)
    func rangeRanks(_ first: Int, _ count: Int, _ out: UnsafeMutablePointer<UInt32>) {
        out.withMemoryRebound(to: Int32.self, capacity: count) {
            codes.range(
                codes.query, codes.base + first * codes.strideBytes, codes.strideBytes, count, codes.length, $0)
        }
        for i in 0..<count {
            out[i] = rank(out[i], first + i)
        }
    }
}
