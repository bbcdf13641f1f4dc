import JSON
import SearchEngine
import Services

/// Bodies that read points without a search.
extension JSONReader {
    mutating func readRetrieve() throws -> PointOperations.Retrieve {
        var ids: [PointID]?
        var request = PointOperations.Retrieve(ids: [])
        try readMembers { reader, key in
            switch key {
            case "ids": ids = try reader.readPointIDs()
            case "with_payload": request.payload = try reader.optional { try $0.readPayloadSelector() } ?? .all
            case "with_vector", "with_vectors":
                request.vectors = try reader.optional { try $0.readVectorSelector() } ?? .none
            case "shard_key": try reader.refuseShardKey()
            default: try reader.skipValue()
            }
        }
        guard let ids else { throw missing("ids") }
        request.ids = ids
        return request
    }

    mutating func readScroll() throws -> PointOperations.Scroll {
        var request = PointOperations.Scroll()
        try readMembers { reader, key in
            switch key {
            case "offset": request.offset = try reader.optional { try $0.readPointID() }
            case "limit": request.limit = try reader.optional { try $0.readCount() } ?? 10
            case "filter": request.filter = try reader.optional { try $0.readFilter() }
            case "with_payload": request.payload = try reader.optional { try $0.readPayloadSelector() } ?? .all
            case "with_vector", "with_vectors":
                request.vectors = try reader.optional { try $0.readVectorSelector() } ?? .none
            case "order_by": request.orderBy = try reader.optional { try $0.readOrderBy() }
            case "explain": request.explain = try reader.readExplain()
            case "shard_key": try reader.refuseShardKey()
            default: try reader.skipValue()
            }
        }
        return request
    }

    mutating func readCountRequest() throws -> PointOperations.Count {
        var request = PointOperations.Count()
        try readMembers { reader, key in
            switch key {
            case "filter": request.filter = try reader.optional { try $0.readFilter() }
            case "exact": request.exact = try reader.readBool()
            case "shard_key": try reader.refuseShardKey()
            default: try reader.skipValue()
            }
        }
        return request
    }

    /// A key, or `{"key": …, "direction": "asc" | "desc", "start_from": …}`
    mutating func readOrderBy() throws -> OrderBy {
        guard try peek() == .object else { return OrderBy(key: try readPath()) }
        var key: PayloadPath?
        var direction = OrderBy.Direction.ascending
        var startFrom: OrderValue?
        try readMembers { reader, name in
            switch name {
            case "key": key = try reader.readPath()
            case "direction":
                guard let text = try reader.optional({ try $0.readString() }) else { return }
                guard let value = OrderBy.Direction(rawValue: text) else {
                    throw reader.error("unknown variant `\(text.prefix(100))`, expected `asc` or `desc`")
                }
                direction = value
            case "start_from": startFrom = try reader.optional { try $0.readOrderValue() }
            default: try reader.skipValue()
            }
        }
        guard let key else { throw missing("key") }
        return OrderBy(key: key, direction: direction, startFrom: startFrom)
    }

    /// A number, or a datetime as microseconds.
    private mutating func readOrderValue() throws -> OrderValue {
        guard try peek() != .string else { return .integer(try readDatetime()) }
        switch try readNumber() {
        case .integer(let value): return .integer(value)
        case let number: return .float(number.doubleValue)
        }
    }
}
