import JSON
import SearchEngine
import Services

/// `/points/search` and `/points/search/batch`, and what every search has: parameters and selectors.
extension JSONReader {
    mutating func readSearch() throws -> QueryRequest {
        var vector: (name: String?, values: [Float])?
        var request = QueryRequest(Query())
        var limit: Int?
        try readMembers { reader, key in
            switch key {
            case "vector": vector = try reader.readNamedQueryVector()
            case "limit", "top": limit = try reader.readCount()
            case "offset": request.query.offset = try reader.optional { try $0.readCount() } ?? 0
            default: if try !reader.readSearchMember(key, into: &request) { try reader.skipValue() }
            }
        }
        guard let vector else { throw missing("vector") }
        guard let limit else { throw missing("limit") }
        request.query.ranking = .nearest(.vector(.dense(vector.values)))
        request.query.using = vector.name
        request.query.limit = limit
        return request
    }

    mutating func readSearchBatch() throws -> [QueryRequest] { try readBatch { try $0.readSearch() } }

    /// `{"searches": […], "explain": …}`: `explain` asks for an explanation of each.
    mutating func readBatch(_ read: (inout JSONReader) throws -> QueryRequest) throws -> [QueryRequest] {
        var searches: [QueryRequest]?
        var explainsAll = false
        try readMembers { reader, key in
            switch key {
            case "searches":
                var list: [QueryRequest] = []
                try reader.readLongArray { list.append(try read(&$0)) }
                searches = list
            case "explain": explainsAll = try reader.readExplain()
            default: try reader.skipValue()
            }
        }
        guard var searches else { throw missing("searches") }
        if explainsAll { for index in searches.indices { searches[index].explain = true } }
        return searches
    }

    /// `[…]` or `{"name": …, "vector": […]}`
    private mutating func readNamedQueryVector() throws -> (name: String?, values: [Float]) {
        guard try peek() == .object else { return (nil, try readDenseVector(expected: 1024)) }
        var name: String?
        var values: [Float]?
        try readMembers { reader, key in
            switch key {
            case "name": name = try reader.readString()
            case "vector": values = try reader.readDenseVector(expected: 1024)
            case "indices", "values": throw ServiceError.unsupported("a sparse vector")
            default: try reader.skipValue()
            }
        }
        guard let name else { throw missing("name") }
        guard let values else { throw missing("vector") }
        return (name, values)
    }

    /// Reads the member if it is one that searches and queries share.
    mutating func readSearchMember(_ key: JSONKey, into request: inout QueryRequest) throws -> Bool {
        switch key {
        case "filter": request.query.filter = try optional { try $0.readFilter() }
        case "params": request.query.parameters = try optional { try $0.readSearchParameters() } ?? SearchParameters()
        case "with_payload": request.payload = try optional { try $0.readPayloadSelector() } ?? .none
        case "with_vector", "with_vectors": request.vectors = try optional { try $0.readVectorSelector() } ?? .none
        case "score_threshold": request.query.scoreThreshold = try optional { try $0.readFloat() }
        case "explain": request.explain = try readExplain()
        case "shard_key": try refuseShardKey()
        default: return false
        }
        return true
    }

    private mutating func readSearchParameters() throws -> SearchParameters {
        var parameters = SearchParameters()
        try readMembers { reader, key in
            switch key {
            case "hnsw_ef":
                parameters.hnswEf = try reader.optional { try $0.readCount() }
            case "recall": parameters.recall = try reader.optional { try $0.readDouble() }
            case "exact": parameters.exact = try reader.readBool()
            case "indexed_only": parameters.indexedOnly = try reader.readBool()
            case "quantization": _ = try reader.optional { try $0.readQuantizationParameters(into: &parameters) }
            case "acorn": try reader.refuseACORN()
            case "idf": try reader.refuse("the search parameter `idf`")
            default: try reader.skipValue()
            }
        }
        return parameters
    }

    private mutating func readQuantizationParameters(into parameters: inout SearchParameters) throws {
        try readMembers { reader, key in
            switch key {
            case "ignore": parameters.ignoreQuantization = try reader.readBool()
            case "rescore": parameters.rescore = try reader.optional { try $0.readBool() }
            case "oversampling":
                parameters.oversampling = try reader.optional { try $0.readDouble() }
            default: try reader.skipValue()
            }
        }
    }

    /// The engine picks its own walk for filtered searches; asking for ACORN by name is refused unless it's off.
    private mutating func refuseACORN() throws {
        _ = try optional { reader in
            try reader.readMembers { reader, key in
                guard key == "enable" else { return try reader.skipValue() }
                if try reader.readBool() { throw ServiceError.unsupported("the search parameter `acorn`") }
            }
        }
    }

    // MARK: Selectors

    /// `true`, `["path", …]`, `{"include": […]}` or `{"exclude": […]}`
    mutating func readPayloadSelector() throws -> PayloadSelector {
        switch try peek() {
        case .bool: return try readBool() ? .all : .none
        case .array: return .include(try readPaths())
        case .object:
            var selector: PayloadSelector?
            try readMembers { reader, key in
                let previous = selector
                switch key {
                case "include": selector = .include(try reader.readPaths())
                case "exclude": selector = .exclude(try reader.readPaths())
                default:
                    throw reader.error(
                        "unknown field `\(key.string.prefix(100))`, expected `include` or `exclude` in `with_payload`")
                }
                if previous != nil { throw reader.error("either `include` or `exclude` in `with_payload`, not both") }
            }
            guard let selector else { throw error("expected `include` or `exclude` in `with_payload`") }
            return selector
        default: throw error("expected a boolean, an array of keys or an object in `with_payload`")
        }
    }

    /// `true` or `["name", …]`
    mutating func readVectorSelector() throws -> VectorSelector {
        switch try peek() {
        case .bool: return try readBool() ? .all : .none
        case .array: return .names(try readStrings())
        default: throw error("expected a boolean or an array of names in `with_vector`")
        }
    }
}
