/// What is asked of a collection's points: which of them, in what order, how many.
public struct Query: Sendable {
    /// What puts points in order.
    public enum Ranking: Sendable {
        /// Their ids, from this one on.
        case byID(from: PointID?)
        /// Their values under a payload key.
        case byValue(OrderBy)
        /// Closeness to a vector.
        case nearest(QueryVector)
    }

    public var ranking: Ranking
    /// Name of the vector that is scored; `nil` is the unnamed one.
    public var using: String?
    /// The collection in which the query's ids are looked up; `nil` for the one that is asked.
    public var lookupFrom: LookupLocation?
    public var filter: Filter?
    public var parameters = SearchParameters()
    public var limit: Int
    /// Points in front of the results that are left out; nothing of them is read.
    public var offset = 0
    public var scoreThreshold: Float?

    public init(_ ranking: Ranking = .byID(from: nil), using: String? = nil, filter: Filter? = nil, limit: Int = 10) {
        self.ranking = ranking
        self.using = using
        self.filter = filter
        self.limit = limit
    }

    /// Results, and what is left out in front of them.
    var mostLookedFor: Int {
        let (sum, overflow) = limit.addingReportingOverflow(offset)
        return overflow ? .max : sum
    }

    /// The payload key that points are ordered by.
    var orderKey: PayloadPath? { if case .byValue(let order) = ranking { order.key } else { nil } }
}

/// A query, and what is wanted of the points that it finds.
public struct QueryRequest: Sendable {
    public var query: Query
    public var payload: PayloadSelector
    public var vectors: VectorSelector
    /// Whether the result tells how it was found.
    public var explain = false

    public init(_ query: Query, payload: PayloadSelector = .none, vectors: VectorSelector = .none) {
        self.query = query
        self.payload = payload
        self.vectors = vectors
    }
}

/// What a query found.
public struct QueryResult: Sendable {
    /// In the order that was asked for: the closest first.
    public var points: [Record]
    /// Where the next page begins, for points by id; `nil` at the end.
    public var nextID: PointID?
    /// `nil` unless asked for.
    public var explanation: Explanation?
}

/// Where a query vector comes from.
public enum QueryVector: Sendable {
    case vector(VectorValue)
    /// The stored vector of a point, which is itself left out of the results.
    case id(PointID)
}

/// Another collection (and vector name) in which the ids of a query are looked up.
public struct LookupLocation: Sendable {
    public var collection: String
    public var vector: String?
    public init(collection: String, vector: String? = nil) {
        self.collection = collection
        self.vector = vector
    }
}

/// How points are scored.
public struct SearchParameters: Sendable, Hashable {
    /// Size of the candidate pool; `nil` takes the default.
    public var hnswEf: Int?
    /// The recall to aim at, over 0 and at most 1; it goes with neither `hnswEf` nor `exact`. `nil` takes the vector's or
    /// the collection's target, if there is one.
    public var recall: Double?
    public var exact: Bool = false
    /// Skips points that are not linked yet.
    public var indexedOnly: Bool = false
    /// Searches with the stored vectors in place of the codes.
    public var ignoreQuantization: Bool = false
    /// `nil`: rescoring is on.
    public var rescore: Bool?
    /// Candidates rescored, as a multiple of the limit; at least 1.
    public var oversampling: Double?
    public init() {}
}

public struct OrderBy: Sendable {
    public enum Direction: String, Sendable { case ascending = "asc", descending = "desc" }
    public var key: PayloadPath
    public var direction: Direction = .ascending
    /// A number, or microseconds of a datetime.
    public var startFrom: OrderValue?
    public init(key: PayloadPath, direction: Direction = .ascending, startFrom: OrderValue? = nil) {
        self.key = key
        self.direction = direction
        self.startFrom = startFrom
    }
}

public enum OrderValue: Sendable, Hashable {
    case integer(Int64)
    case float(Double)
}
