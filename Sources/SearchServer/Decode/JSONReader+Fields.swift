import JSON
import SearchEngine
import Services

/// What the decoders share: the scalars of Qdrant's requests, with its ranges and its wording.
extension JSONReader {
    /// Limits and offsets beyond this mean "all"; it keeps sums of them far from overflow.
    static let largestCount = 1 << 40

    mutating func optional<Value>(_ read: (inout JSONReader) throws -> Value) throws -> Value? {
        try readNullIfPresent() ? nil : try read(&self)
    }

    /// A non-negative integer.
    mutating func readCount() throws -> Int { Int(min(try readUnsigned(), UInt64(Self.largestCount))) }

    /// Whether the answer is to tell how it was found; only `true` and `false` will do.
    mutating func readExplain() throws -> Bool {
        guard try peek() == .bool else { throw error("expected a boolean in `explain`") }
        return try readBool()
    }

    func missing(_ field: StaticString) -> JSONError { error("missing field `\(field)`") }

    /// An unsigned integer or a UUID.
    mutating func readPointID() throws -> PointID {
        skipToValue()
        let start = offset
        switch try peek() {
        case .number:
            var probe = self
            if let value = try? probe.readUnsigned() {
                self = probe
                return .number(value)
            }
            throw invalidPointID("\(try readNumberText())", at: start)
        case .string:
            let text = try readString()
            guard let id = PointID(uuid: text) else { throw invalidPointID(text, at: start) }
            return id
        default: throw error("expected a point ID, an unsigned integer or a UUID", at: start)
        }
    }

    private mutating func skipToValue() { _ = try? peek() }

    private mutating func readNumberText() throws -> String {
        let range = try rawValue()
        return String(decoding: bytes(in: range), as: UTF8.self)
    }

    private func invalidPointID(_ text: String, at offset: Int) -> JSONError {
        let shown = text.count > 100 ? text.prefix(100) + "…" : text[...]
        return error(
            "value \(shown) is not a valid point ID, valid values are either an unsigned integer or a UUID",
            at: offset)
    }

    /// An array whose elements may take long together: gives way between them.
    mutating func readLongArray(_ element: (inout JSONReader) throws -> Void) throws {
        try readArray { reader in
            CoreTurn.step()
            try element(&reader)
        }
    }

    mutating func readPointIDs() throws -> [PointID] {
        var ids: [PointID] = []
        try readArray { ids.append(try $0.readPointID()) }
        return ids
    }

    mutating func readStrings() throws -> [String] {
        var strings: [String] = []
        try readArray { strings.append(try $0.readString()) }
        return strings
    }

    mutating func readPath() throws -> PayloadPath { try PayloadPath(readString()) }

    mutating func readPaths() throws -> [PayloadPath] { try readStrings().map { try PayloadPath($0) } }

    /// Moves past `shard_key`, which must be null: there is no custom sharding.
    mutating func refuseShardKey() throws { try refuse("`shard_key` (custom sharding)") }

    /// Moves past a null; anything else is something that this version does not support.
    mutating func refuse(_ what: String) throws {
        guard try readNullIfPresent() else { throw ServiceError.unsupported(what) }
    }
}

/// Runs a decoder over a whole body.
func decodeBody<Value>(_ body: RequestBytes, _ decode: (inout JSONReader) throws -> Value) throws -> Value {
    try body.withReader { reader in
        let value = try decode(&reader)
        try reader.expectEnd()
        return value
    }
}
