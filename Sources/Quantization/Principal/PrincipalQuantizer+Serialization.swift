// The layout, all numbers little-endian, K components and S source bytes:
//
//   offset  size  field
//        0     4  "TPQ4"
//        4     4  uint32 format version, 2
//        8     4  uint32 K, a multiple of 128, 128…512
//       12     4  uint32 S, a multiple of 64
//       16     4  float32 margin, for a query of length 1
//       20   4·K  float32 inverse steps
//          4·K  float32 weights
//          4·K  float32 products of the centre
//          K·S  the components, int8 XOR 0x80
//
// Checksums are the containing file's business.
extension PrincipalQuantizer {
    private static let magic: UInt32 = 0x3451_5054
    private static let formatVersion: UInt32 = 2
    private static let headerBytes = 20
    private static let largestSource = 65_536
    static let largestProduct: Float = 1e18
    /// Longer than a row can be, in steps.
    private static let largestMargin: Float = 65_536

    /// The quantizer as bytes, the layout of which is fixed by its version.
    public func serialized() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerBytes + componentCount * (12 + sourceBytes))
        func append(_ value: UInt32) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(Self.magic)
        append(Self.formatVersion)
        append(UInt32(componentCount))
        append(UInt32(sourceBytes))
        append(margin.bitPattern)
        for values in [inverseSteps, weights, centerProducts] {
            for value in values { append(value.bitPattern) }
        }
        bytes.append(contentsOf: UnsafeBufferPointer(start: components, count: componentCount * sourceBytes))
        return bytes
    }

    /// Reads what `serialized()` wrote. Any bytes are safe to pass.
    ///
    /// - Throws: `QuantizerFormatError`.
    /// - Complexity: O(bytes).
    public convenience init(serialized bytes: some Collection<UInt8>) throws(QuantizerFormatError) {
        let bytes = Array(bytes)
        guard bytes.count >= Self.headerBytes else { throw .wrongLength(bytes.count) }
        func read(at offset: Int) -> UInt32 {
            bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
        }
        guard read(at: 0) == Self.magic else { throw .notAQuantizer }
        guard read(at: 4) == Self.formatVersion else { throw .unsupportedVersion(read(at: 4)) }
        let componentCount = Int(read(at: 8))
        let sourceBytes = Int(read(at: 12))
        guard (Self.componentStep...Self.mostComponents).contains(componentCount),
            componentCount % Self.componentStep == 0
        else { throw .invalid("componentCount") }
        guard (64...Self.largestSource).contains(sourceBytes), sourceBytes % 64 == 0 else {
            throw .invalid("sourceBytes")
        }
        let start = Self.headerBytes + 12 * componentCount
        guard bytes.count == start + componentCount * sourceBytes else { throw .wrongLength(bytes.count) }
        let margin = Float(bitPattern: read(at: 16))
        guard margin >= 0, margin <= Self.largestMargin else { throw .invalid("margin") }
        func floats(at offset: Int) -> [Float] {
            (0..<componentCount).map { Float(bitPattern: read(at: offset + 4 * $0)) }
        }
        let inverseSteps = floats(at: Self.headerBytes)
        let weights = floats(at: Self.headerBytes + 4 * componentCount)
        let centerProducts = floats(at: Self.headerBytes + 8 * componentCount)
        // Products with them then stay finite.
        guard (inverseSteps + weights).allSatisfy({ abs($0) <= 1e20 }) else { throw .invalid("steps") }
        guard centerProducts.allSatisfy({ abs($0) <= Self.largestProduct }) else { throw .invalid("centerProducts") }
        self.init(
            componentCount: componentCount, sourceBytes: sourceBytes, margin: margin,
            components: bytes[start...], inverseSteps: inverseSteps, weights: weights, centerProducts: centerProducts)
    }
}
