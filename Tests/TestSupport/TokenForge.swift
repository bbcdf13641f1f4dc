import Crypto
import CryptoExtras
import Foundation
import JSON

/// Makes JSON Web Tokens, right ones and wrong ones: every part of them can be anything. It knows nothing of what verifies them.
package struct TokenForge: Sendable {
    package static let secret = "a secret of tests, longer than 32 bytes"

    private let ecdsa = P256.Signing.PrivateKey()
    private let rsa: _RSA.Signing.PrivateKey

    /// With keys of its own.
    package init() throws { rsa = try _RSA.Signing.PrivateKey(keySize: .bits2048) }

    package var ecdsaPEM: String { ecdsa.publicKey.pemRepresentation }
    package var rsaPEM: String { rsa.publicKey.pemRepresentation }
    package var ecdsaPrivatePEM: String { ecdsa.pemRepresentation }

    package static func smallRSAPEM() throws -> String {
        try _RSA.Signing.PrivateKey(unsafeKeySize: .init(bitCount: 1_024)).publicKey.pemRepresentation
    }

    /// What signs, whatever the header says.
    package enum Signature: Sendable {
        case hmac(String)
        case rsa, ecdsa
        case bytes([UInt8])
    }

    /// Claims that a server with these settings takes, with changes over them; `nil` takes one away.
    package static func claims(
        _ role: String = "reader", at now: Date = Date(), _ changes: [String: JSONValue?] = [:]
    ) -> JSONValue {
        var claims: JSONObject = [
            "sub": "alice", "role": .string(role), "exp": JSONValue(Int(now.timeIntervalSince1970) + 3_600),
        ]
        for (name, value) in changes { claims[name] = value }
        return .object(claims)
    }

    package func token(
        _ claims: JSONValue, algorithm: String, _ signature: Signature, header: [String: JSONValue] = [:]
    ) throws -> String {
        var members: JSONObject = ["alg": .string(algorithm), "typ": "JWT"]
        for (name, value) in header { members[ByteString(name)] = value }
        return try token(header: JSONValue.object(members).serialized(), claims: claims.serialized(), signature)
    }

    /// A token of HS256 with the usual secret.
    package func token(_ claims: JSONValue = Self.claims()) throws -> String {
        try token(claims, algorithm: "HS256", .hmac(Self.secret))
    }

    /// Of bytes as they are.
    package func token(header: [UInt8], claims: [UInt8], _ signature: Signature) throws -> String {
        let signed = "\(Self.encoded(header)).\(Self.encoded(claims))"
        let bytes: [UInt8]
        switch signature {
        case .hmac(let secret):
            bytes = Array(
                HMAC<SHA256>.authenticationCode(
                    for: Data(signed.utf8), using: SymmetricKey(data: Data(secret.utf8))))
        case .rsa:
            bytes = Array(
                try rsa.signature(for: SHA256.hash(data: Data(signed.utf8)), padding: .insecurePKCS1v1_5)
                    .rawRepresentation)
        case .ecdsa: bytes = Array(try ecdsa.signature(for: Data(signed.utf8)).rawRepresentation)
        case .bytes(let given): bytes = given
        }
        return "\(signed).\(Self.encoded(bytes))"
    }

    package static func encoded(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    }
}
