import CVectorKernels
import Quantization

/// The reduced codes of a code store: what walks and scans rank by first.
final class PrincipalCodes: @unchecked Sendable {
    // Unchecked: codes are written before the store's count covers them and not touched afterwards.
    let quantizer: PrincipalQuantizer
    /// 64-byte-aligned codes, `quantizer.codeBytes` bytes each.
    let codes: UnsafeMutablePointer<UInt8>
    private let region: ReservedRegion

    /// Address space for one slot, at most.
    static func reserveBytes(dimensions: Int) -> Int { dimensions / 4 }

    init(quantizer: PrincipalQuantizer, capacity: Int) throws(IndexMemoryError) {
        self.quantizer = quantizer
        region = try ReservedRegion(reserving: capacity * quantizer.codeBytes)
        codes = region.base.bindMemory(to: UInt8.self, capacity: capacity * quantizer.codeBytes)
    }

    var residentBytes: Int { region.residentBytes + quantizer.residentBytes }

    /// Makes room for the codes of `count` slots.
    func commit(_ count: Int) throws(IndexMemoryError) { try region.commit(count * quantizer.codeBytes) }

    /// - Parameter scratch: `quantizer.scratchCount` words.
    /// - Returns: how much of the source's squared length its leading components hold.
    func append(_ slot: Int, source: UnsafePointer<UInt8>, scratch: UnsafeMutablePointer<Float>) -> Float {
        quantizer.encode(source, into: codes + slot * quantizer.codeBytes, scratch: scratch)
    }

    /// Whether the leading components tell little of a row, by what `append` has returned for it.
    func isStrange(_ source: UnsafePointer<UInt8>, held: Float) -> Bool {
        let squares = Kernels.best.pointee.dot_codes.pair(source, source, quantizer.sourceBytes)
        return squares > 0 && held / Float(squares) < Self.leastShare
    }

    private static let leastShare: Float = 0.3

    /// Scores a query whose int8 code is `source`; `prepared` holds it as long as the scorer is used. With it comes how
    /// many ranks behind the k-th one of the true k best may be.
    func scorer(
        _ source: UnsafePointer<UInt8>, into prepared: UnsafeMutablePointer<UInt8>,
        scratch: UnsafeMutablePointer<Float>
    ) -> (scorer: CodeScorer, margin: UInt32) {
        let margin = quantizer.encodeQuery(source, into: prepared, scratch: scratch)
        let scorer = CodeScorer(
            kernel: quantizer.kernel, query: UnsafeRawPointer(prepared), base: UnsafePointer(codes),
            strideBytes: quantizer.codeBytes, length: quantizer.componentCount, flip: CodeScorer.greaterIsCloser)
        return (scorer, Rank.margin(margin))
    }
}
