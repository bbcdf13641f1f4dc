import JSON
import SearchEngine

/// Bodies that change points, other than upserts.
extension JSONReader {
    /// `{"points": […]}` or `{"filter": …}`; ids win where both are given.
    mutating func readSelector() throws -> PointSelection {
        var selection = SelectionFields()
        try readMembers { reader, key in
            if try !selection.read(key, &reader) { try reader.skipValue() }
        }
        return try selection.selection(self)
    }

    mutating func readUpdateVectors() throws -> UpdateOperation {
        var points: [(id: PointID, vectors: NamedVectors)]?
        var condition: Filter?
        try readMembers { reader, key in
            switch key {
            case "points":
                var list: [(id: PointID, vectors: NamedVectors)] = []
                try reader.readLongArray { list.append(try $0.readPointVectors()) }
                points = list
            case "update_filter": condition = try reader.optional { try $0.readFilter() }
            case "shard_key": try reader.refuseShardKey()
            default: try reader.skipValue()
            }
        }
        guard let points else { throw missing("points") }
        return .updateVectors(points, condition: condition)
    }

    private mutating func readPointVectors() throws -> (id: PointID, vectors: NamedVectors) {
        var id: PointID?
        var vectors: NamedVectors?
        try readMembers { reader, key in
            switch key {
            case "id": id = try reader.readPointID()
            case "vector": vectors = try reader.readNamedVectors()
            default: try reader.skipValue()
            }
        }
        guard let id else { throw missing("id") }
        guard let vectors else { throw missing("vector") }
        return (id, vectors)
    }

    mutating func readDeleteVectors() throws -> UpdateOperation {
        var selection = SelectionFields()
        var names: [String]?
        try readMembers { reader, key in
            if key == "vector" || key == "vectors" {
                names = try reader.readStrings()
            } else if try !selection.read(key, &reader) {
                try reader.skipValue()
            }
        }
        guard let names else { throw missing("vector") }
        return .deleteVectors(try selection.selection(self), names: names)
    }

    /// `overwrite` replaces the payload, where setting it merges.
    mutating func readSetPayload(overwrite: Bool) throws -> UpdateOperation {
        var selection = SelectionFields()
        var payload: JSONValue?
        var key: PayloadPath?
        try readMembers { reader, name in
            switch name {
            case "payload":
                guard try reader.peek() == .object else { throw reader.error("expected a payload, an object") }
                payload = try reader.readValue()
            case "key": key = try reader.optional { try $0.readPath() }
            default: if try !selection.read(name, &reader) { try reader.skipValue() }
            }
        }
        guard let payload else { throw missing("payload") }
        let points = try selection.selection(self)
        return overwrite
            ? .overwritePayload(points, payload: payload, key: key)
            : .setPayload(points, payload: payload, key: key)
    }

    mutating func readDeletePayload() throws -> UpdateOperation {
        var selection = SelectionFields()
        var keys: [PayloadPath]?
        try readMembers { reader, name in
            if name == "keys" {
                keys = try reader.readPaths()
            } else if try !selection.read(name, &reader) {
                try reader.skipValue()
            }
        }
        guard let keys else { throw missing("keys") }
        return .deletePayload(try selection.selection(self), keys: keys)
    }

    /// `{"operations": [{"upsert": …}, {"delete": …}, …]}`
    mutating func readUpdateBatch() throws -> [UpdateOperation] {
        var operations: [UpdateOperation]?
        try readMembers { reader, key in
            guard key == "operations" else { return try reader.skipValue() }
            var list: [UpdateOperation] = []
            try reader.readLongArray { list.append(try $0.readUpdateOperation()) }
            operations = list
        }
        guard let operations else { throw missing("operations") }
        return operations
    }

    private mutating func readUpdateOperation() throws -> UpdateOperation {
        var operation: UpdateOperation?
        try readMembers { reader, key in
            switch key {
            case "upsert": operation = try reader.readUpsert()
            case "delete", "delete_points": operation = .delete(try reader.readSelector())
            case "set_payload": operation = try reader.readSetPayload(overwrite: false)
            case "overwrite_payload": operation = try reader.readSetPayload(overwrite: true)
            case "delete_payload": operation = try reader.readDeletePayload()
            case "clear_payload": operation = .clearPayload(try reader.readSelector())
            case "update_vectors": operation = try reader.readUpdateVectors()
            case "delete_vectors": operation = try reader.readDeleteVectors()
            default: throw reader.error("unknown update operation `\(key.string.prefix(100))`")
            }
        }
        guard let operation else { throw error("an update operation is an object with the operation's name") }
        return operation
    }
}

/// The members that name points, in every body that has them.
private struct SelectionFields {
    var ids: [PointID]?
    var filter: Filter?

    /// Reads the member if it is one of these.
    mutating func read(_ key: JSONKey, _ reader: inout JSONReader) throws -> Bool {
        switch key {
        case "points": ids = try reader.optional { try $0.readPointIDs() }
        case "filter": filter = try reader.optional { try $0.readFilter() }
        case "shard_key": try reader.refuseShardKey()
        default: return false
        }
        return true
    }

    func selection(_ reader: JSONReader) throws -> PointSelection {
        if let ids { return .ids(ids) }
        if let filter { return .filter(filter) }
        throw reader.error("either list of point ids or filter must be provided")
    }
}
