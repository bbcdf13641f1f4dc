import Foundation
import JSON
import Services
import TestSupport
import Testing

/// Tokens as the verifier sees them, with a clock that stands still.
@Suite struct TokenTests {
    private static let forge = try! TokenForge()
    private let now = Date(timeIntervalSince1970: 1_800_000_000)
    private var forge: TokenForge { Self.forge }

    private func verifier(_ change: (inout TokenSettings) throws -> Void = { _ in }) async throws -> TokenVerifier {
        var settings = TokenSettings()
        settings.secret = try TokenSecret(TokenForge.secret)
        settings.publicKeys = [
            try TokenPublicKey(name: "rsa", pem: forge.rsaPEM), try TokenPublicKey(pem: forge.ecdsaPEM),
        ]
        try change(&settings)
        return try await TokenVerifier(settings)
    }

    private func claims(_ role: String = "reader", _ changes: [String: JSONValue?] = [:]) -> JSONValue {
        TokenForge.claims(role, at: now, changes)
    }

    private func failure(_ verifier: TokenVerifier, _ token: String, at time: Date? = nil) -> ServiceError? {
        do { _ = try verifier.principal(token, at: time ?? now) } catch { return error as? ServiceError }
        return nil
    }

    @Test func everyAlgorithmAndRole() async throws {
        let verifier = try await verifier()
        let roles: [(String, Principal.Rights)] = [
            ("reader", .read), ("agent", .work), ("writer", .write), ("admin", .all),
        ]
        for (role, rights) in roles {
            for token in [
                try forge.token(claims(role)),
                try forge.token(claims(role), algorithm: "RS256", .rsa, header: ["kid": "rsa"]),
                try forge.token(claims(role), algorithm: "ES256", .ecdsa),
                // A key without a name serves the tokens that name no other.
                try forge.token(claims(role), algorithm: "ES256", .ecdsa, header: ["kid": "whatever"]),
            ] {
                // The second time from memory.
                for _ in 0..<2 {
                    let principal = try verifier.principal(token, at: now)
                    #expect(principal.rights == rights)
                    #expect(principal.identity.kind == .token && principal.identity.name == "alice")
                }
            }
        }
        let several = try forge.token(claims("reader", ["role": ["reader", "writer"]]))
        #expect(try verifier.principal(several, at: now).rights == .write)
    }

