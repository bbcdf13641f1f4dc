import CVectorKernels
import Quantization
import Synchronization

/// The codes of slots 0..<`encodedCount` under one codec. Codes are appended and never change; a better codec
/// makes a new store, which takes this one's place while those who still use this one go on with it.
final class CodeStore: @unchecked Sendable {
    // Unchecked: codes are written before `encoded` covers them and not touched afterwards.
    let codec: any Codec
    /// Of one code.
    let codeBytes: Int
    let element: ElementType
    /// Slots that there is room for.
    let capacity: Int
    /// 64-byte-aligned codes, `codeBytes` bytes each.
    let codes: UnsafeMutablePointer<UInt8>
    /// The row term of each slot.
    let terms: UnsafeMutablePointer<Float>
    /// The row scale of each slot, for the metrics that have any.
    let scales: UnsafeMutablePointer<Float>?
    /// Reduced codes of the same slots, where they pay.
    let principal: PrincipalCodes?
    /// Slots that there were when the codec was trained.
    let trainedSlots: Int
    private let codeRegion: ReservedRegion
    private let termRegion: ReservedRegion
    private let scaleRegion: ReservedRegion?
    /// Whether any row scale isn't 1. Set before the count covers that row.
    private let hasScales = Atomic(false)
    private let encoded: Atomic<Int>
    /// Later slots of rows that the codec wasn't made for.
    private let strange = Atomic<Int>(0)
    /// Slots of rows so long that searches by dot product score them exactly: their estimates are off by as many times as much
    /// as those of others.
    let longRows = SlotList()
    /// From this row scale on.
    private static let longScale: Float = 16
    /// Held while appending; true once another store has taken over.
    let appending = Mutex<Bool>(false)

    static func reserveBytes(_ parameters: IndexParameters) -> Int {
        parameters.codec.codeBytes(dimensions: parameters.dimensions) + 8
            + PrincipalCodes.reserveBytes(dimensions: parameters.dimensions)
    }

    init(
        codec: any Codec, principal: PrincipalQuantizer?, element: ElementType, capacity: Int,
        trainedSlots: Int
    ) throws(IndexMemoryError) {
        self.codec = codec
        codeBytes = codec.codeBytes
        self.element = element
        self.capacity = capacity
        self.trainedSlots = trainedSlots
        codeRegion = try ReservedRegion(reserving: capacity * codeBytes)
        termRegion = try ReservedRegion(reserving: capacity * 4)
        codes = codeRegion.base.bindMemory(to: UInt8.self, capacity: capacity * codeBytes)
        terms = termRegion.base.bindMemory(to: Float.self, capacity: capacity)
        scaleRegion = codec.rowScales != nil ? try ReservedRegion(reserving: capacity * 4) : nil
        scales = scaleRegion?.base.bindMemory(to: Float.self, capacity: capacity)
        self.principal =
            if let principal { try PrincipalCodes(quantizer: principal, capacity: capacity) } else { nil }
        encoded = Atomic(0)
    }

    /// Slots that have a code.
    var encodedCount: Int { encoded.load(ordering: .acquiring) }

    /// Without the reduced codes.
    var residentBytes: Int {
        codeRegion.residentBytes + termRegion.residentBytes + (scaleRegion?.residentBytes ?? 0)
            + codec.residentBytes
    }

    /// Floats of scratch that encoding and queries need.
    private var scratchCount: Int { max(codec.scratchCount, principal?.quantizer.scratchCount ?? 0) }

    /// Encodes the slots from `encodedCount` up to `end`. Under `appending`, or before the store is shared.
    func append(_ rows: RowMatrix, upTo end: Int, scratch: Scratch) throws(IndexMemoryError) {
        let first = encodedCount
        guard first < end else { return }
        try commit(end)
        let dimensions = codec.dimensions
        scratch.ensureFloats((dimensions + scratchCount) * 4)
        let row = scratch.floats.assumingMemoryBound(to: Float.self)
        for slot in first..<end {
            element.read(rows.row(slot), dimensions: dimensions, into: row)
            let code = codes + slot * codeBytes
            let (term, scale) = codec.encode(row: row, into: code, scratch: row + dimensions)
            terms[slot] = term
            place(scale, of: slot)
            let held = principal?.append(slot, source: code, scratch: row + dimensions)
            let isLater = slot >= trainedSlots
            guard isLater else { continue }
            var isStrange = codec.isStrange(code, scale: scale)
            if let principal, let held, principal.isStrange(code, held: held) { isStrange = true }
            if isStrange { strange.add(1, ordering: .relaxed) }
        }
        encoded.store(end, ordering: .releasing)
    }

    /// Notes a row scale. Under `appending`, or before the store is shared.
    func place(_ scale: Float, of slot: Int) {
        scales?[slot] = scale
        if scale == 1 { return }
        hasScales.store(true, ordering: .relaxed)
        // Where there are more, estimates have to do.
        if scale >= Self.longScale, codec.metric == .dot { _ = longRows.append(UInt32(slot)) }
    }

    /// The row scales, where any isn't 1.
    private var scalesInUse: UnsafePointer<Float>? {
        hasScales.load(ordering: .relaxed) ? scales.map { UnsafePointer($0) } : nil
    }

