/// The keys of a server, and what each allows.
public struct APIKeys: Sendable {
    private let keys: [(secret: [UInt8], principal: Principal)]

    /// Empty keys count as none. Without any key everybody may do everything, unless the server takes tokens.
    ///
    /// - Parameter alternativeKey: has the rights of `apiKey`, so that keys can be changed one after the other.
    public init(apiKey: String?, alternativeKey: String? = nil, readOnlyKey: String?) {
        let keys = [
            (apiKey, Principal.Rights.all, "api_key"), (alternativeKey, .all, "alt_api_key"),
            (readOnlyKey, .read, "read_only_api_key"),
        ]
        self.keys = keys.compactMap { key, rights, name in
            guard let key, !key.isEmpty else { return nil }
            return (Array(key.utf8), Principal(rights: rights, identity: Identity(.key, name: name)))
        }
    }

    public var isEmpty: Bool { keys.isEmpty }

    /// Whose key it is; `nil` if it is nobody's. Every key is compared, whichever matches.
    func match(_ key: String) -> Principal? {
        let presented = Array(key.utf8)
        var found: Principal?
        for (secret, principal) in keys where Self.isEqual(presented, secret) { found = found ?? principal }
        return found
    }

    /// Who presents a key; throws `.unauthenticated` for a key that there isn't.
    public func principal(presenting key: String?) throws -> Principal {
        guard !keys.isEmpty else { return .unrestricted }
        guard let key else { return .unknown }
        guard let principal = match(key) else { throw Self.unknownCredential }
        return principal
    }

    static let unknownCredential = ServiceError(.unauthenticated, "Invalid API key or JWT")

    /// Takes a time that depends on the presented key's length alone, so that it tells nothing about the secret.
    package static func isEqual(_ presented: [UInt8], _ secret: [UInt8]) -> Bool {
        guard !secret.isEmpty else { return false }
        var difference = UInt(bitPattern: presented.count ^ secret.count)
        var index = 0
        for byte in presented {
            difference |= UInt(byte ^ secret[index])
            index = index + 1 == secret.count ? 0 : index + 1
        }
        return difference == 0
    }
}
