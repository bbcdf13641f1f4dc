import SearchEngine

/// Nearest neighbours: the older `search` and the universal `query`.
public enum SearchOperations {
    /// All see one state of the collection.
    public static let search = Operation<CollectionRequest<[SearchRequest]>, [SearchResult]>(.read) {
        services, caller, request in
        try validateEach(request.body) { try $0.validate() }
        return try services.engine.search(request.collection, request.body, deadline: caller.deadline)
    }

    public static let query = Operation<CollectionRequest<[PointQuery]>, [QueryResult]>(.read) {
        services, caller, request in
        try validateEach(request.body) { try $0.validate() }
        // Searches by vectors go to the engine together.
        let searches = request.body.compactMap(\.search)
        var found =
            searches.isEmpty
            ? [][...] : try services.engine.search(request.collection, searches, deadline: caller.deadline)[...]
        return try request.body.map { query in
            if query.search != nil { return QueryResult(found.removeFirst()) }
            return QueryResult(
                try services.engine.scroll(request.collection, query.scroll, deadline: caller.deadline))
        }
    }

    /// A search for a thread that must not wait.
    public struct BriefSearch: Sendable {
        public var request: SearchRequest
        /// CPU time after which the search is given up.
        public var budget: Duration
        /// Points after which a scan isn't begun.
        public var mostScanned: Int

        public init(_ request: SearchRequest, budget: Duration, mostScanned: Int) {
            self.request = request
            self.budget = budget
            self.mostScanned = mostScanned
        }
    }

    /// Never blocks. `nil` when the search would have to wait or takes too long.
    public static let searchAtOnce = Operation<CollectionRequest<BriefSearch>, SearchResult?>(.read) {
        services, _, request in
        try request.body.request.validate()
        return try services.engine.searchAtOnce(
            request.collection, request.body.request, within: request.body.budget,
            scanning: request.body.mostScanned)
    }

    /// Names the place of the one that is wrong, if there are several.
    private static func validateEach<Request>(_ requests: [Request], _ validate: (Request) throws -> Void) throws {
        for (place, request) in requests.enumerated() {
            do { try validate(request) } catch let error as ServiceError where requests.count > 1 {
                throw error.below("searches[\(place)]")
            }
        }
    }
}

/// What the universal query asks for.
public struct PointQuery: Sendable {
    public enum Target: Sendable {
        /// Points by their ids.
        case none
        case nearest(QueryVector)
        case orderBy(OrderBy)
    }

    public var target = Target.none
    /// All but the vector.
    public var request = SearchRequest(query: .vector([]))

    public init() {}

    /// The search by a vector or a point; `nil` for other queries.
    public var search: SearchRequest? {
        guard case .nearest(let vector) = target else { return nil }
        var search = request
        search.query = vector
        return search
    }

    var scroll: ScrollRequest {
        var scroll = ScrollRequest()
        scroll.limit = request.limit
        scroll.skipped = request.offset
        scroll.filter = request.filter
        scroll.payload = request.payload
        scroll.vectors = request.vectors
        scroll.explain = request.explain
        if case .orderBy(let order) = target { scroll.orderBy = order }
        return scroll
    }

    func validate() throws {
        try request.validate()
        if case .nearest = target { return }
        guard request.using == nil || request.using == "" else {
            throw ServiceError.invalid("`using` needs a query by a vector or a point")
        }
        guard request.scoreThreshold == nil else {
            throw ServiceError.invalid("`score_threshold` needs a query by a vector or a point")
        }
    }
}

public struct QueryResult: Sendable {
    public enum Points: Sendable {
        case scored([ScoredPoint])
        case records([Record])
    }

    public var points: Points
    public var explanation: Explanation?

    public init(_ page: ScrollPage) {
        points = .records(page.points)
        explanation = page.explanation
    }

    public init(_ result: SearchResult) {
        points = .scored(result.points)
        explanation = result.explanation
    }
}

extension SearchRequest {
    fileprivate func validate() throws {
        try requireLimit(limit)
        if let ef = parameters.hnswEf, ef < 1 {
            throw ServiceError.outOfRange("params.hnsw_ef", "value \(ef) invalid, must be 1 or larger")
        }
        if let factor = parameters.oversampling, !(factor >= 1) {
            throw ServiceError.outOfRange(
                "params.quantization.oversampling", "value \(factor) invalid, must be 1.0 or larger")
        }
        if let recall = parameters.recall {
            try translatingErrors { try validateRecall(recall, "params.recall") }
        }
    }
}