    /// Whether the rows have changed so much since training that the codes should be made anew: half of the later ones
    /// are strange, and they count among all.
    var hasDrifted: Bool {
        let strange = strange.load(ordering: .relaxed)
        return strange >= 512 && 2 * strange >= encodedCount - trainedSlots && 8 * strange >= trainedSlots
    }

    /// Whether much of a row lies outside the codes' range, as it may when rows of another kind come after the training: then
    /// the code says what the row is far from, and not what it is near.
    func isClipped(_ slot: UInt32) -> Bool {
        codec.isClipped(UnsafePointer(codes + Int(slot) * codeBytes))
    }

    /// Makes room for the codes of `count` slots.
    func commit(_ count: Int) throws(IndexMemoryError) {
        guard count <= capacity else { throw .capacityReached }
        try codeRegion.commit(count * codeBytes)
        try termRegion.commit(count * 4)
        try scaleRegion?.commit(count * 4)
        try principal?.commit(count)
    }

    /// Marks the first `count` slots as encoded. Before the store is shared.
    func adopt(_ count: Int) { encoded.store(count, ordering: .releasing) }

    /// Prepares a query; `scratch` holds it as long as the scorer is used. Reducing it costs about a microsecond, and a
    /// few hundred scores win that back.
    func prepare(_ query: UnsafePointer<Float>, reducing: Bool, scratch: Scratch) -> PreparedQuery {
        prepare(scratch, reducing: reducing) { codec.encodeQuery(query, into: $0, scratch: $1) }
    }

    /// Prepares a row that is encoded already as a query, moved by a share of the way towards another.
    func prepare(slot: UInt32, towards other: (slot: UInt32, share: Float)? = nil, scratch: Scratch) -> PreparedQuery {
        func code(_ slot: UInt32) -> UnsafePointer<UInt8> { UnsafePointer(codes + Int(slot) * codeBytes) }
        func scale(_ slot: UInt32) -> Float { scales?[Int(slot)] ?? 1 }
        return prepare(scratch, reducing: true) {
            codec.encodeQuery(
                fromCode: code(slot), scale: scale(slot),
                towards: other.map { (code($0.slot), scale($0.slot), $0.share) }, into: $0, scratch: $1)
        }
    }

    @inline(__always)
    private func prepare(
        _ scratch: Scratch, reducing: Bool,
        _ encode: (UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<Float>) -> QueryTerms
    ) -> PreparedQuery {
        let scales = scalesInUse
        // Reduced codes rank by their integer alone.
        let principal = reducing && scales == nil ? self.principal : nil
        scratch.ensureQuery(codec.queryBytes + (principal?.quantizer.queryBytes ?? 0))
        scratch.ensureFloats(scratchCount * 4)
        let prepared = scratch.query.assumingMemoryBound(to: UInt8.self)
        let floats = scratch.floats.assumingMemoryBound(to: Float.self)
        let terms = encode(prepared, floats)
        return PreparedQuery(
            terms: terms, scorer: scorer(terms, prepared), termedScorer: termedScorer(terms, prepared, scales),
            scales: scales,
            first: principal?.scorer(prepared, into: prepared + codec.queryBytes, scratch: floats))
    }

    private func scorer(_ terms: QueryTerms, _ query: UnsafePointer<UInt8>) -> CodeScorer {
        CodeScorer(
            kernel: codec.kernel, query: UnsafeRawPointer(query), base: UnsafePointer(codes),
            strideBytes: codeBytes, length: codeBytes,
            flip: terms.scale > 0 ? CodeScorer.greaterIsCloser : CodeScorer.smallerIsCloser)
    }

    private func termedScorer(
        _ terms: QueryTerms, _ query: UnsafePointer<UInt8>, _ scales: UnsafePointer<Float>?
    ) -> TermedCodeScorer? {
        guard codec.queriesNeedRowTerms || scales != nil else { return nil }
        return TermedCodeScorer(
            codes: scorer(terms, query), terms: terms, rowTerms: UnsafePointer(self.terms), scales: scales)
    }

    /// Scores of slots against slots.
    var pairs: CodePairs {
        CodePairs(codec.pairs, base: codes, strideBytes: codeBytes, terms: terms, scales: scalesInUse)
    }
}

/// A query in the form that codes are scored with.
struct PreparedQuery {
    let terms: QueryTerms
    /// Ranks by the kernel's integer alone.
    let scorer: CodeScorer
    /// In its place where rows bring a term of their own.
    let termedScorer: TermedCodeScorer?
    /// Row scales by slot, where any isn't 1: errors grow with them.
    let scales: UnsafePointer<Float>?
    /// Ranks by reduced codes: rougher and cheaper. Its margin is in ranks.
    let first: (scorer: CodeScorer, margin: UInt32)?

    /// What the codes' margin is in ranks, where these are the kernel's integers.
    var margin: UInt32? {
        termedScorer == nil ? Rank.margin(terms.margin / abs(terms.scale)) : nil
    }

    /// By how much the estimated score of a slot may be off.
    func margin(_ slot: UInt32) -> Float { terms.margin * scale(slot) }

    func scale(_ slot: UInt32) -> Float { scales?[Int(slot)] ?? 1 }

    /// The estimated score behind a rank that one of the scorers gave.
    func score(_ rank: UInt32) -> Float {
        termedScorer == nil ? terms.score(Int32(bitPattern: rank ^ scorer.flip)) : Rank.score(rank)
    }
}
