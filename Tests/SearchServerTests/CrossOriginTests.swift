import NIOHTTP1
import SearchServer
import Testing

/// What pages of other origins may do.
@Suite struct CrossOriginTests {
    private static let app = "https://app.example.org"

    private func preflight(
        _ server: TestServer, _ method: String, _ path: String, from origin: String = Self.app,
        asking headers: String? = nil
    ) async throws -> TestServer.Answer {
        var sent = [("origin", origin), ("access-control-request-method", method)]
        if let headers { sent.append(("access-control-request-headers", headers)) }
        return try await server.send(.OPTIONS, path, headers: sent)
    }

    /// Before any key is asked for: browsers send none with a preflight request.
    @Test func everyMethodAndHeaderOfBothAPIs() async throws {
        try await withServer({ $0.apiKey = "key" }) { server in
            for (method, path) in [
                ("POST", "/api/v1/trends"), ("PATCH", "/api/v1/ideas/x"), ("DELETE", "/collections/c"),
                ("PUT", "/collections/c/points"), ("GET", "/api/v1/none"),
            ] {
                let asked = "authorization,api-key,content-type,x-request-id,last-event-id"
                let answer = try await preflight(server, method, path, asking: asked)
                #expect(answer.status == 200 && answer.body.isEmpty)
                #expect(answer.headers["access-control-allow-origin"] == ["*"])
                #expect(answer.headers["access-control-allow-headers"] == [asked])
                #expect(answer.headers["access-control-max-age"] == ["3600"])
                #expect(answer.headers["access-control-allow-credentials"] == [])
                let methods = answer.headers["access-control-allow-methods"].first?.components(separatedBy: ", ")
                #expect(methods?.contains(method) == true)
            }
            // What is refused is told to the page as well.
            let refused = try await server.send(.GET, "/api/v1/trends", headers: [("origin", Self.app)])
            #expect(refused.status == 401 && refused.headers["access-control-allow-origin"] == ["*"])
            #expect(refused.headers["access-control-expose-headers"] == ["x-request-id, retry-after"])
            // What no browser asks like this is an ordinary request.
            #expect(try await server.send(.OPTIONS, "/collections").status == 404)
            let hostile = try await preflight(server, "GET", "/", asking: "content-type, <script>")
            #expect(hostile.headers["access-control-allow-headers"] == [])
        }
    }

    @Test func originsOfAList() async throws {
        try await withServer({
            $0.cors = CORS(origins: [Self.app, "http://localhost:3000"], allowsCredentials: true, maxAgeSeconds: 60)
        }) { server in
            for origin in [Self.app, "http://localhost:3000"] {
                for answer in [
                    try await preflight(server, "POST", "/api/v1/trends", from: origin, asking: "content-type"),
                    try await server.send(.GET, "/collections", headers: [("origin", origin)]),
                ] {
                    #expect(answer.headers["access-control-allow-origin"] == [origin])
                    #expect(answer.headers["access-control-allow-credentials"] == ["true"])
                    #expect(answer.headers["vary"].contains("origin"))
                }
            }
            for origin in [
                "https://app.example.org.evil.example", "https://app.example.org:444", "http://app.example.org",
                "HTTPS://APP.EXAMPLE.ORG", "null", "*", "", "https://app.example.org,http://localhost:3000",
            ] {
                for answer in [
                    try await preflight(server, "POST", "/api/v1/trends", from: origin, asking: "content-type"),
                    try await server.send(.GET, "/collections", headers: [("origin", origin)]),
                ] {
                    #expect(answer.status == 200)
                    #expect(answer.headers["access-control-allow-origin"] == [], "\(origin)")
                    #expect(answer.headers["access-control-allow-credentials"] == [])
                    #expect(answer.headers["access-control-allow-methods"] == [])
                    #expect(answer.headers["vary"].contains("origin"))
                }
            }
            let same = try await server.send(.GET, "/collections")
            #expect(same.headers["access-control-allow-origin"] == [])
        }
    }
}
