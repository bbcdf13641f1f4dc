/// What an operation needs of who asks for it.
public enum Requirement: Sendable {
    /// Nothing, even when keys are set: what load balancers ask for.
    case open
    case read
    /// Changes data, and so is refused while the storage is locked.
    case write
    /// Changes the server itself.
    case manage
}

/// Who asks, and what that allows.
public struct Principal: Sendable, Equatable {
    public enum Rights: Sendable {
        case none, read, all
    }

    public let rights: Rights

    public init(rights: Rights) { self.rights = rights }

    /// Whoever asks a server without keys.
    public static let unrestricted = Principal(rights: .all)

    /// Throws `.unauthenticated` or `.forbidden` unless the principal may do what needs this.
    public func require(_ requirement: Requirement) throws {
        switch (requirement, rights) {
        case (.open, _), (.read, .read), (_, .all): return
        case (_, .none):
            throw ServiceError(.unauthenticated, "Must provide an API key or an Authorization bearer token")
        case (_, .read): throw ServiceError(.forbidden, "Global manage access is required")
        }
    }
}

/// The keys of a server, and what each allows.
public struct APIKeys: Sendable {
    private let keys: [(secret: [UInt8], principal: Principal)]

    /// Empty keys count as none. Without any key everybody may do everything.
    ///
    /// - Parameter alternativeKey: has the rights of `apiKey`, so that keys can be changed one after the other.
    public init(apiKey: String?, alternativeKey: String? = nil, readOnlyKey: String?) {
        let keys = [(apiKey, Principal.Rights.all), (alternativeKey, .all), (readOnlyKey, .read)]
        self.keys = keys.compactMap { key, rights in
            guard let key, !key.isEmpty else { return nil }
            return (Array(key.utf8), Principal(rights: rights))
        }
    }

    /// Who presents a key; throws `.unauthenticated` for a key that there isn't. Every key is compared, whichever matches.
    public func principal(presenting key: String?) throws -> Principal {
        guard !keys.isEmpty else { return .unrestricted }
        guard let key else { return Principal(rights: .none) }
        let presented = Array(key.utf8)
        var found: Principal?
        for (secret, principal) in keys where Self.isEqual(presented, secret) && found == nil { found = principal }
        guard let found else { throw ServiceError(.unauthenticated, "Invalid API key or JWT") }
        return found
    }

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
