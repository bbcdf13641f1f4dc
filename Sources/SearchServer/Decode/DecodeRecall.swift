import JSON
import SearchEngine

/// `POST /collections/{c}/recall`
extension JSONReader {
    /// What to measure. Unknown members are refused: a wish that is not understood would give other figures than it asked for.
    mutating func readRecallRequest() throws -> RecallRequest {
        var request = RecallRequest()
        try readMembers { reader, key in
            switch key {
            case "sample":
                request.sample = try reader.optional { try $0.readCount() }
            case "k": request.k = try reader.optional { try $0.readCount() }
            case "hnsw_ef": request.hnswEf = try reader.optional { try $0.readCount() }
            case "using": request.using = try reader.optional { try $0.readString() }
            case "filter": request.filter = try reader.optional { try $0.readFilter() }
            default:
                throw reader.error(
                    "unknown field `\(key.string.prefix(100))`, expected one of `sample`, `k`, `hnsw_ef`, `using`, `filter`"
                )
            }
        }
        return request
    }
}

/// The same as parameters of `GET /collections/{c}/recall`.
extension QueryParameters {
    func recallRequest() throws -> RecallRequest {
        try requireNames(["sample", "k", "hnsw_ef", "using", "filter", "timeout"])
        var request = RecallRequest()
        request.sample = try integer("sample")
        request.k = try integer("k")
        request.hnswEf = try integer("hnsw_ef")
        request.using = self["using"]
        if let text = self["filter"] {
            do {
                request.filter = try JSONReader.parse(text.utf8) { try $0.readFilter() }
            } catch let error as JSONError {
                throw Self.malformed("filter: \(error)")
            }
        }
        return request
    }
}
