import SearchServer
import Services
import Testing

@Suite struct AuthenticationTests {
    @Test func keysOpenWhatTheyMay() async throws {
        try await withServer({
            $0.apiKey = "full-key"
            $0.readOnlyAPIKey = "read-key"
            $0.alternativeAPIKey = "next-key"
        }) { server in
            for path in ["/", "/healthz", "/livez", "/readyz"] {
                #expect(try await server.send(.GET, path).status == 200)
            }
            for path in ["/collections", "/metrics", "/telemetry", "/snapshots"] {
                let answer = try await server.send(.GET, path)
                #expect(answer.status == 401)
                #expect(answer.text == "Must provide an API key or an Authorization bearer token")
            }
            for wrong in ["", "full-ke", "full-key2", "FULL-KEY", "full-keyfull-key"] {
                let answer = try await server.send(.GET, "/collections", headers: [("api-key", wrong)])
                #expect(answer.status == 401, "\(wrong)")
                #expect(answer.text == "Invalid API key or JWT")
            }
            let body = #"{"vectors": {"size": 2, "distance": "Dot"}}"#
            for (header, status) in [
                (("api-key", "read-key"), 403), (("authorization", "Bearer read-key"), 403),
                (("authorization", "Bearer full-key"), 200), (("authorization", "full-key"), 401),
            ] {
                let answer = try await server.send(.PUT, "/collections/a", body, headers: [header])
                #expect(answer.status == status, "\(header)")
                if status == 403 { #expect(answer.error == "Forbidden: Global manage access is required") }
            }
            #expect(
                try await server.send(.PUT, "/collections/b", body, headers: [("api-key", "full-key")]).status == 200)
            #expect(
                try await server.send(.PUT, "/collections/c", body, headers: [("api-key", "next-key")]).status == 200)
            for path in ["/collections", "/collections/a", "/metrics", "/collections/a/snapshots"] {
                #expect(try await server.send(.GET, path, headers: [("api-key", "read-key")]).status == 200)
            }
            let search = #"{"vector": [1, 2], "limit": 1}"#
            let found = try await server.send(
                .POST, "/collections/a/points/search", search, headers: [("api-key", "read-key")])
            #expect(found.status == 200)
            for (path, body) in [
                ("points/delete", #"{"points": [1]}"#), ("points/payload", #"{"payload": {}, "points": [1]}"#),
                ("points/batch", #"{"operations": []}"#), ("snapshots", "{}"), ("snapshots/upload", "{}"),
            ] {
                let answer = try await server.send(
                    .POST, "/collections/a/\(path)", body, headers: [("api-key", "read-key")])
                #expect(answer.status == 403, "\(path)")
            }
        }
    }

    @Test func comparisonIsByValue() {
        func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
        #expect(APIKeys.isEqual(bytes("secret"), bytes("secret")))
        #expect(!APIKeys.isEqual(bytes("secret"), bytes("secre")))
        #expect(!APIKeys.isEqual(bytes("secretsecret"), bytes("secret")))
        #expect(!APIKeys.isEqual(bytes(""), bytes("secret")))
        #expect(!APIKeys.isEqual(bytes(""), bytes("")))
    }
}
