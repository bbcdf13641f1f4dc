import Foundation
import JSON
import NIOHTTP1
import SearchServer
import Services
import TestSupport
import Testing

/// Tokens over HTTP, for both APIs.
@Suite struct TokenAccessTests {
    private static let forge = try! TokenForge()
    private var forge: TokenForge { Self.forge }

    private func withTokens(_ body: (TestServer) async throws -> Void) async throws {
        try await withServer({
            $0.apiKey = "full-key"
            $0.tokens.secret = try TokenSecret(TokenForge.secret)
            $0.tokens.publicKeys = [
                try TokenPublicKey(name: "rsa", pem: forge.rsaPEM), try TokenPublicKey(pem: forge.ecdsaPEM),
            ]
            $0.rateLimits = .none
        }) { try await body($0) }
    }

    private func bearer(_ token: String) -> [(String, String)] { [("authorization", "Bearer \(token)")] }

    /// Routes by what they need: statuses for reader, agent, writer and admin.
    @Test func everyRoleOnEveryKindOfRoute() async throws {
        let create = #"{"vectors": {"size": 2, "distance": "Dot"}}"#
        let trend = #"{"title": "T", "source": "vk", "deduplicate": false}"#
        let none = UUID().uuidString
        // 403 where the role may not; otherwise what an allowed request gets.
        let routes: [(HTTPMethod, String, String?, least: Int, status: Int)] = [
            (.GET, "/collections", nil, 0, 200), (.GET, "/metrics", nil, 0, 200), (.GET, "/telemetry", nil, 0, 200),
            (.POST, "/collections/c/points/scroll", "{}", 0, 200), (.GET, "/collections/c/snapshots", nil, 0, 200),
            (.GET, "/api/v1/trends", nil, 0, 200), (.GET, "/api/v1/ideas/top", nil, 0, 200),
            (.POST, "/api/v1/trends/search", #"{"like": "\#(none)"}"#, 0, 404),
            (.POST, "/api/v1/trends", trend, 1, 201), (.POST, "/api/v1/trends/batch", #"{"trends": []}"#, 1, 201),
            (.PUT, "/api/v1/trends/embeddings", #"{"embeddings": []}"#, 1, 200),
            (.POST, "/api/v1/ideas", "{}", 1, 422), (.PUT, "/api/v1/ideas/embeddings", #"{"embeddings": []}"#, 1, 200),
            (.POST, "/api/v1/trends/\(none)/observations", "{}", 1, 422),
            (.PATCH, "/api/v1/trends/\(none)", #"{"title": "U"}"#, 2, 404),
            (.DELETE, "/api/v1/ideas/\(none)", nil, 2, 404),
            (.PUT, "/collections/c/points", #"{"points": [{"id": 1, "vector": [1, 2]}]}"#, 2, 200),
            (.POST, "/collections/c/points/delete", #"{"points": [7]}"#, 2, 200),
            (.PUT, "/collections/c/index", #"{"field_name": "n", "field_schema": "integer"}"#, 3, 200),
            (.PUT, "/collections/other", create, 3, 200), (.DELETE, "/collections/other", nil, 3, 200),
            (.POST, "/collections/aliases", #"{"actions": []}"#, 3, 200), (.DELETE, "/snapshots/none", nil, 3, 404),
            (.POST, "/collections/c/snapshots/upload", "", 3, 400), (.POST, "/locks", #"{"write": false}"#, 3, 200),
            (.DELETE, "/issues", nil, 3, 200),
        ]
        try await withTokens { server in
            let made = try await server.send(.PUT, "/collections/c", create, headers: [("api-key", "full-key")])
            #expect(made.status == 200)
            for (place, role) in ["reader", "agent", "writer", "admin"].enumerated() {
                let token = bearer(try forge.token(TokenForge.claims(role)))
                for (method, path, body, least, status) in routes {
                    let answer = try await server.send(method, path, body, headers: token)
                    let expected = place < least ? 403 : status
                    #expect(answer.status == expected, "\(role): \(method) \(path): \(answer.text)")
                }
            }
            for (method, path, body, _, _) in routes {
                #expect(try await server.send(method, path, body).status == 401, "\(method) \(path)")
            }
        }
    }

    @Test func tokensOfEachAlgorithmInEitherHeader() async throws {
        try await withTokens { server in
            for token in [
                try forge.token(), try forge.token(TokenForge.claims(), algorithm: "ES256", .ecdsa),
                try forge.token(TokenForge.claims(), algorithm: "RS256", .rsa, header: ["kid": "rsa"]),
            ] {
                #expect(try await server.send(.GET, "/collections", headers: bearer(token)).status == 200)
                // Qdrant's clients send whatever they are given in this header.
                #expect(try await server.send(.GET, "/collections", headers: [("api-key", token)]).status == 200)
                #expect(try await server.send(.GET, "/api/v1/trends", headers: bearer(token)).status == 200)
            }
            #expect(try await server.send(.GET, "/collections", headers: bearer("full-key")).status == 200)
        }
    }

    @Test func misuseIsRefusedInEachApisForm() async throws {
        let now = Date().timeIntervalSince1970
        let good = try forge.token().split(separator: ".").map(String.init)
        let admin = try forge.token(TokenForge.claims("admin")).split(separator: ".").map(String.init)
        func claims(_ changes: [String: JSONValue?]) -> JSONValue { TokenForge.claims("admin", changes) }
        let wrong: [(String, Int, String)] = [
            (try forge.token(claims([:]), algorithm: "none", .bytes([])), 401, "HS256, RS256 or ES256"),
            (try forge.token(claims([:]), algorithm: "HS256", .hmac(forge.rsaPEM)), 401, "signature is wrong"),
            (
                try forge.token(claims([:]), algorithm: "HS256", .hmac(forge.rsaPEM), header: ["kid": "rsa"]), 401,
                "is not that of the key"
            ),
            (try forge.token(claims([:]), algorithm: "HS256", .hmac("full-key")), 401, "signature is wrong"),
            (try TokenForge().token(claims([:]), algorithm: "ES256", .ecdsa), 401, "signature is wrong"),
            ("\(good[0]).\(admin[1]).\(good[2])", 401, "signature is wrong"),
            (try forge.token(claims(["exp": .double(now - 3_600)])), 401, "has expired"),
            (try forge.token(claims(["nbf": .double(now + 3_600)])), 401, "not valid yet"),
            (try forge.token(claims(["exp": nil])), 401, "`exp` is missing"),
            (
                try forge.token(claims([:]), algorithm: "HS256", .hmac(TokenForge.secret), header: ["crit": ["x"]]),
                401,
                "crit"
            ),
            (String(repeating: "x", count: 9_000) + "..", 401, "longer than 8192 bytes"),
            ("not-a-token", 401, "Invalid API key or JWT"),
            (try forge.token(claims(["role": "root"])), 403, "must be one of reader, agent, writer, admin"),
            (try forge.token(claims(["role": nil])), 403, "`role` is missing"),
            (try forge.token(claims(["access": "rw"])), 403, "`access` is not supported"),
        ]
        try await withTokens { server in
            for (token, status, sentence) in wrong {
                let qdrant = try await server.send(.GET, "/collections", headers: bearer(token))
                #expect(qdrant.status == status, "\(sentence): \(qdrant.text)")
                #expect(status == 401 ? qdrant.text.contains(sentence) : qdrant.error.contains(sentence))
                let trends = try await server.send(.GET, "/api/v1/trends", headers: bearer(token))
                #expect(trends.status == status && trends.json["success"] == false)
                let error = trends.json["error"]
                #expect(error?["code"]?.stringValue == (status == 401 ? "UNAUTHENTICATED" : "FORBIDDEN"))
                #expect(error?["message"]?.stringValue?.contains(sentence) == true, "\(trends.text)")
                #expect(trends.headers["www-authenticate"] == (status == 401 ? ["Bearer"] : []))
                for answer in [qdrant.text, trends.text] {
                    #expect(!answer.contains(TokenForge.secret) && !answer.contains("full-key"))
                }
                // What load balancers ask for takes any credential.
                #expect(try await server.send(.GET, "/healthz", headers: bearer(token)).status == 200)
            }
            // A header that no parser should hold: refused before any of it is looked at.
            let huge = try await server.raw(
                "GET /collections HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(String(repeating: "x", count: 200_000))\r\n\r\n"
            )
            #expect(huge.hasPrefix("HTTP/1.1 431"), "\(huge.prefix(40))")
            let good = try forge.token()
            #expect(try await server.send(.GET, "/collections", headers: bearer(good)).status == 200)
        }
    }

    @Test func tokensAloneCloseTheServer() async throws {
        let token = try forge.token()
        try await withServer({ $0.tokens.secret = try TokenSecret(TokenForge.secret) }) { server in
            let nothing = try await server.send(.GET, "/collections")
            #expect(nothing.status == 401 && nothing.headers["www-authenticate"] == ["Bearer"])
            #expect(try await server.send(.GET, "/collections", headers: [("api-key", "")]).status == 401)
            #expect(try await server.send(.GET, "/collections", headers: bearer(token)).status == 200)
        }
    }

    /// The server's own clock decides.
    @Test func aTokenExpiresWhileItIsUsed() async throws {
        let time = ManualTime()
        try await withServer({ $0.tokens.secret = try TokenSecret(TokenForge.secret) }, time: time) { server in
            let token = try forge.token(TokenForge.claims(at: time.date))
            #expect(try await server.send(.GET, "/collections", headers: bearer(token)).status == 200)
            time.advance(by: .seconds(3_629))
            #expect(try await server.send(.GET, "/collections", headers: bearer(token)).status == 200)
            time.advance(by: .seconds(2))
            let late = try await server.send(.GET, "/collections", headers: bearer(token))
            #expect(late.status == 401 && late.text == "Invalid JWT: it has expired")
        }
    }
}
