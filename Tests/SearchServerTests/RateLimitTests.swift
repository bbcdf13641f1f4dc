import Foundation
import JSON
import SearchServer
import Services
import TestSupport
import Testing

/// Limits over HTTP, with a clock that the test moves.
@Suite struct RateLimitTests {
    private static let forge = try! TokenForge()

    private func bearer(_ subject: String) throws -> [(String, String)] {
        let token = try Self.forge.token(TokenForge.claims("admin", ["sub": .string(subject)]))
        return [("authorization", "Bearer \(token)")]
    }

    @Test func tokensAreLimitedByGroup() async throws {
        let time = ManualTime()
        try await withServer(
            {
                $0.apiKey = "full-key"
                $0.tokens.secret = try TokenSecret(TokenForge.secret)
                $0.rateLimits.defaults[.token] = .limited(RateLimit(perMinute: 6, burst: 3))
            }, time: time
        ) { server in
            let alice = try bearer("alice")
            for _ in 0..<3 {
                #expect(try await server.send(.GET, "/api/v1/trends", headers: alice).status == 200)
            }
            let refused = try await server.send(.GET, "/api/v1/trends/stats", headers: alice)
            #expect(refused.status == 429 && refused.headers["retry-after"] == ["10"])
            #expect(refused.json["error"]?["code"] == "RATE_LIMITED")
            #expect(refused.json["error"]?["message"]?.stringValue?.contains("try again in 10 s") == true)
            // Other groups, other principals and keys go on, and what is open to all isn't counted.
            for _ in 0..<3 { #expect(try await server.send(.GET, "/collections", headers: alice).status == 200) }
            let qdrant = try await server.send(.GET, "/collections", headers: alice)
            #expect(qdrant.status == 429 && qdrant.headers["retry-after"] == ["10"])
            #expect(qdrant.error.hasPrefix("Too many requests: 6 requests a minute"))
            let bob = try bearer("bob")
            #expect(try await server.send(.GET, "/api/v1/trends", headers: bob).status == 200)
            for _ in 0..<10 {
                #expect(try await server.send(.GET, "/healthz", headers: alice).status == 200)
                #expect(try await server.send(.GET, "/collections", headers: [("api-key", "full-key")]).status == 200)
            }
            time.advance(by: .milliseconds(9_001))
            let soon = try await server.send(.GET, "/api/v1/trends", headers: alice)
            #expect(soon.status == 429 && soon.headers["retry-after"] == ["1"])
            time.advance(by: .seconds(1))
            #expect(try await server.send(.GET, "/api/v1/trends", headers: alice).status == 200)
            #expect(try await server.send(.GET, "/api/v1/trends", headers: alice).status == 429)
            let metrics = try await server.send(.GET, "/metrics", headers: [("api-key", "full-key")]).text
            #expect(metrics.contains("\ntrendex_rate_limited_total 4\n"))
            #expect(
                metrics.contains("api_requests_total{method=\"GET\",endpoint=\"/api/v1/trends\",status=\"429\"} 2\n"))
        }
    }

    /// A stream passes two handlers, and counts once.
    @Test func aDownloadCountsOnce() async throws {
        let time = ManualTime()
        try await withServer(
            { $0.rateLimits.defaults[.anonymous] = .limited(RateLimit(perMinute: 1, burst: 4)) }, time: time
        ) { server in
            for _ in 0..<4 { #expect(try await server.send(.GET, "/snapshots/none").status == 404) }
            #expect(try await server.send(.GET, "/snapshots/none").status == 429)
            // An upload is refused before its body is read.
            let upload = try await server.send(
                .POST, "/collections/c/snapshots/upload", String(repeating: "x", count: 100_000))
            #expect(upload.status == 429)
            #expect(try await server.send(.GET, "/collections").status == 200)
        }
    }

    @Test func anOverrideThatFitsNothingStopsTheStart() async throws {
        var rule = RateLimits.Rule(.unlimited)
        rule.route = "GET /api/v1/trendz"
        do {
            try await withServer({ $0.rateLimits.overrides = [rule] }) { _ in }
            Issue.record("the server started")
        } catch let error as ConfigurationError {
            #expect(
                error.problems == ["`rate_limits.overrides[0].route`: there is no route `GET /api/v1/trendz`."])
        }
    }
}
