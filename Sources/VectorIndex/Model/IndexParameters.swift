import Quantization

/// What a vector index is made for. Two indexes with equal parameters fed with equal rows by one thread are equal.
public struct IndexParameters: Sendable, Equatable {
    /// Elements of a vector, 1…65,536.
    public var dimensions: Int
    public var metric: Metric
    /// How the stored rows hold their elements.
    public var element: ElementType
    /// Links of a node at each upper level; level 0 holds twice as many. 0 builds no graph: searches scan the codes.
    /// Values over ``maximumM`` count as that, and 1 counts as 2.
    public var m: Int
    /// Width of the walk that finds a new node's neighbours, 1…``maximumEfConstruct``.
    public var efConstruct: Int
    /// Without codes searches and links go by the stored rows: exact scores at the price of memory traffic.
    public var codec: CodecSettings
    /// Seeds node levels and sampling.
    public var seed: UInt64
    /// Whether walks and scans may rank by reduced codes first, where training finds that they pay.
    public var usesPrincipalCodes: Bool
    /// So many candidates are scanned in place of a walk while the graph's slots haven't been looked for: a sixth of a
    /// millisecond by codes of 128 bytes.
    package var mostScannedUnchecked = 65_536
    /// What the index may take of the process's addresses.
    public var limits = IndexLimits()

    public static let maximumM = 512
    public static let maximumDimensions = 65_536
    public static let maximumEfConstruct = 100_000

    public init(
        dimensions: Int, metric: Metric, element: ElementType = .float32, m: Int = 16, efConstruct: Int = 100,
        codec: CodecSettings = .int8(quantile: nil), seed: UInt64 = 0x5DEE_CE66, usesPrincipalCodes: Bool = true
    ) {
        self.dimensions = dimensions
        self.metric = metric
        self.element = element
        self.m = m
        self.efConstruct = efConstruct
        self.codec = codec
        self.seed = seed
        self.usesPrincipalCodes = usesPrincipalCodes
    }

    /// Bytes of a stored row, unpadded.
    public var rowBytes: Int {
        switch element {
        case .float32: dimensions * 4
        case .float16: dimensions * 2
        case .uint8: dimensions
        }
    }

    /// The width of a walk that asks for none: recall@10 of 0.994 on 50,000 sentence embeddings at m = 16 and efConstruct =
    /// 100.
    public func defaultWidth(k: Int) -> Int { max(efConstruct, 160, 2 * k) }

    /// Whether walks and links go by the stored rows: rows this short take no more memory traffic than codes, whose 255
    /// steps couldn't tell close rows apart in so few dimensions. Without codes there is nothing else.
    var scoresRows: Bool { dimensions <= 16 || codec == .none }

    /// Bytes that a scan reads of each slot, at most.
    func scannedBytes(_ scores: SearchPlan.Scores) -> Int {
        switch scores {
        case .rows: rowBytes
        case .codes: dimensions
        }
    }

    /// Whether reduced codes are of use at all.
    var mayReduceCodes: Bool { usesPrincipalCodes && codec.mayReduce(metric, dimensions: dimensions) }

    /// `m` as the graph uses it: 0, or 2…``maximumM``.
    var effectiveM: Int { m <= 0 ? 0 : min(max(m, 2), Self.maximumM) }
}

/// Address space that one index sets aside when it is built, at least; more is set aside where there are many rows already. It
/// costs no memory before it is used, and a process has 128 TiB of it.
///
/// All limits are equal: they don't change what an index is.
public struct IndexLimits: Sendable, Equatable {
    /// For codes, which get more with each training. 16 GiB are 17 million slots of 768 dimensions.
    public var codeBytes: Int
    /// For the graph, which doesn't. 48 GiB are 370 million slots at m = 16.
    public var graphBytes: Int
    /// Room for so many times the slots that there are.
    public var growth: Int

    public init(codeBytes: Int = 16 << 30, graphBytes: Int = 48 << 30, growth: Int = 16) {
        self.codeBytes = codeBytes
        self.graphBytes = graphBytes
        self.growth = growth
    }

    public static func == (a: IndexLimits, b: IndexLimits) -> Bool { true }
}
