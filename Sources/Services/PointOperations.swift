import JSON
import SearchEngine

/// Reading and changing points.
public enum PointOperations {
    public struct Retrieve: Sendable {
        public var ids: [PointID]
        public var payload = PayloadSelector.all
        public var vectors = VectorSelector.none

        public init(ids: [PointID]) { self.ids = ids }
    }

    public struct Count: Sendable {
        public var filter: Filter?
        public var exact = true

        public init() {}
    }

    /// One point with all that it has; throws `.notFound`.
    public static let point = Operation<CollectionRequest<PointID>, Record>(.read) { services, caller, request in
        let records = try services.engine.retrieve(
            request.collection, ids: [request.body], payload: .all, vectors: .all, deadline: caller.deadline)
        guard let record = records.first else {
            throw ServiceError.notFound("Point with id \(request.body) does not exists!")
        }
        return record
    }

    /// Those of the points that there are.
    public static let retrieve = Operation<CollectionRequest<Retrieve>, [Record]>(.read) { services, caller, request in
        try services.engine.retrieve(
            request.collection, ids: request.body.ids, payload: request.body.payload, vectors: request.body.vectors,
            deadline: caller.deadline)
    }

    /// A page of points by id, or by a payload value with `orderBy`.
    public struct Scroll: Sendable {
        /// The first id to return.
        public var offset: PointID?
        public var orderBy: OrderBy?
        public var limit = 10
        public var filter: Filter?
        public var payload = PayloadSelector.all
        public var vectors = VectorSelector.none
        public var explain = false

        public init() {}
    }

    public static let scroll = Operation<CollectionRequest<Scroll>, QueryResult>(.read) { services, caller, request in
        let scroll = request.body
        try requireLimit(scroll.limit)
        if scroll.orderBy != nil, scroll.offset != nil {
            throw ServiceError.invalid(
                """
                Cannot use an `offset` when using `order_by`. The alternative for paging is to use `order_by.start_from` \
                and a filter to exclude the IDs that you've already seen for the `order_by.start_from` value
                """)
        }
        let ranking = scroll.orderBy.map { Query.Ranking.byValue($0) } ?? .byID(from: scroll.offset)
        var wanted = QueryRequest(
            Query(ranking, filter: scroll.filter, limit: scroll.limit), payload: scroll.payload, vectors: scroll.vectors
        )
        wanted.explain = scroll.explain
        return try services.engine.query(request.collection, wanted, deadline: caller.deadline)
    }

    public static let count = Operation<CollectionRequest<Count>, Int>(.read) { services, caller, request in
        try services.engine.count(
            request.collection, filter: request.body.filter, exact: request.body.exact, deadline: caller.deadline)
    }

    /// Checks and prepares changes; nothing is made before `PendingUpdate.commit`.
    public static let update = Operation<CollectionRequest<[UpdateOperation]>, PendingUpdate>(.write) {
        services, caller, request in
        for operation in request.body { try operation.validate() }
        let operations = try services.embeddingDocuments(in: request.body, of: request.collection, caller)
        return PendingUpdate(
            engine: services.engine, update: try services.engine.prepare(request.collection, operations),
            deadline: caller.deadline)
    }
}

/// Changes that are ready for the writer.
public struct PendingUpdate: Sendable {
    let engine: Engine
    let update: Engine.PreparedUpdate
    let deadline: Deadline?

    /// Queues the changes, and calls back from any thread: with a result for each, or a `ServiceError`.
    public func commit(_ completion: @escaping @Sendable (Result<[UpdateResult], any Error>) -> Void) {
        engine.update(update, deadline: deadline) { completion($0.translated) }
    }
}

/// Points as columns: the n-th of each belongs to the n-th point.
public struct PointColumns: Sendable {
    public var ids: [PointID]
    /// Of the unnamed vector.
    public var unnamed: [VectorValue]?
    public var named: [ByteString: [VectorValue]] = [:]
    public var payloads: [Payload]?

    public init(ids: [PointID]) { self.ids = ids }

    /// Throws `.outOfRange` for a column of another length.
    public func points() throws -> [PointStruct] {
        for column in named.values + [unnamed].compactMap({ $0 }) where column.count != ids.count {
            throw ServiceError.outOfRange(
                "batch", "number of ids and vectors must be equal (\(ids.count) != \(column.count))")
        }
        if let payloads, payloads.count != ids.count {
            throw ServiceError.outOfRange(
                "batch", "number of ids and payloads must be equal (\(ids.count) != \(payloads.count))")
        }
        return ids.indices.map { index in
            var vectors: NamedVectors = [:]
            if let unnamed { vectors[""] = unnamed[index] }
            for (name, column) in named { vectors[name] = column[index] }
            return PointStruct(id: ids[index], vectors: vectors, payload: payloads?[index] ?? .empty)
        }
    }
}

extension UpdateOperation {
    fileprivate func validate() throws {
        switch self {
        case .updateVectors(let points, _) where points.isEmpty:
            throw ServiceError.outOfRange("points", "must specify points to update")
        case .deleteVectors(_, let names) where names.isEmpty:
            throw ServiceError.outOfRange("vector", "must specify vector names to delete")
        default: return
        }
    }
}

func requireLimit(_ limit: Int) throws {
    guard limit >= 1 else { throw ServiceError.outOfRange("limit", "value \(limit) invalid, must be 1 or larger") }
}
