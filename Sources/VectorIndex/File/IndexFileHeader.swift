import Quantization

/// The fixed start of an index file. `docs/FORMAT-index.md` describes every byte.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | magic `TDXINDEX` |
/// | 8 | 4 | format version, 4 |
/// | 12 | 4 | dimensions |
/// | 16 | 1 | metric: 0 cosine, 1 dot, 2 euclid, 3 manhattan |
/// | 17 | 1 | element: 0 float32, 1 float16, 2 uint8 |
/// | 18 | 2 | m (0: no graph) |
/// | 20 | 4 | efConstruct |
/// | 24 | 8 | seed |
/// | 32 | 4 | quantile, float32 bits; all ones: none; all ones but the last: there are no codes |
/// | 36 | 4 | bytes of a code |
/// | 40 | 8 | slots |
/// | 48 | 8 | live slots that the codec was trained for |
/// | 56 | 8 | entry point: slot in the low half, level in the high half; all ones: none |
/// | 64 | 8 | bytes of the codec's section |
/// | 72 | 8 | bytes of the upper-levels section |
/// | 80 | 8 | bytes of the reducing quantizer's section; 0: there are no reduced codes |
/// | 88 | 8 | bytes of a reduced code |
/// | 96 | 8 | bytes of the scales section: 4 a slot, or 0 where rows have no scales |
/// | 104 | 8 | further entry points |
/// | 112 | 8 | slots that the last check had in front of it; 0: they have not been looked for |
/// | 120 | 8 | reserved, 0 |
/// | 128 | 72 | XXH64 of the sections, in the order of ``Section`` |
/// | 200 | 8 | XXH64 of bytes 0..<200 |
struct IndexFileHeader: Equatable {
    static let magic = Array("TDXINDEX".utf8)
    static let version: UInt32 = 4
    static let byteCount = 208
    private static let hashesOffset = 128
    private static let ownHashOffset = 200
    static let none32 = UInt32.max
    static let noCodes = UInt32.max - 1

    var dimensions: UInt32
    var metric: UInt8
    var element: UInt8
    var m: UInt16
    var efConstruct: UInt32
    var seed: UInt64
    var quantileBits: UInt32
    var codeBytes: UInt32 = 0
    var slots: UInt64 = 0
    var trainedCount: UInt64 = 0
    var entry: UInt64 = .max
    var codecBytes: UInt64 = 0
    var upperBytes: UInt64 = 0
    var reducerBytes: UInt64 = 0
    var reducedCodeBytes: UInt64 = 0
    var scaleBytes: UInt64 = 0
    var entryCount: UInt64 = 0
    var checkedSlots: UInt64 = 0
    var hashes = [UInt64](repeating: 0, count: Section.allCases.count)

    /// The parts of the file, in their order.
    enum Section: Int, CaseIterable {
        case codec, reducer, codes, reducedCodes, terms, scales, baseLinks, upperLevels, entryPoints
    }

    init(_ parameters: IndexParameters) {
        dimensions = UInt32(parameters.dimensions)
        metric = parameters.metric.rawValue
        element = parameters.element.rawValue
        m = UInt16(parameters.effectiveM)
        efConstruct = UInt32(clamping: parameters.efConstruct)
        seed = parameters.seed
        quantileBits =
            switch parameters.codec {
            case .none: Self.noCodes
            case .int8(let quantile): quantile?.bitPattern ?? Self.none32
            }
    }

    /// Bytes of codes, reduced codes, terms and base links, from the counts.
    var codeSectionBytes: UInt64 { slots * UInt64(codeBytes) }
    var reducedSectionBytes: UInt64 { slots * reducedCodeBytes }
    var termSectionBytes: UInt64 { codecBytes == 0 ? 0 : slots * 4 }
    var baseSectionBytes: UInt64 { slots * UInt64(m) * 8 }
    var entrySectionBytes: UInt64 { entryCount * 4 }

    func encoded() -> [UInt8] {
        var bytes = Self.magic
        func put<T: FixedWidthInteger>(_ value: T) { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
        put(Self.version)
        put(dimensions)
        put(metric)
        put(element)
        put(m)
        put(efConstruct)
        put(seed)
        put(quantileBits)
        put(codeBytes)
        put(slots)
        put(trainedCount)
        put(entry)
        put(codecBytes)
        put(upperBytes)
        put(reducerBytes)
        put(reducedCodeBytes)
        put(scaleBytes)
        put(entryCount)
        put(checkedSlots)
        // Reserved.
        put(UInt64(0))
        for hash in hashes { put(hash) }
        var own = Hash64()
        bytes.withUnsafeBytes { own.update($0) }
        put(own.value)
        return bytes
    }

    /// - Throws: ``IndexFileError/damaged(_:)``.
    init(_ bytes: UnsafeRawBufferPointer) throws(IndexFileError) {
        guard bytes.count >= Self.byteCount else { throw .damaged("shorter than its header") }
        guard bytes[0..<8].elementsEqual(Self.magic) else { throw .damaged("not an index file") }
        func get<T: FixedWidthInteger>(_ offset: Int, as type: T.Type = T.self) -> T {
            T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
        }
        let version: UInt32 = get(8)
        guard version == Self.version else { throw .damaged("format version \(version)") }
        var own = Hash64()
        own.update(UnsafeRawBufferPointer(rebasing: bytes[0..<Self.ownHashOffset]))
        guard get(Self.ownHashOffset, as: UInt64.self) == own.value else { throw .damaged("the header's hash differs") }
        dimensions = get(12)
        metric = get(16)
        element = get(17)
        m = get(18)
        efConstruct = get(20)
        seed = get(24)
        quantileBits = get(32)
        codeBytes = get(36)
        slots = get(40)
        trainedCount = get(48)
        entry = get(56)
        codecBytes = get(64)
        upperBytes = get(72)
        reducerBytes = get(80)
        reducedCodeBytes = get(88)
        scaleBytes = get(96)
        entryCount = get(104)
        checkedSlots = get(112)
        hashes = Section.allCases.map { get(Self.hashesOffset + 8 * $0.rawValue) }
    }

    /// What the file was made for, if that differs from the parameters in settings alone.
    func parameters(like other: IndexParameters) -> IndexParameters? {
        var saved = other
        saved.m = Int(m)
        saved.efConstruct = Int(efConstruct)
        let quantile = quantileBits == Self.none32 ? nil : Float(bitPattern: quantileBits)
        saved.codec = quantileBits == Self.noCodes ? .none : .int8(quantile: quantile)
        guard fits(IndexFileHeader(saved)), 1...UInt32(IndexParameters.maximumEfConstruct) ~= efConstruct,
            m <= IndexParameters.maximumM,
            quantileBits == Self.noCodes || quantile.map({ 0.5...1 ~= $0 }) ?? true
        else { return nil }
        return saved
    }

    /// Whether both files would be made for the same parameters.
    func fits(_ other: IndexFileHeader) -> Bool {
        dimensions == other.dimensions && metric == other.metric && element == other.element && m == other.m
            && efConstruct == other.efConstruct && seed == other.seed && quantileBits == other.quantileBits
    }
}
