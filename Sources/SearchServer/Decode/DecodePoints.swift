import JSON
import SearchEngine
import Services

/// `PUT /collections/{c}/points` and the `upsert` of a batch: points as a list or as columns.
extension JSONReader {
    mutating func readUpsert() throws -> UpdateOperation {
        var points: [PointStruct]?
        var columns: [PointStruct]?
        var condition: Filter?
        var mode = UpdateOperation.UpsertMode.upsert
        try readMembers { reader, key in
            switch key {
            case "points": points = try reader.readPoints()
            case "batch": columns = try reader.readColumns().points()
            case "update_filter": condition = try reader.optional { try $0.readFilter() }
            case "update_mode": mode = try reader.optional { try $0.readUpsertMode() } ?? .upsert
            case "shard_key": try reader.refuseShardKey()
            default: try reader.skipValue()
            }
        }
        // Where both are given, Qdrant takes the columns.
        guard let points = columns ?? points else {
            throw error("expected some form of points, either `points` or `batch`")
        }
        return .upsert(points, mode: mode, condition: condition)
    }

    private mutating func readUpsertMode() throws -> UpdateOperation.UpsertMode {
        switch try readString() {
        case "upsert": return .upsert
        case "insert_only": return .insertOnly
        case "update_only": return .updateOnly
        case let other:
            throw error(
                "unknown variant `\(other)`, expected one of `upsert`, `insert_only`, `update_only`")
        }
    }

    private mutating func readPoints() throws -> [PointStruct] {
        var points: [PointStruct] = []
        var dimension = 0
        try readLongArray { reader in
            let point = try reader.readPoint(expected: dimension)
            dimension = point.vectors.first?.value.dense?.count ?? 0
            points.append(point)
        }
        return points
    }

    private mutating func readPoint(expected: Int) throws -> PointStruct {
        var id: PointID?
        var vectors: NamedVectors?
        var payload = Payload.empty
        try readMembers { reader, key in
            switch key {
            case "id": id = try reader.readPointID()
            case "vector", "vectors": vectors = try reader.readNamedVectors(expected: expected)
            case "payload": payload = try reader.optional { try $0.readPayload() } ?? .empty
            default: try reader.skipValue()
            }
        }
        guard let id else { throw missing("id") }
        guard let vectors else { throw missing("vector") }
        return PointStruct(id: id, vectors: vectors, payload: payload)
    }

    /// An object, kept as its own text without the white space between its tokens.
    mutating func readPayload() throws -> Payload {
        guard try peek() == .object else { throw error("expected a payload, an object") }
        let text = bytes(in: try rawValue())
        var compact: [UInt8] = []
        compact.reserveCapacity(text.count)
        var isInString = false
        var isEscaped = false
        for byte in text {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
            } else if byte <= 0x20 {
                continue
            } else if byte == UInt8(ascii: "\"") {
                isInString = true
            }
            compact.append(byte)
        }
        return Payload(validated: compact)
    }

    /// `{"ids": […], "vectors": […] or {name: […]}, "payloads": […]}`
    private mutating func readColumns() throws -> PointColumns {
        var ids: [PointID]?
        var columns = PointColumns(ids: [])
        var hasVectors = false
        try readMembers { reader, key in
            switch key {
            case "ids": ids = try reader.readPointIDs()
            case "vectors":
                hasVectors = true
                if try reader.peek() == .object {
                    try reader.readObject { reader, name in columns.named[name] = try reader.readVectorColumn() }
                } else {
                    columns.unnamed = try reader.readVectorColumn()
                }
            case "payloads":
                columns.payloads = try reader.optional { reader in
                    var payloads: [Payload] = []
                    try reader.readLongArray { payloads.append(try $0.optional { try $0.readPayload() } ?? .empty) }
                    return payloads
                }
            default: try reader.skipValue()
            }
        }
        guard let ids else { throw missing("ids") }
        guard hasVectors else { throw missing("vectors") }
        columns.ids = ids
        return columns
    }

    private mutating func readVectorColumn() throws -> [VectorValue] {
        var column: [VectorValue] = []
        var dimension = 0
        try readLongArray { reader in
            let vector = try reader.readVector(expected: dimension)
            dimension = vector.dense?.count ?? 0
            column.append(vector)
        }
        return column
    }
}
