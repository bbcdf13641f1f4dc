import Services

/// The query parameters of Qdrant's API, each validated as Qdrant validates it. Unknown ones are ignored, as there,
/// unless an endpoint calls `requireNames`.
struct QueryParameters: Sendable {
    private var values: [String: String] = [:]
    /// The names, as they were sent, of parameters that are no UTF-8 when decoded. Qdrant's endpoints pass them over.
    private(set) var undecodable: [String] = []

    init(_ query: Substring) {
        guard !query.isEmpty else { return }
        for pair in query.split(separator: "&") {
            let name = pair.prefix { $0 != "=" }
            let value = pair[name.endIndex...].dropFirst()
            guard let name = percentDecoded(name.utf8, plusIsSpace: true),
                let value = percentDecoded(value.utf8, plusIsSpace: true)
            else {
                undecodable.append(String(pair.prefix { $0 != "=" }))
                continue
            }
            values[name] = value
        }
    }

    /// Throws when there is a parameter of another name: for endpoints that Qdrant doesn't have.
    func requireNames(_ names: [String]) throws {
        guard let unknown = values.keys.filter({ !names.contains($0) }).min() else { return }
        let list = names.map { "`\($0)`" }.joined(separator: ", ")
        throw Self.malformed("unknown parameter `\(unknown.prefix(100))`, expected one of \(list)")
    }

    subscript(name: String) -> String? { values[name] }

    func bool(_ name: String) throws -> Bool? {
        guard let text = values[name] else { return nil }
        switch text {
        case "true": return true
        case "false": return false
        default: throw Self.malformed("\(name): provided string was not `true` or `false`")
        }
    }

    /// Whether the response waits for the change. Changes are durable either way; only the status differs.
    func wait(default value: Bool = false) throws -> Bool { try bool("wait") ?? value }

    func has(_ name: String) -> Bool { values[name] != nil }

    /// Seconds.
    func timeout() throws -> UInt64? { try unsigned("timeout") }

    private func unsigned(_ name: String) throws -> UInt64? {
        guard let text = values[name] else { return nil }
        guard let number = UInt64(text) else { throw Self.malformed("\(name): invalid digit found in string") }
        return number
    }

    func integer(_ name: String) throws -> Int? { try unsigned(name).map { Int(clamping: $0) } }

    /// Checks `ordering`. With one node every ordering is the strongest one.
    func validateOrdering() throws {
        try oneOf("ordering", ["weak", "medium", "strong"])
    }

    /// Checks `consistency`. With one node every read is consistent.
    func validateConsistency() throws {
        guard let text = values["consistency"] else { return }
        if let factor = UInt64(text) {
            guard factor >= 1 else {
                throw ServiceError.outOfRange("consistency", "value 0 invalid, must be 1 or larger")
            }
            return
        }
        try oneOf("consistency", ["majority", "quorum", "all"])
    }

    /// Checks `priority` of a snapshot's recovery. With one node there is no other copy to choose.
    func validatePriority() throws {
        try oneOf("priority", ["no_sync", "snapshot", "replica"])
    }

    /// The names of all that were given.
    var names: [String] { values.keys.sorted() }

    private func oneOf(_ name: String, _ allowed: [String]) throws {
        guard let text = values[name], !allowed.contains(text) else { return }
        let list = allowed.map { "`\($0)`" }.joined(separator: ", ")
        throw Self.malformed("\(name): unknown variant `\(text)`, expected one of \(list)")
    }

    static func malformed(_ problem: String) -> APIError {
        APIError(.badRequest, "Deserialize error in query parameters: \(problem)")
    }
}
