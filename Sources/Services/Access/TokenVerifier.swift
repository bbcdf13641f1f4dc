import Crypto
import Foundation
import JSON

/// Tells whom a JSON Web Token (RFC 7519, in the compact form of RFC 7515) names, and with which role.
///
/// The algorithms are HS256, RS256 and ES256 (RFC 7518); each key serves its own alone, and keys that a token brings along
/// are never used. Waits for nothing, so that event loops can call it. A token that was verified once is known again by its
/// hash until it expires.
public final class TokenVerifier: Sendable {
    /// Longer tokens are refused before they are looked at.
    public static let mostBytes = 8_192
    /// Levels of arrays and objects in a header or in claims.
    private static let mostDepth = 16

    private let keys: TokenKeys
    private let rules: TokenRules
    private let verified = VerifiedTokens()

    /// Throws only if the keys can't be loaded.
    public init(_ settings: TokenSettings) async throws {
        keys = try await TokenKeys(settings)
        rules = TokenRules(settings)
    }

    /// Tokens that are known by their hashes.
    package var rememberedTokens: Int { verified.count }

    /// Whether it has the form of a token, whatever is in it.
    static func isToken(_ credential: String) -> Bool {
        credential.utf8.reduce(0) { $0 + ($1 == UInt8(ascii: ".") ? 1 : 0) } == 2
    }

    /// Who presents a token. Throws `.unauthenticated` for one that isn't genuine or isn't valid now, `.forbidden` for one whose
    /// rights can't be told.
    ///
    /// - Complexity: a hash of the token; a signature more when it comes for the first time.
    public func principal(_ token: String, at now: Date) throws -> Principal {
        guard token.utf8.count <= Self.mostBytes else {
            throw Self.invalid("it is longer than \(Self.mostBytes) bytes")
        }
        let bytes = Array(token.utf8)
        let digest = TokenDigest(bytes)
        let seconds = now.timeIntervalSince1970
        if let known = verified[digest] {
            try rules.check(known, at: seconds)
            return known.principal
        }
        let claims = try rules.read(try claims(of: bytes))
        try rules.check(claims, at: seconds)
        verified.insert(claims, for: digest)
        return claims.principal
    }

    /// The claims, once the signature is right.
    private func claims(of token: [UInt8]) throws -> JSONObject {
        let parts = token.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw Self.invalid("it must have three parts between dots") }
        let header = try Self.object(parts[0], "header")
        if header["crit"] != nil {
            throw Self.invalid("it demands extensions (`crit`) that this server doesn't know")
        }
        if let type = header["typ"] {
            guard let name = type.stringValue?.lowercased(), ["jwt", "at+jwt", "application/at+jwt"].contains(name)
            else { throw Self.invalid("its type (`typ`) must be JWT") }
        }
        guard let name = header["alg"]?.stringValue else { throw Self.invalid("its header names no algorithm (`alg`)") }
        var key: String?
        if let value = header["kid"] {
            guard let text = value.stringValue else { throw Self.invalid("its key's name (`kid`) must be a string") }
            key = text
        }
        let algorithm = try keys.algorithm(name, key: key)
        guard let signature = base64URLDecoded(parts[2]) else { throw Self.invalid("its signature is no base64url") }
        let signed = token[..<parts[2].startIndex].dropLast()
        // An error means a signature of the wrong form.
        guard (try? algorithm.verify(signature, signs: signed)) == true else {
            throw Self.invalid("its signature is wrong")
        }
        return try Self.object(parts[1], "claims")
    }

    private static func object(_ part: ArraySlice<UInt8>, _ name: String) throws -> JSONObject {
        guard let bytes = base64URLDecoded(part),
            case .object(let members)? = try? JSONValue(parsing: bytes, maximumDepth: mostDepth)
        else { throw invalid("its \(name) must be a JSON object in base64url") }
        return members
    }

    /// - Parameter problem: goes on behind "it" or "its"; must not repeat what the token says.
    static func invalid(_ problem: String) -> ServiceError {
        ServiceError(.unauthenticated, "Invalid JWT: \(problem)")
    }
}

/// Decodes base64url without padding (RFC 4648, section 5); `nil` for any other character, an impossible length, or bits that
/// are set behind the last byte, so that no two texts mean the same bytes.
func base64URLDecoded(_ text: some Collection<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count * 3 / 4)
    var bits: UInt32 = 0
    var count = 0
    for character in text {
        let value: UInt8
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): value = character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): value = 62
        case UInt8(ascii: "_"): value = 63
        default: return nil
        }
        bits = bits << 6 | UInt32(value)
        count += 6
        if count >= 8 {
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            bits &= 1 << UInt32(count) - 1
        }
    }
    return count < 6 && bits == 0 ? bytes : nil
}
