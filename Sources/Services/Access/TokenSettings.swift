import Foundation
import JWTKit

/// What tokens a server takes.
public struct TokenSettings: Sendable {
    /// The shared secret of HS256; `nil` takes no such tokens.
    public var secret: TokenSecret?
    /// The public keys of RS256 and ES256.
    public var publicKeys: [TokenPublicKey] = []
    /// What a token's `aud` must name; `nil` doesn't look at it.
    public var audience: String?
    /// What a token's `iss` must be; `nil` doesn't look at it.
    public var issuer: String?
    /// Seconds by which the clocks of issuer and server may differ.
    public var leewaySeconds = 30
    /// The claim that names the role.
    public var roleClaim = "role"

    public init() {}

    /// Whether any token can be verified.
    public var isOn: Bool { secret != nil || !publicKeys.isEmpty }
}

/// Why a secret or key can't be used. The sentences don't tell the secret.
public struct TokenKeyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Ends the sentence "it …".
    public let description: String

    init(_ description: String) { self.description = description }
}

/// The shared secret of HS256, at least as long as its hash, as RFC 7518 (section 3.2) demands.
public struct TokenSecret: Sendable {
    static let leastBytes = 32
    let bytes: [UInt8]

    /// Throws `TokenKeyError` for a secret that is too short, or is a key of another kind: whoever knows the public key of RS256
    /// could sign with it if it were the secret of HS256.
    public init(_ text: String) throws {
        guard !text.contains("-----BEGIN") else { throw TokenKeyError("must be a secret, not a key in PEM") }
        bytes = Array(text.utf8)
        guard bytes.count >= Self.leastBytes else {
            throw TokenKeyError("must have at least \(Self.leastBytes) bytes, not \(bytes.count)")
        }
    }
}

/// A public key of RS256 or ES256. The kind of key decides the algorithm; a token can't choose another.
public struct TokenPublicKey: Sendable {
    enum Key: Sendable {
        case rsa(Insecure.RSA.PublicKey)
        case ecdsa(ES256PublicKey)
    }

    /// Serves tokens whose header names it as `kid`; without a name, those that name no other key.
    public let name: String?
    let key: Key

    /// Throws `TokenKeyError` for what is no RSA key of at least 2,048 bits nor a key on the curve P-256.
    ///
    /// - Parameter pem: a `PUBLIC KEY` (SubjectPublicKeyInfo) or `RSA PUBLIC KEY` in PEM.
    public init(name: String? = nil, pem: String) throws {
        self.name = name
        if pem.contains("PRIVATE KEY-----") {
            throw TokenKeyError("is a private key; the server needs the public one alone")
        }
        let pem = pem.trimmingCharacters(in: .whitespacesAndNewlines)
        if let key = try? ES256PublicKey(pem: pem) {
            self.key = .ecdsa(key)
            return
        }
        do { key = .rsa(try Insecure.RSA.PublicKey(pem: pem)) } catch {
            throw TokenKeyError(
                "must be an RSA public key of at least 2048 bits, or a public key on the curve P-256, in PEM")
        }
    }
}
