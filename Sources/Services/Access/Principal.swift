import Crypto
import Foundation

/// What an operation needs of who asks for it.
public enum Requirement: Sendable, CaseIterable {
    /// Nothing, even when keys are set: what load balancers ask for.
    case open
    case read
    /// Adds what was found or worked out: trends, observations, ideas, embeddings, the course of a job.
    case work
    /// Changes data.
    case write
    /// Changes what holds the data: collections, their vectors and indexes, aliases, snapshots.
    case administer
    /// Changes the server itself.
    case manage

    /// Whether it is refused while the storage is locked.
    public var changesData: Bool {
        switch self {
        case .open, .read, .manage: false
        case .work, .write, .administer: true
        }
    }

    /// The least rights that meet it.
    public var leastRights: Principal.Rights {
        switch self {
        case .open: .none
        case .read: .read
        case .work: .work
        case .write: .write
        case .administer, .manage: .all
        }
    }
}

/// Who asks, and what that allows.
public struct Principal: Sendable, Equatable {
    /// Each includes the ones before it.
    public enum Rights: Int, Sendable, CaseIterable, Comparable {
        case none, read, work, write, all

        /// The rights of a role as tokens name it; `nil` for another name.
        public init?(role: String) {
            guard let rights = Self.allCases.first(where: { $0.role == role && $0 != .none }) else { return nil }
            self = rights
        }

        /// The name of the role that has these rights.
        public var role: String {
            switch self {
            case .none: "none"
            case .read: "reader"
            case .work: "agent"
            case .write: "writer"
            case .all: "admin"
            }
        }

        public static func < (a: Rights, b: Rights) -> Bool { a.rawValue < b.rawValue }
    }

    public let rights: Rights
    public let identity: Identity
    /// When the token that tells it expires; `nil` for what doesn't.
    public let expires: Date?

    public init(rights: Rights, identity: Identity = .anonymous, expires: Date? = nil) {
        self.rights = rights
        self.identity = identity
        self.expires = expires
    }

    /// Whoever asks a server without keys.
    public static let unrestricted = Principal(rights: .all)
    /// Whoever shows nothing to a server with keys.
    public static let unknown = Principal(rights: .none)

    /// Throws `.unauthenticated` or `.forbidden` unless the principal may do what needs this.
    public func require(_ requirement: Requirement) throws {
        let least = requirement.leastRights
        if rights >= least { return }
        guard rights > .none else {
            throw ServiceError(.unauthenticated, "Must provide an API key or an Authorization bearer token")
        }
        // A key with less than all rights is the read-only key; the sentence is Qdrant's.
        guard identity.kind == .token else { throw ServiceError(.forbidden, "Global manage access is required") }
        throw ServiceError(
            .forbidden, "the role \(rights.role) does not allow this: it needs the role \(least.role)")
    }
}

/// Whom a principal is: limits are counted for each.
public struct Identity: Sendable, Hashable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Whoever asks a server without keys.
        case anonymous
        case key = "api_key"
        case token = "jwt"
    }

    public let kind: Kind
    /// The configuration key of an API key, or the subject of a token.
    public let name: String
    /// 128 bits that tell identities apart in a space that doesn't grow with their names.
    let fingerprint: Fingerprint

    struct Fingerprint: Sendable, Hashable {
        var high: UInt64
        var low: UInt64
    }

    public static let anonymous = Identity(.anonymous, name: "")

    /// - Parameter issuer: who issued a token; subjects are unique for each issuer.
    public init(_ kind: Kind, name: String, issuer: String? = nil) {
        self.kind = kind
        self.name = name
        // Lengths keep the parts apart.
        let text = "\(kind.rawValue) \(issuer?.utf8.count ?? -1) \(issuer ?? "") \(name)"
        let words = SHA256.hash(data: Array(text.utf8)).withUnsafeBytes { $0.loadWords() }
        fingerprint = Fingerprint(high: words.0, low: words.1)
    }

    public static func == (a: Identity, b: Identity) -> Bool { a.fingerprint == b.fingerprint }
    public func hash(into hasher: inout Hasher) { hasher.combine(fingerprint) }
}

extension UnsafeRawBufferPointer {
    /// The four words of a SHA-256 digest.
    func loadWords() -> (UInt64, UInt64, UInt64, UInt64) {
        func word(_ index: Int) -> UInt64 { loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) }
        return (word(0), word(1), word(2), word(3))
    }
}
