/// How one search is done.
public struct SearchOptions: Sendable {
    /// What the hit of a rank, counted from 1, is expected to score at least, as far as it is known.
    public struct LeastScore: Sendable, Equatable {
        public var rank: Int
        public var score: Float

        public init(rank: Int, score: Float) {
            self.rank = rank
            self.score = score
        }
    }

    /// Hits wanted; 0 or less returns none.
    public var k: Int
    /// Width of the walk; at least k is used. `nil` takes the measured default.
    public var ef: Int?
    /// Score every allowed row as it is stored: no graph, no codes.
    public var exact: Bool
    /// Leave out the tail, that is, slots published but not linked yet, unless the index is too small to have a graph.
    public var indexedOnly: Bool
    /// Score stored rows where codes would be used; the graph is still walked.
    public var ignoreCodes: Bool
    /// Score the best candidates of the codes again by their stored rows. Without it scores are the codes' estimates.
    public var rescore: Bool
    /// How many times k candidates are rescored, at least 1; never fewer than the measured default.
    public var oversampling: Double
    /// So many bytes of rows that may be returned, or fewer, are scanned (by code), whatever the measured costs are. `nil`
    /// leaves the choice to the costs.
    public var fullScanBytes: Int?
    /// When a hit scores less than it should, the search is made once more with the default width, if that is wider.
    public var leastScore: LeastScore?
    /// A scan of more slots is not begun; the search ends early, with `cancelled` set in its outcome.
    package var mostScanned = Int.max
    /// Walk the graph however little a scan would cost.
    package var prefersGraph = false
    /// Nanoseconds on some clock, with which the time of each stage is measured; `nil` measures none.
    public var clock: (@Sendable () -> Int)?
    /// A slot that is never returned.
    public var excluded: UInt32?
    /// Search as if `excluded` weren't in the graph: walks neither begin at it nor pass through it. So a point stands for a
    /// query of its kind that the index has never seen.
    public var hidesExcluded = false
    /// Polled now and then; the search ends early, with `cancelled` set in its outcome, once this answers `true`.
    public var cancelled: (@Sendable () -> Bool)?

    public init(
        k: Int, ef: Int? = nil, exact: Bool = false, indexedOnly: Bool = false, ignoreCodes: Bool = false,
        rescore: Bool = true, oversampling: Double = 1, fullScanBytes: Int? = nil, clock: (@Sendable () -> Int)? = nil,
        excluded: UInt32? = nil, cancelled: (@Sendable () -> Bool)? = nil
    ) {
        self.k = k
        self.ef = ef
        self.exact = exact
        self.indexedOnly = indexedOnly
        self.ignoreCodes = ignoreCodes
        self.rescore = rescore
        self.oversampling = oversampling
        self.fullScanBytes = fullScanBytes
        self.clock = clock
        self.excluded = excluded
        self.cancelled = cancelled
    }

    /// Whether `fullScanBytes` has so many rows scanned.
    func demandsScan(of rows: Int, rowBytes: Int) -> Bool { fullScanBytes.map { rows * rowBytes <= $0 } ?? false }
}