    @Test func signaturesThatAreNot() async throws {
        let verifier = try await verifier()
        let good = try forge.token(claims())
        let parts = good.split(separator: ".").map(String.init)
        let other = try forge.token(claims("admin")).split(separator: ".").map(String.init)
        let wrong: [(String, String)] = [
            // No signature, in every spelling.
            (try forge.token(claims("admin"), algorithm: "none", .bytes([])), "HS256, RS256 or ES256"),
            (try forge.token(claims("admin"), algorithm: "None", .bytes([])), "HS256, RS256 or ES256"),
            (try forge.token(claims("admin"), algorithm: "HS256", .bytes([])), "signature is wrong"),
            (try forge.token(claims(), algorithm: "HS512", .hmac(TokenForge.secret)), "HS256, RS256 or ES256"),
            (try forge.token(claims(), algorithm: "hs256", .hmac(TokenForge.secret)), "HS256, RS256 or ES256"),
            // A public key as the secret: everybody knows it.
            (try forge.token(claims(), algorithm: "HS256", .hmac(forge.rsaPEM)), "signature is wrong"),
            (
                try forge.token(claims(), algorithm: "HS256", .hmac(forge.rsaPEM), header: ["kid": "rsa"]),
                "its algorithm HS256 is not that of the key it names, RS256"
            ),
            (try forge.token(claims(), algorithm: "RS256", .ecdsa, header: ["kid": "rsa"]), "signature is wrong"),
            (try forge.token(claims(), algorithm: "ES256", .rsa), "signature is wrong"),
            (try forge.token(claims(), algorithm: "ES256", .ecdsa, header: ["kid": "rsa"]), "is not that of the key"),
            (try forge.token(claims(), algorithm: "RS256", .rsa), "no key for its algorithm RS256"),
            (try forge.token(claims(), algorithm: "RS256", .rsa, header: ["kid": "gone"]), "doesn't have the key"),
            // Of somebody else.
            (try forge.token(claims(), algorithm: "HS256", .hmac("another secret of at least 32 bytes")), "is wrong"),
            (try TokenForge().token(claims(), algorithm: "ES256", .ecdsa), "signature is wrong"),
            // All zero: a signature that broken verifiers of ECDSA took.
            (try forge.token(claims(), algorithm: "ES256", .bytes([UInt8](repeating: 0, count: 64))), "is wrong"),
            // A key that comes with the token.
            (
                try forge.token(
                    claims(), algorithm: "HS256", .hmac("another secret of at least 32 bytes"),
                    header: ["jwk": ["kty": "oct", "k": "AAAA"], "jku": "https://example.org/keys"]), "is wrong"
            ),
            (try forge.token(claims(), algorithm: "HS256", .hmac(TokenForge.secret), header: ["crit": []]), "(`crit`)"),
            (
                try forge.token(
                    claims(), algorithm: "HS256", .hmac(TokenForge.secret),
                    header: ["crit": ["b64"], "b64": false]), "(`crit`)"
            ),
            (try forge.token(claims(), algorithm: "HS256", .hmac(TokenForge.secret), header: ["kid": 5]), "(`kid`)"),
            (
                try forge.token(claims(), algorithm: "HS256", .hmac(TokenForge.secret), header: ["typ": "JWE"]),
                "(`typ`)"
            ),
            // Claims of one token under the signature of another.
            ("\(parts[0]).\(other[1]).\(parts[2])", "signature is wrong"),
            ("\(parts[0]).\(parts[1]).\(other[2])", "signature is wrong"),
            ("\(parts[0]).\(parts[1]).\(parts[2])=", "base64url"),
            ("\(parts[0]).\(parts[1]).\(parts[2].dropLast())", "is"),
            ("\(parts[0]).\(parts[1]). \(parts[2])", "base64url"),
            ("..", "its header must be a JSON object"),
            ("\(parts[0])..\(parts[2])", "signature is wrong"),
            (String(repeating: "a", count: TokenVerifier.mostBytes) + "..", "longer than 8192 bytes"),
            (
                try forge.token(
                    header: Array(String(repeating: "[", count: 3_000).utf8), claims: [], .hmac(TokenForge.secret)),
                "its header must be a JSON object"
            ),
            (
                try forge.token(
                    header: Array(#"{"alg":"HS256"}"#.utf8), claims: Array("[1]".utf8), .hmac(TokenForge.secret)),
                "its claims must be a JSON object"
            ),
            (
                try forge.token(
                    header: Array(#"{"alg":"HS256"}"#.utf8), claims: [0xFF, 0xFE], .hmac(TokenForge.secret)),
                "its claims must be a JSON object"
            ),
        ]
        for (place, (token, sentence)) in wrong.enumerated() {
            let error = failure(verifier, token)
            #expect(error?.code == .unauthenticated, "case \(place): \(String(describing: error))")
            #expect(error?.message.contains(sentence) == true, "case \(place): \(String(describing: error))")
            for secret in [TokenForge.secret, parts[2], "alice", "admin"] {
                #expect(error?.message.contains(secret) == false, "case \(place)")
            }
        }
        #expect(failure(verifier, good) == nil)
    }

    /// Every change of one bit of a genuine token is refused.
    @Test func noBitCanBeChanged() async throws {
        let verifier = try await verifier()
        let token = Array(try forge.token(claims()).utf8)
        #expect(failure(verifier, String(decoding: token, as: UTF8.self)) == nil)
        for place in token.indices {
            for bit in 0..<7 {
                var changed = token
                changed[place] ^= 1 << bit
                let error = failure(verifier, String(decoding: changed, as: UTF8.self))
                #expect(error?.code == .unauthenticated, "byte \(place), bit \(bit)")
            }
        }
    }

    @Test func claimsThatAreMissingOrWrong() async throws {
        let verifier = try await verifier {
            $0.audience = "trendex"
            $0.issuer = "https://id.example.org"
        }
        let seconds = now.timeIntervalSince1970
        let right: [String: JSONValue?] = ["aud": "trendex", "iss": "https://id.example.org"]
        func token(_ changes: [String: JSONValue?]) throws -> String {
            try forge.token(claims("reader", right.merging(changes) { $1 }))
        }
        #expect(failure(verifier, try token([:])) == nil)
        #expect(failure(verifier, try token(["aud": ["other", "trendex"], "email": "a@example.org"])) == nil)
        let wrong: [([String: JSONValue?], ServiceError.Code, String)] = [
            (["exp": nil], .unauthenticated, "`exp` is missing"),
            (["exp": "2030-01-01"], .unauthenticated, "`exp` must be a number"),
            (["exp": 1e300], .unauthenticated, "`exp` must be a number"),
            (["exp": -1], .unauthenticated, "`exp` must be a number"),
            (["exp": .null], .unauthenticated, "`exp` must be a number"),
            (["exp": .double(seconds - 31)], .unauthenticated, "has expired"),
            (["nbf": .double(seconds + 31)], .unauthenticated, "not valid yet"),
            (["nbf": "soon"], .unauthenticated, "`nbf` must be a number"),
            (["iat": .double(seconds + 31)], .unauthenticated, "not valid yet"),
            (["aud": nil], .unauthenticated, "`aud` is missing"),
            (["aud": "other"], .unauthenticated, "another audience"),
            (["aud": []], .unauthenticated, "another audience"),
            (["aud": ["trendex2", 5]], .unauthenticated, "another audience"),
            (["iss": nil], .unauthenticated, "`iss` is missing"),
            (["iss": "https://id.example.org/"], .unauthenticated, "another issuer"),
            (["iss": 5], .unauthenticated, "`iss` must be a string"),
            (["sub": nil], .unauthenticated, "`sub` is missing"),
            (["sub": ""], .unauthenticated, "`sub` is missing"),
            (["sub": 7], .unauthenticated, "`sub` must be a string"),
            (["sub": .string(String(repeating: "x", count: 257))], .unauthenticated, "at most 256 bytes"),
            (["role": nil], .forbidden, "`role` is missing"),
            (["role": "root"], .forbidden, "must be one of reader, agent, writer, admin"),
            (["role": "none"], .forbidden, "must be one of"),
            (["role": "Admin"], .forbidden, "must be one of"),
            (["role": []], .forbidden, "must be one of"),
            (["role": ["admin", "root"]], .forbidden, "must be one of"),
            (["role": 1], .forbidden, "must be one of"),
            // Tokens of Qdrant's, whose rights are narrower than a role.
            (["access": "r"], .forbidden, "`access` is not supported"),
            (["value_exists": ["collection": "c"]], .forbidden, "`value_exists` is not supported"),
            (["cnf": ["jkt": "x"]], .forbidden, "`cnf` is not supported"),
        ]
        for (changes, code, sentence) in wrong {
            let error = failure(verifier, try token(changes))
            #expect(error?.code == code, "\(changes): \(String(describing: error))")
            #expect(error?.message.contains(sentence) == true, "\(changes): \(String(describing: error))")
        }
    }

    /// Whatever is signed, and whatever is done to it, is refused with a sentence, or says what makes it valid.
    @Test func tokensOfChance() async throws {
        var random = SeededGenerator()
        let verifier = try await verifier()
        let seconds = now.timeIntervalSince1970
        func pick<Value>(_ values: [Value]) -> Value { values.randomElement(using: &random)! }
        func value(_ depth: Int = 0) -> JSONValue {
            switch Int.random(in: 0..<(depth < 20 ? 10 : 7), using: &random) {
            case 0: .null
            case 1: .bool(.random(using: &random))
            case 2: .integer(.random(in: .min ... .max, using: &random))
            case 3: .double(pick([-0.0, 1e308, 5e-324, seconds + 0.5, -1e300]))
            case 4: .string(pick(["", "reader", "admin", "alice", "\u{0}", "й", "HS256", "JWT", "none"]))
            case 5: .integer(Int64(seconds) + .random(in: -100...100, using: &random))
            case 6: .string(String(repeating: "x", count: .random(in: 0...400, using: &random)))
            case 7: .array((0..<3).map { _ in value(depth + 1) })
            default: .object([ByteString(pick(["sub", "role", "a"])): value(depth + 1)])
            }
        }
        var accepted = 0
        for _ in 0..<20_000 {
            var claims = try #require(self.claims(pick(["reader", "admin"])).objectValue)
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                claims[ByteString(pick(["sub", "role", "exp", "nbf", "iat", "iss", "aud", "access", "b"]))] = value()
            }
            var header: [String: JSONValue] = [:]
            if Int.random(in: 0..<4, using: &random) == 0 { header[pick(["alg", "typ", "kid", "crit"])] = value() }
            var token = Array(
                try forge.token(.object(claims), algorithm: "HS256", .hmac(TokenForge.secret), header: header).utf8)
            if Bool.random(using: &random) {
                let place = Int.random(in: 0..<token.count, using: &random)
                let byte = pick(Array("aZ09-_.=+/ \u{0}".utf8))
                if Bool.random(using: &random) { token.insert(byte, at: place) } else { token.remove(at: place) }
            }
            do {
                let principal = try verifier.principal(String(decoding: token, as: UTF8.self), at: now)
                accepted += 1
                #expect(principal.identity.name == claims["sub"]?.stringValue)
                let expires = try #require(claims["exp"]?.doubleValue)
                #expect(expires > seconds - 30 && claims["access"] == nil)
                #expect(claims["role"]?.stringValue == principal.rights.role || claims["role"]?.arrayValue != nil)
            } catch let error as ServiceError {
                #expect(error.code == .unauthenticated || error.code == .forbidden)
                #expect(!error.message.isEmpty)
            }
        }
        #expect(accepted > 2_000 && accepted < 10_000)
    }

    /// A token that was verified is looked at again each time it comes.
    @Test func timesAreJudgedAnew() async throws {
        let verifier = try await verifier { $0.leewaySeconds = 5 }
        let seconds = now.timeIntervalSince1970
        let token = try forge.token(claims("reader", ["nbf": .double(seconds), "exp": .double(seconds + 60)]))
        let times: [(Double, String?)] = [
            (-5.5, "not valid yet"), (-5, nil), (0, nil), (60, nil), (64.5, nil), (65, "has expired"), (0, nil),
            (1e9, "has expired"),
        ]
        for (offset, sentence) in times {
            let error = failure(verifier, token, at: now + offset)
            #expect((error == nil) == (sentence == nil), "\(offset): \(String(describing: error))")
            if let sentence { #expect(error?.message.contains(sentence) == true, "\(offset)") }
        }
    }

    @Test func aClaimOfAnotherName() async throws {
        let verifier = try await verifier { $0.roleClaim = "https://example.org/role" }
        #expect(failure(verifier, try forge.token(claims("admin")))?.code == .forbidden)
        let token = try forge.token(claims("reader", ["https://example.org/role": "writer"]))
        #expect(try verifier.principal(token, at: now).rights == .write)
    }

    /// More tokens than are remembered: the first is verified again, and still right.
    @Test func manyTokens() async throws {
        let verifier = try await verifier()
        let tokens = try (0..<6_000).map { try forge.token(claims("reader", ["sub": .string("s\($0)")])) }
        for token in tokens { _ = try verifier.principal(token, at: now) }
        for (number, token) in tokens.enumerated() where number % 500 == 0 {
            #expect(try verifier.principal(token, at: now).identity.name == "s\(number)")
        }
        #expect(verifier.rememberedTokens <= 4_096 && verifier.rememberedTokens > 2_048)
    }

    @Test func keysThatAreNone() throws {
        #expect(throws: TokenKeyError.self) { try TokenSecret("short") }
        #expect(throws: TokenKeyError.self) { try TokenSecret(String(repeating: "x", count: 31)) }
        #expect(throws: TokenKeyError.self) { try TokenSecret(forge.rsaPEM) }
        _ = try TokenSecret(String(repeating: "x", count: 32))
        for pem in [
            "", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\nAAAA\n",
            try TokenForge.smallRSAPEM(), forge.ecdsaPrivatePEM, "\u{0}\u{FFFD}",
        ] {
            #expect(throws: TokenKeyError.self, "\(pem)") { try TokenPublicKey(pem: pem) }
        }
    }
}
