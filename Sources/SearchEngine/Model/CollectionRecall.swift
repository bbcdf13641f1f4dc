/// The recall of a collection's searches: the share of the true nearest points that they find.
public struct CollectionRecall: Sendable {
    public struct Vector: Sendable {
        public var name: String
        /// The recall that searches of this vector aim at which ask for neither a width nor a recall; `nil` for none.
        public var target: Double?
        /// Whether the vector has no graph, because it has few points or `m` is 0. Searches scan then, and the background
        /// measures nothing.
        public var isScanned: Bool
        /// What the background has measured last; `nil` before the first time.
        public var background: RecallFigures?
        public var backgroundState: BackgroundState
        /// What was measured for this answer; `nil` unless asked for.
        public var measured: RecallFigures?
        public var reachability: Reachability
    }

    /// What the background does for a vector's figures, or waits for.
    public enum BackgroundState: String, Sendable {
        /// It measures nothing: `TRENDEX__RECALL_AUDIT` is false.
        case off
        /// The vector has no graph.
        case noGraph = "no_graph"
        /// Points are still to be linked.
        case waitingForLinking = "waiting_for_linking"
        /// Linked points are still to be looked for.
        case waitingForCheck = "waiting_for_check"
        /// A measurement is due, and begins within seconds or after those of other vectors.
        case waitingForTurn = "waiting_for_turn"
        case measuring
        /// The figures are of the index as it is.
        case measured
    }

    /// Whether searches find points by their own vectors, as far as that has been looked at.
    public struct Reachability: Sendable, Equatable {
        /// Slots in the graph.
        public var linked: Int
        /// Those of them that have been looked for.
        public var checked: Int
        /// Slots that weren't found, and were linked anew or made entry points.
        public var mended: Int
        /// Slots that aren't found and for which nothing could be done; `nil` until all slots have been looked for once.
        public var unreachable: Int?
        /// Places where walks begin besides the usual one.
        public var entryPoints: Int
    }

    public var vectors: [Vector]
}

/// A measured recall.
public struct RecallFigures: Sendable, Equatable {
    /// Recall against the width of walks.
    public struct Curve: Sendable, Equatable {
        public struct Point: Sendable, Equatable {
            public var width: Int
            public var recall: Double
            /// The 95 % confidence interval.
            public var bounds: ClosedRange<Double>
        }
        /// Results a query.
        public var k: Int
        public var points: [Point]
    }

    /// Queries that are harder than the rest, told apart by where their vectors lie.
    public struct Population: Sendable, Equatable {
        /// Of the sample's queries.
        public var share: Double
        /// Queries that were measured; more than its share where more points of this kind were found.
        public var queries: Int
        public var recall: Double
        /// The 95 % confidence interval.
        public var bounds: ClosedRange<Double>
        /// By ascending `k`.
        public var curves: [Curve]
    }

    /// Results a query.
    public var k: Int
    /// Width of the widest walk; `nil` if all queries were answered by scans.
    public var width: Int?
    /// Mean share of the true k best that was found: 0…1. Without any query 0.
    public var recall: Double
    /// The 95 % confidence interval for all queries of the sample's kind.
    public var bounds: ClosedRange<Double>
    public var queries: Int
    /// Queries that are points of the collection, searched for as if they weren't there.
    public var ownQueries: Int
    /// Queries that were asked by searches lately.
    public var recentQueries: Int
    /// Queries of whose true best none was found.
    public var lostQueries: Int
    /// Live points that have the vector.
    public var points: Int
    /// Points that match the filter; `nil` without one.
    public var filterMatching: Int?
    /// When the measurement ended.
    public var time: ContinuousClock.Instant
    /// By ascending `k`; empty for what was measured on request.
    public var curves: [Curve] = []
    /// Hardest first; empty where all queries find about the same.
    public var hardPopulations: [Population] = []
}

/// What to tell of a collection's recall, and what to measure for it.
public struct RecallRequest: Sendable {
    public static let samples = 1...1_000
    public static let ks = 1...100
    private static let defaultSample = 100
    private static let defaultK = 10

    /// Queries, 1…1,000; `nil` is 100.
    public var sample: Int?
    /// Results a query, 1…100; `nil` is 10.
    public var k: Int?
    /// Width of the walks, at least 1; `nil` is what a search takes that asks for nothing.
    public var hnswEf: Int?
    /// Name of the only vector to be told of; `nil` tells of all.
    public var using: String?
    public var filter: Filter?
    public init() {}

    /// Whether anything is to be measured now. Without any wish the background's figures are enough.
    var measures: Bool { sample != nil || k != nil || hnswEf != nil || filter != nil }

    var sampleSize: Int { sample ?? Self.defaultSample }
    var resultCount: Int { k ?? Self.defaultK }

    /// Throws `.outOfRange`.
    func validate() throws {
        for (field, value, range) in [("sample", sampleSize, Self.samples), ("k", resultCount, Self.ks)]
        where !range.contains(value) {
            throw EngineError.outOfRange(
                field: field,
                "value \(value) invalid, must be from \(range.lowerBound) to \(range.upperBound)")
        }
        if let hnswEf, hnswEf < 1 {
            throw EngineError.outOfRange(field: "hnsw_ef", "value \(hnswEf) invalid, must be 1 or larger")
        }
    }
}
