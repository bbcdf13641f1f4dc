import JSON
import Services

/// The members of a configuration object, read by name. Null counts as absent.
///
/// Configurations are small and read rarely, so that they go through a tree of values, unlike points and searches.
struct ObjectFields {
    let members: JSONObject
    /// Where the object stands in the body, for messages: `hnsw_config`, `vectors.title`.
    let path: String

    init(_ value: JSONValue, path: String) throws {
        guard case .object(let members) = value else {
            throw ServiceError.malformed("expected an object\(path.isEmpty ? "" : " in `\(path)`")")
        }
        self.members = members
        self.path = path
    }

    func field(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    subscript(key: String) -> JSONValue? {
        guard let value = members[key], !value.isNull else { return nil }
        return value
    }

    func object(_ key: String) throws -> ObjectFields? {
        try self[key].map { try ObjectFields($0, path: field(key)) }
    }

    func bool(_ key: String) throws -> Bool? {
        try self[key].map { value in
            guard let value = value.boolValue else { throw wrongType(key, "a boolean") }
            return value
        }
    }

    func string(_ key: String) throws -> String? {
        try self[key].map { value in
            guard let value = value.stringValue else { throw wrongType(key, "a string") }
            return value
        }
    }

    func integer(_ key: String) throws -> Int? {
        try self[key].map { value in
            guard let unsigned = value.unsignedValue, let number = Int(exactly: unsigned) else {
                throw wrongType(key, "an unsigned integer")
            }
            return number
        }
    }

    func double(_ key: String) throws -> Double? {
        try self[key].map { value in
            guard let number = value.doubleValue else { throw wrongType(key, "a number") }
            return number
        }
    }

    /// Whether the member is there and null.
    func isNull(_ key: String) -> Bool { members[key]?.isNull ?? false }

    /// Throws if the member is there: this version does not support it.
    func refuse(_ key: String, _ what: String? = nil) throws {
        guard self[key] == nil else { throw ServiceError.unsupported(what ?? "`\(field(key))`") }
    }

    func missing(_ key: String) -> ServiceError { .malformed("missing field `\(field(key))`") }

    func wrongType(_ key: String, _ expected: String) -> ServiceError {
        .malformed("invalid type for `\(field(key))`, expected \(expected)")
    }

    func unknownVariant(_ key: String, _ text: String, _ allowed: [String]) -> ServiceError {
        let list = allowed.map { "`\($0)`" }.joined(separator: ", ")
        return .malformed("unknown variant `\(text.prefix(100))` for `\(field(key))`, expected one of \(list)")
    }
}
