import JSON
import SearchEngine

/// What a request to the universal query endpoint asks for.
enum PointQuery: Sendable {
    case nearest(SearchRequest)
    /// Without a query, points come in the order of their ids; with `order_by`, in that of a payload key.
    case scroll(ScrollRequest)

    /// The same, with an explanation.
    var explained: PointQuery {
        switch self {
        case .nearest(var request):
            request.explain = true
            return .nearest(request)
        case .scroll(var request):
            request.explain = true
            return .scroll(request)
        }
    }
}

/// `/points/query` and `/points/query/batch`.
extension JSONReader {
    mutating func readQuery() throws -> PointQuery {
        var request = SearchRequest(query: .vector([]))
        var target = QueryTarget.none
        try readMembers { reader, key in
            switch key {
            case "query": target = try reader.optional { try $0.readQueryTarget() } ?? .none
            case "using": request.using = try reader.optional { try $0.readString() }
            case "lookup_from": request.lookupFrom = try reader.optional { try $0.readLookupLocation() }
            case "limit": request.limit = try reader.optional { try $0.readCount("limit", minimum: 1) } ?? 10
            case "offset": request.offset = try reader.optional { try $0.readCount("offset") } ?? 0
            case "prefetch": try reader.refusePrefetch()
            default: if try !reader.readSearchMember(key, into: &request) { try reader.skipValue() }
            }
        }
        switch target {
        case .nearest(let vector):
            request.query = vector
            return .nearest(request)
        case .none, .orderBy:
            guard request.using == nil || request.using == "" else {
                throw APIError.wrongInput("`using` needs a query by a vector or a point")
            }
            guard request.scoreThreshold == nil else {
                throw APIError.wrongInput("`score_threshold` needs a query by a vector or a point")
            }
            var scroll = ScrollRequest()
            scroll.limit = request.limit
            scroll.skipped = request.offset
            scroll.filter = request.filter
            scroll.payload = request.payload
            scroll.vectors = request.vectors
            scroll.explain = request.explain
            if case .orderBy(let order) = target { scroll.orderBy = order }
            return .scroll(scroll)
        }
    }

    mutating func readQueryBatch() throws -> [PointQuery] {
        try readBatch({ try $0.readQuery() }, explaining: { $0 = $0.explained })
    }

    private enum QueryTarget {
        case none
        case nearest(QueryVector)
        case orderBy(OrderBy)
    }

    /// A vector, an id, or an object that names the kind of query.
    private mutating func readQueryTarget() throws -> QueryTarget {
        guard try peek() == .object else { return .nearest(try readQueryVector()) }
        var target: QueryTarget?
        try readMembers { reader, key in
            switch key {
            case "nearest": target = .nearest(try reader.readQueryVector())
            case "order_by": target = .orderBy(try reader.readOrderBy())
            case "mmr": try reader.refuse("the query `nearest` with `mmr`")
            case "recommend", "discover", "context", "fusion", "rrf", "formula", "sample", "relevance_feedback":
                throw APIError.unsupported("the query `\(key.string)`")
            case "indices", "values": throw APIError.unsupported("a sparse vector")
            case "text", "image", "object", "model":
                throw APIError.unsupported("inference (a document, an image or an object in place of a vector)")
            default: try reader.skipValue()
            }
        }
        guard let target else {
            throw error("expected some form of query: a vector, a point ID, or an object such as {\"nearest\": …}")
        }
        return target
    }

    private mutating func readQueryVector() throws -> QueryVector {
        switch try peek() {
        case .array, .object: .vector(try readDenseVector(expected: 1024))
        default: .id(try readPointID())
        }
    }

    private mutating func refusePrefetch() throws {
        // An empty list of prefetches is none.
        var probe = self
        var isEmpty = true
        if try probe.peek() == .array {
            try probe.readArray { reader in
                isEmpty = false
                try reader.skipValue()
            }
            if isEmpty {
                self = probe
                return
            }
        }
        try refuse("`prefetch`")
    }

    mutating func readLookupLocation() throws -> LookupLocation {
        var collection: String?
        var vector: String?
        try readMembers { reader, key in
            switch key {
            case "collection": collection = try reader.readString()
            case "vector": vector = try reader.optional { try $0.readString() }
            case "shard_key": try reader.refuseShardKey()
            default: try reader.skipValue()
            }
        }
        guard let collection else { throw missing("collection") }
        return LookupLocation(collection: collection, vector: vector)
    }
}
