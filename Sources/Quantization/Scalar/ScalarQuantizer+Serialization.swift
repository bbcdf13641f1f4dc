/// Why the bytes of a stored quantizer can't be used.
public enum QuantizerFormatError: Error, Equatable {
    /// The bytes end before the quantizer does, or go on after it.
    case wrongLength(Int)
    /// The first four bytes aren't those of such a quantizer.
    case notAQuantizer
    case unsupportedVersion(UInt32)
    /// A field is outside its range; the text names it.
    case invalid(String)
}

// The layout, all numbers little-endian:
//
//   offset  size  field
//        0     4  "TSQ8"
//        4     4  uint32 format version, 2
//        8     4  uint32 dimensions, 1…65,536
//       12     4  uint32 metric: 0 cosine, 1 dot, 2 euclid, 3 manhattan
//       16     8  uint64 seed of the rotation
//       24     4  float32 inputScale, a power of two
//       28     4  float32 step, positive
//       32     4  float32 reach, positive, infinite for cosine and manhattan
//       36     4  float32 errorStep, at least step
//       40   4·d  float32 center[dimensions], scaled and rotated
//
// The rotation follows from dimensions and seed. Checksums are the containing file's business.
extension ScalarQuantizer {
    private static let magic: UInt32 = 0x3851_5354
    private static let formatVersion: UInt32 = 2
    private static let headerBytes = 40

    /// Length of `serialized()`.
    public var serializedBytes: Int { Self.headerBytes + 4 * dimensions }

    /// The quantizer as bytes, the layout of which is fixed by its version. Equal quantizers give equal bytes.
    public func serialized() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(serializedBytes)
        func append<T: FixedWidthInteger>(_ value: T) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(Self.magic)
        append(Self.formatVersion)
        append(UInt32(dimensions))
        append(UInt32(metric.rawValue))
        append(seed)
        append(inputScale.bitPattern)
        append(step.bitPattern)
        append(reach.bitPattern)
        append(errorStep.bitPattern)
        for value in center { append(value.bitPattern) }
        return bytes
    }

    /// Reads what `serialized()` wrote. Any bytes are safe to pass.
    ///
    /// - Throws: `QuantizerFormatError`.
    /// - Complexity: O(dimensions).
    public convenience init(serialized bytes: some Collection<UInt8>) throws(QuantizerFormatError) {
        let bytes = Array(bytes)
        guard bytes.count >= Self.headerBytes else { throw .wrongLength(bytes.count) }
        func read<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) -> T {
            bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
        }
        guard read(UInt32.self, at: 0) == Self.magic else { throw .notAQuantizer }
        let version = read(UInt32.self, at: 4)
        guard version == Self.formatVersion else { throw .unsupportedVersion(version) }
        let dimensions = Int(read(UInt32.self, at: 8))
        guard (1...65_536).contains(dimensions) else { throw .invalid("dimensions") }
        guard let metric = UInt8(exactly: read(UInt32.self, at: 12)).flatMap(Metric.init(rawValue:)) else {
            throw .invalid("metric")
        }
        guard bytes.count == Self.headerBytes + 4 * dimensions else { throw .wrongLength(bytes.count) }
        let inputScale = Float(bitPattern: read(UInt32.self, at: 24))
        guard inputScale.isNormal, inputScale > 0, inputScale.significand == 1 else { throw .invalid("inputScale") }
        let step = Float(bitPattern: read(UInt32.self, at: 28))
        guard step.isFinite, step >= Self.smallestStep, step <= Self.largestRotated else { throw .invalid("step") }
        let reach = Float(bitPattern: read(UInt32.self, at: 32))
        guard metric == .dot || metric == .euclid ? reach >= Self.smallestReach : reach == .infinity else {
            throw .invalid("reach")
        }
        let errorStep = Float(bitPattern: read(UInt32.self, at: 36))
        guard errorStep >= step, errorStep <= Self.largestRotated else { throw .invalid("errorStep") }
        let center = (0..<dimensions).map {
            Float(bitPattern: read(UInt32.self, at: Self.headerBytes + 4 * $0))
        }
        guard center.allSatisfy({ abs($0) <= Self.largestRotated }) else { throw .invalid("center") }
        self.init(
            dimensions: dimensions, metric: metric, seed: read(UInt64.self, at: 16), inputScale: inputScale,
            step: step, center: center, reach: reach, errorStep: errorStep)
    }
}
