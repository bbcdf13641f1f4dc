import JSON
import Logging
import NIOHTTP1
import SearchServer
import TestSupport
import Testing

/// Ids that connect an answer, the log and a proxy's log.
@Suite struct RequestIDTests {
    @Test func aSaneIDIsKept() async throws {
        try await withServer { server in
            for id in ["a", "3f2c-77", "edge:eu-1/7+x=_.@", String(repeating: "z", count: 128)] {
                let answer = try await server.send(.GET, "/collections", headers: [("x-request-id", id)])
                #expect(answer.headers["x-request-id"] == [id])
            }
            var made: Set<String> = []
            for id in ["", "with space", "a\"b", "{}", "ä", "tab\t", String(repeating: "z", count: 129)] {
                let answer = try await server.send(.GET, "/collections", headers: [("x-request-id", id)])
                made.formUnion(answer.headers["x-request-id"])
                #expect(answer.headers["x-request-id"].count == 1 && answer.headers["x-request-id"] != [id])
            }
            made.formUnion(try await server.send(.GET, "/none").headers["x-request-id"])
            #expect(made.count == 8, "every request has its own")
            for id in made {
                #expect(id.count == 41 && id.allSatisfy { $0.isHexDigit || $0 == "-" }, "\(id)")
            }
        }
    }

    @Test func everyKindOfAnswerHasOne() async throws {
        try await withServer { server in
            let id = [("x-request-id", "my-request")]
            let create = #"{"vectors": {"size": 2, "distance": "Dot"}}"#
            let requests: [(HTTPMethod, String, String?, Int)] = [
                (.GET, "/", nil, 200), (.PUT, "/collections/c", create, 200), (.GET, "/none", nil, 404),
                (.POST, "/collections/c/points/query", #"{"query": [1, 2]}"#, 200),
                (.POST, "/collections/c/points/query", "{", 400), (.GET, "/snapshots/none", nil, 404),
                (.POST, "/collections/c/snapshots", nil, 200),
                (.POST, "/collections/c/snapshots/upload", "no snapshot", 400),
                (.POST, "/api/v1/trends", "{}", 422), (.GET, "/api/v1/none", nil, 404),
                (.POST, "/api/v1/trends/batch", #"{"trends": [{}], "on_error": "refuse"}"#, 422),
                (.GET, "/api/v1/trends/x", nil, 422),
            ]
            for (method, path, body, status) in requests {
                let answer = try await server.send(method, path, body, headers: id)
                #expect(answer.status == status, "\(method) \(path): \(answer.text)")
                #expect(answer.headers["x-request-id"] == ["my-request"], "\(method) \(path)")
                if path.hasPrefix("/api/v1/") {
                    #expect(answer.json["error"]?["request_id"] == "my-request", "\(answer.text)")
                }
            }
        }
    }

    @Test func theLogNamesIt() async throws {
        let recorder = LogRecorder(.debug)
        try await withServer(logger: recorder.logger) { server in
            _ = try await server.send(.GET, "/none?a=b", headers: [("x-request-id", "seen")])
            let trend = #"{"title": "Heat pumps", "source": "reddit", "engagement_score": 12.5}"#
            _ = try await server.send(.POST, "/api/v1/trends", trend, headers: [("x-request-id", "made")])
        }
        let seen = try #require(recorder.entries.first { $0["request_id"] == "seen" })
        #expect(seen.message == "request" && seen["status"] == "404" && seen["path"] == "/none?a=b")
        let found = try #require(recorder.lines(of: "trend_discovered").first)
        #expect(found["request_id"] == "made" && found["source"] == "reddit" && found["engagement"] == "12.5")
    }
}
