import JSON
import SearchEngine
import Services

/// `/points/query` and `/points/query/batch`.
extension JSONReader {
    mutating func readQuery() throws -> PointQuery {
        var query = PointQuery()
        try readMembers { reader, key in
            switch key {
            case "query": query.target = try reader.optional { try $0.readQueryTarget() } ?? .none
            case "using": query.request.using = try reader.optional { try $0.readString() }
            case "lookup_from": query.request.lookupFrom = try reader.optional { try $0.readLookupLocation() }
            case "limit": query.request.limit = try reader.optional { try $0.readCount() } ?? query.request.limit
            case "offset": query.request.offset = try reader.optional { try $0.readCount() } ?? 0
            case "prefetch": try reader.refusePrefetch()
            default: if try !reader.readSearchMember(key, into: &query.request) { try reader.skipValue() }
            }
        }
        return query
    }

    mutating func readQueryBatch() throws -> [PointQuery] {
        try readBatch({ try $0.readQuery() }, explaining: { $0.request.explain = true })
    }

    /// A vector, an id, or an object that names the kind of query.
    private mutating func readQueryTarget() throws -> PointQuery.Target {
        guard try peek() == .object else { return .nearest(try readQueryVector()) }
        var target: PointQuery.Target?
        try readMembers { reader, key in
            switch key {
            case "nearest": target = .nearest(try reader.readQueryVector())
            case "order_by": target = .orderBy(try reader.readOrderBy())
            case "mmr": try reader.refuse("the query `nearest` with `mmr`")
            case "recommend", "discover", "context", "fusion", "rrf", "formula", "sample", "relevance_feedback":
                throw ServiceError.unsupported("the query `\(key.string)`")
            case "indices", "values": throw ServiceError.unsupported("a sparse vector")
            case "text", "image", "object", "model":
                throw ServiceError.unsupported("inference (a document, an image or an object in place of a vector)")
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
