import SearchEngine

/// Queries of every kind.
public enum QueryOperations {
    /// All see one state of the collection, unless their filters take too much memory together (`Engine.query`).
    public static let query = Operation<CollectionRequest<[QueryRequest]>, [QueryResult]>(.read) {
        services, caller, request in
        try validateEach(request.body) { try $0.query.validate() }
        let queries = try services.embeddingDocuments(in: request.body, of: request.collection, caller)
        return try services.engine.query(request.collection, queries, deadline: caller.deadline)
    }

    /// A query for a thread that must not wait.
    public struct BriefQuery: Sendable {
        public var request: QueryRequest
        /// CPU time after which the search is given up.
        public var budget: Duration
        /// Points after which a scan isn't begun.
        public var mostScanned: Int

        public init(_ request: QueryRequest, budget: Duration, mostScanned: Int) {
            self.request = request
            self.budget = budget
            self.mostScanned = mostScanned
        }
    }

    /// Never blocks. `nil` when the query would have to wait or takes too long.
    public static let queryAtOnce = Operation<CollectionRequest<BriefQuery>, QueryResult?>(.read) {
        services, _, request in
        try request.body.request.query.validate()
        guard request.body.request.query.document == nil else { return nil }
        return try services.engine.queryAtOnce(
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

extension Query {
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
        if case .nearest = ranking { return }
        guard using == nil || using == "" else {
            throw ServiceError.invalid("`using` needs a query by a vector or a point")
        }
        guard scoreThreshold == nil else {
            throw ServiceError.invalid("`score_threshold` needs a query by a vector or a point")
        }
    }
}
