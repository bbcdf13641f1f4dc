import JSON
import SearchEngine
import Services

/// `/points/query` and `/points/query/batch`.
extension JSONReader {
    mutating func readQuery() throws -> QueryRequest {
        var request = QueryRequest(Query())
        try readMembers { reader, key in
            switch key {
            case "query": request.query.ranking = try reader.optional { try $0.readRanking() } ?? .byID(from: nil)
            case "using": request.query.using = try reader.optional { try $0.readString() }
            case "lookup_from": request.query.lookupFrom = try reader.optional { try $0.readLookupLocation() }
            case "limit": request.query.limit = try reader.optional { try $0.readCount() } ?? request.query.limit
            case "offset": request.query.offset = try reader.optional { try $0.readCount() } ?? 0
            case "prefetch": try reader.refusePrefetch()
            default: if try !reader.readSearchMember(key, into: &request) { try reader.skipValue() }
            }
        }
        return request
    }

    mutating func readQueryBatch() throws -> [QueryRequest] { try readBatch { try $0.readQuery() } }

    /// A vector, an id, or an object that names the kind of query.
    private mutating func readRanking() throws -> Query.Ranking {
        guard try peek() == .object else { return .nearest(try readQueryVector()) }
        let start = self
        var ranking: Query.Ranking?
        var isDocument = false
        try readMembers { reader, key in
            switch key {
            case "nearest": ranking = .nearest(try reader.readQueryVector())
            case "order_by": ranking = .byValue(try reader.readOrderBy())
            case "mmr": try reader.refuse("the query `nearest` with `mmr`")
            case "recommend", "discover", "context", "fusion", "rrf", "formula", "sample", "relevance_feedback":
                throw ServiceError.unsupported("the query `\(key.string)`")
            case "indices", "values": throw ServiceError.unsupported("a sparse vector")
            case "text", "model":
                isDocument = true
                try reader.skipValue()
            case "image", "object": throw Self.unsupportedInference
            default: try reader.skipValue()
            }
        }
        if ranking == nil, isDocument {
            self = start
            return .nearest(.vector(.document(try readDocument())))
        }
        guard let ranking else {
            throw error("expected some form of query: a vector, a point ID, or an object such as {\"nearest\": …}")
        }
        return ranking
    }

    private mutating func readQueryVector() throws -> QueryVector {
        switch try peek() {
        case .array, .object: .vector(try readVector(expected: 1024))
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
