import CVectorKernels

/// What makes codes of rows, and prepares queries that are scored against codes.
///
/// Whatever a code is made of, a kernel scores it: it takes a prepared query and codes, and returns an integer for each, which
/// `QueryTerms` turn into a score. Walks and scans call the kernel alone; a codec is asked once for each row and each query, so
/// that they need not know which codec it is.
///
/// Immutable. Encoding and queries allocate nothing, and may run on any number of threads.
public protocol Codec: Sendable {
    var dimensions: Int { get }
    var metric: Metric { get }
    /// Bytes of a code, a multiple of 64.
    var codeBytes: Int { get }
    /// Bytes of a prepared query, a multiple of 64.
    var queryBytes: Int { get }
    /// Floats of scratch that encoding and queries need.
    var scratchCount: Int { get }
    /// Resident bytes of the codec itself.
    var residentBytes: Int { get }

    /// The kernel that scores prepared queries against codes; call it with n = `codeBytes`.
    var kernel: tvk_code_scorer { get }
    /// Whether scores need the term that encoding a row returned; otherwise the integer alone ranks.
    var queriesNeedRowTerms: Bool { get }
    /// What row scales may be; `nil` where no row has one.
    var rowScales: ClosedRange<Float>? { get }
    /// How codes are scored against codes.
    var pairs: CodePairScoring { get }
    /// Size of an error that no code can be without, in the unit of rows: links that were chosen by codes much coarser or
    /// finer than others are not those that the others would choose.
    var resolution: Double { get }

    /// Encodes a row.
    ///
    /// - Parameters:
    ///   - row: `float[dimensions]`; for cosine of any length.
    ///   - code: `codeBytes` bytes, overwritten whole.
    ///   - scratch: `float[scratchCount]` of the caller's; overlaps neither.
    /// - Returns: The row term, finite, and the row scale: 1 for rows that need none.
    func encode(
        row: UnsafePointer<Float>, into code: UnsafeMutablePointer<UInt8>, scratch: UnsafeMutablePointer<Float>
    ) -> (term: Float, scale: Float)

    /// Prepares a query for `kernel`. Parameters as for `encode`; `prepared` has `queryBytes` bytes.
    func encodeQuery(
        _ query: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<UInt8>, scratch: UnsafeMutablePointer<Float>
    ) -> QueryTerms

    /// Makes an encoded row a query, moved towards another by a share of the way.
    func encodeQuery(
        fromCode code: UnsafePointer<UInt8>, scale: Float,
        towards other: (code: UnsafePointer<UInt8>, scale: Float, share: Float)?,
        into prepared: UnsafeMutablePointer<UInt8>, scratch: UnsafeMutablePointer<Float>
    ) -> QueryTerms

    /// Whether much of the row lies outside what the codec was trained for: its code says what the row is far from, and not
    /// what it is near.
    func isClipped(_ code: UnsafePointer<UInt8>) -> Bool
    /// Whether the row is of another kind than those of the training, in this or in another way.
    func isStrange(_ code: UnsafePointer<UInt8>, scale: Float) -> Bool

    /// What makes still smaller codes of these, if it pays: `count` sample rows of `total`. `nil` where it doesn't.
    func reducer(sample: UnsafePointer<Float>, count: Int, total: Int) -> PrincipalQuantizer?

    /// The codec as bytes, which `CodecSettings.codec(serialized:)` reads. Equal codecs give equal bytes.
    func serialized() -> [UInt8]
}

extension Codec {
    public func reducer(sample: UnsafePointer<Float>, count: Int, total: Int) -> PrincipalQuantizer? { nil }
}

/// What scores codes against codes: the integer of a kernel, or from it and the two rows' terms
/// `weight · integer + termWeight · (term + term)`.
public struct CodePairScoring: Sendable {
    public typealias Kernel =
        @convention(c) (
            UnsafeRawPointer, UnsafePointer<UInt8>, Int, UnsafePointer<UInt32>, Int, Int, UnsafeMutablePointer<Int32>
        ) -> Void

    public var kernel: Kernel
    /// Score of one integer step of a dot product; 0 where the integer is a distance and ranks as it is.
    public var weight: Float
    public var termWeight: Float
    /// Whether the terms are those of the rows before they are scaled.
    public var scalesTerms: Bool
    /// What codes may get wrong in a difference of two scores, at most.
    public var doubt: Float
    /// And what more for each unit of distance.
    public var doubtByDistance: Float
    /// What an exact score of two rows is multiplied by to be in the unit of these scores.
    public var unit: Float

    public init(
        kernel: @escaping Kernel, weight: Float, termWeight: Float, scalesTerms: Bool = false, doubt: Float,
        doubtByDistance: Float = 0, unit: Float
    ) {
        self.kernel = kernel
        self.weight = weight
        self.termWeight = termWeight
        self.scalesTerms = scalesTerms
        self.doubt = doubt
        self.doubtByDistance = doubtByDistance
        self.unit = unit
    }
}

/// Which codes rows get.
public enum CodecSettings: Sendable, Equatable {
    /// None: the stored rows are scored.
    case none
    /// One byte for each dimension.
    /// - quantile: share of the values that the codes' range covers, 0.5…1; `nil` lets the training choose.
    case int8(quantile: Float?)

    /// Trains a codec on sample rows: `float[count × dimensions]`. `nil` where there are to be no codes.
    public func train(
        sample: UnsafePointer<Float>, count: Int, dimensions: Int, metric: Metric, seed: UInt64
    ) -> (any Codec)? {
        switch self {
        case .none: nil
        case .int8(let quantile):
            ScalarQuantizer.train(
                sample: sample, count: count, dimensions: dimensions, metric: metric, quantile: quantile, seed: seed)
        }
    }

    /// Reads what `Codec.serialized()` wrote. Any bytes are safe to pass. `nil` where there are to be no codes.
    public func codec(serialized bytes: [UInt8]) throws(QuantizerFormatError) -> (any Codec)? {
        switch self {
        case .none: nil
        case .int8: try ScalarQuantizer(serialized: bytes)
        }
    }

    /// Bytes of a code; 0 where there are none.
    public func codeBytes(dimensions: Int) -> Int {
        switch self {
        case .none: 0
        case .int8: ScalarQuantizer.codeBytes(dimensions: dimensions)
        }
    }

    /// Whether reduced codes of such codes may be of use.
    public func mayReduce(_ metric: Metric, dimensions: Int) -> Bool {
        // They rank by the dot product of codes alone.
        self != .none && (metric == .cosine || metric == .dot) && PrincipalQuantizer.dimensions.contains(dimensions)
    }
}
