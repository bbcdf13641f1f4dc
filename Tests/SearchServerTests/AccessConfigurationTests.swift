import Foundation
import JSON
import SearchServer
import Services
import TestSupport
import Testing

/// The configuration of tokens, limits and origins.
@Suite struct AccessConfigurationTests {
    private static let forge = try! TokenForge()

    private func load(_ yaml: String, _ environment: [String: String] = [:]) throws -> ServerConfiguration {
        let (configuration, warnings) = try ServerConfiguration.load(yaml: yaml, environment: environment)
        #expect(warnings == [])
        return configuration
    }

    private func problems(_ yaml: String, _ environment: [String: String] = [:]) -> [String] {
        do {
            _ = try ServerConfiguration.load(yaml: yaml, environment: environment)
            return []
        } catch {
            return (error as? ConfigurationError)?.problems ?? ["\(error)"]
        }
    }

    @Test func tokensComeFromFilesAndTheEnvironment() async throws {
        let folder = temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Self.forge.rsaPEM.write(toFile: folder + "/rsa.pem", atomically: true, encoding: .utf8)
        let inline = Self.forge.ecdsaPEM.split(separator: "\n").map { "        \($0)" }.joined(separator: "\n")
        let configuration = try load(
            """
            service:
              jwt:
                audience: trendex
                issuer: https://id.example.org
                leeway_sec: 5
                role_claim: https://example.org/role
                public_keys:
                  key.of.2026: \(folder)/rsa.pem
                  second: |
            \(inline)
            """, ["QDRANT__SERVICE__JWT__SECRET": TokenForge.secret])
        #expect(configuration.tokens.isOn && configuration.tokens.secret != nil)
        #expect(configuration.tokens.publicKeys.map(\.name) == ["key.of.2026", "second"])
        #expect(configuration.tokens.audience == "trendex" && configuration.tokens.leewaySeconds == 5)
        let verifier = try await TokenVerifier(configuration.tokens)
        let changes: [String: JSONValue?] = [
            "aud": "trendex", "iss": "https://id.example.org", "https://example.org/role": "writer", "role": nil,
        ]
        let claims = TokenForge.claims("", changes)
        for token in [
            try Self.forge.token(claims),
            try Self.forge.token(claims, algorithm: "RS256", .rsa, header: ["kid": "key.of.2026"]),
            try Self.forge.token(claims, algorithm: "ES256", .ecdsa, header: ["kid": "second"]),
        ] {
            #expect(try verifier.principal(token, at: Date()).rights == .write)
        }
        let single = try load("", ["QDRANT__SERVICE__JWT__PUBLIC_KEY": folder + "/rsa.pem"])
        #expect(single.tokens.publicKeys.map(\.name) == [nil])
        #expect(!(try load("").tokens.isOn))
    }

    @Test func secretsAreToldToNobody() {
        let short = "sh0rt-secret"
        let hidden = [
            problems("service: {jwt: {secret: \(short)}}"), problems("", ["QDRANT__SERVICE__JWT__SECRET": short]),
            problems("service: {jwt: \(short)}"),
        ]
        for found in hidden {
            #expect(found.count == 1 && !found[0].contains(short), "\(found)")
        }
        #expect(hidden[0] == ["`service.jwt.secret`: it must have at least 32 bytes, not 12."])
    }

    @Test func whatCantBeAKeyStopsTheStart() throws {
        let pem = "|\n" + Self.forge.rsaPEM.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
        for (yaml, sentence) in [
            ("service:\n jwt:\n  secret: \(pem)", "must be a secret, not a key in PEM"),
            ("service: {jwt: {public_key: /none/key.pem}}", "the path of a file that can be read"),
            ("service: {jwt: {public_key: '-----BEGIN PUBLIC KEY-----'}}", "at least 2048 bits"),
            ("service: {jwt: {public_keys: [a]}}", "must be a mapping of names"),
            ("service: {jwt: {public_keys: {a: 5}}}", "must give each key's name a PEM"),
            ("service: {jwt: {public_keys: {a: /none}}}", "`a` must be a key in PEM"),
            // Tokens that nothing can verify would leave the server open.
            ("service: {jwt: {audience: trendex}}", "needs `service.jwt.secret` or a public key"),
            ("service: {jwt: {role_claim: r}}", "needs `service.jwt.secret` or a public key"),
            ("service: {jwt: {leeway_sec: 601}}", "from 0 to 600"),
            ("service: {jwt_rbac: true}", "rights by collection are not supported"),
        ] {
            let found = problems(yaml)
            #expect(!found.isEmpty && found.contains { $0.contains(sentence) }, "\(yaml): \(found)")
        }
    }

    @Test func limitsByKindAndOverride() throws {
        let defaults = try load("").rateLimits
        #expect(defaults.defaults == [.token: .limited(RateLimit(perMinute: 100, burst: 100))])
        let limits = try load(
            """
            rate_limits:
              max_buckets: 500
              jwt: {burst: 20}
              api_key: {per_minute: 6000}
              overrides:
                - {subject: crawler, group: trends, per_minute: 600, burst: 50}
                - {route: POST /api/v1/trends/batch, role: agent, kind: jwt, per_minute: 10}
                - {kind: api_key, per_minute: unlimited}
            """, ["QDRANT__RATE_LIMITS__ANONYMOUS__PER_MINUTE": "30"]
        ).rateLimits
        #expect(limits.mostBuckets == 500)
        #expect(
            limits.defaults == [
                .token: .limited(RateLimit(perMinute: 100, burst: 20)),
                .key: .limited(RateLimit(perMinute: 6_000)), .anonymous: .limited(RateLimit(perMinute: 30)),
            ])
        var first = RateLimits.Rule(.limited(RateLimit(perMinute: 600, burst: 50)))
        first.name = "crawler"
        first.group = "trends"
        var second = RateLimits.Rule(.limited(RateLimit(perMinute: 10)))
        second.route = "POST /api/v1/trends/batch"
        second.rights = .work
        second.kind = .token
        var third = RateLimits.Rule(.unlimited)
        third.kind = .key
        #expect(limits.overrides == [first, second, third])
        let off = try load("rate_limits: {jwt: {per_minute: unlimited}}").rateLimits
        #expect(off.defaults == [.token: .unlimited])
        for (yaml, sentence) in [
            ("rate_limits: {jwt: {per_minute: 0}}", "a number from"), ("rate_limits: {jwt: {burst: 0.5}}", "a number"),
            ("rate_limits: {api_key: {burst: 5}}", "needs `rate_limits.api_key.per_minute`"),
            ("rate_limits: {max_buckets: 3}", "from 16"), ("rate_limits: {overrides: 5}", "must be a list"),
            ("rate_limits: {overrides: [5]}", "number 0: it is no mapping"),
            ("rate_limits: {overrides: [{per_minute: 5}, {burst: 5}]}", "number 1: `per_minute` is missing"),
            ("rate_limits: {overrides: [{per_minute: 5, rate: 5}]}", "`rate` is none of"),
            ("rate_limits: {overrides: [{per_minute: 5, role: root}]}", "`role` must be one of"),
            ("rate_limits: {overrides: [{per_minute: 5, kind: user}]}", "`kind` must be one of"),
            ("rate_limits: {overrides: [{per_minute: 5, group: 5}]}", "`group` must be a text"),
        ] {
            let found = problems(yaml)
            #expect(found.count == 1 && found[0].contains(sentence), "\(yaml): \(found)")
        }
    }

    @Test func origins() throws {
        #expect(try load("").cors == CORS())
        #expect(try load("service: {enable_cors: false}").cors == nil)
        #expect(
            try load(
                "service: {cors: {allowed_origins: ['https://a.example', 'http://localhost:3000'], max_age_sec: 5}}"
            )
            .cors == CORS(origins: ["https://a.example", "http://localhost:3000"], maxAgeSeconds: 5))
        let list = try load(
            "service: {cors: {allow_credentials: true}}",
            ["QDRANT__SERVICE__CORS__ALLOWED_ORIGINS": "https://a.example, https://b.example"])
        #expect(list.cors == CORS(origins: ["https://a.example", "https://b.example"], allowsCredentials: true))
        for yaml in [
            "service: {cors: {allow_credentials: true}}",
            "service: {cors: {allow_credentials: true, allowed_origins: ['https://a.example', '*']}}",
            "service: {cors: {allowed_origins: ['https://a.example/path']}}",
            "service: {cors: {allowed_origins: [a.example]}}", "service: {cors: {allowed_origins: [5]}}",
            "service: {cors: {allowed_origins: ['HTTPS://a.example']}}",
        ] {
            #expect(problems(yaml).count == 1, "\(yaml): \(problems(yaml))")
        }
    }
}
