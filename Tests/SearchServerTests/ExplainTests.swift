import JSON
import Testing

/// `explain` in the bodies of searches and queries, and in their answers.
@Suite struct ExplainTests {
    private static let search = "/collections/c/points/search"
    private static let query = "/collections/c/points/query"

    private func withPoints(_ body: (TestServer) async throws -> Void) async throws {
        try await withServer { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Euclid"}}"#)
            let points = (1...10).map { #"{"id": \#($0), "vector": [\#($0), 0], "payload": {"n": \#($0)}}"# }
            try await server.ok(
                .PUT, "/collections/c/points", #"{"points": [\#(points.joined(separator: ","))]}"#)
            try await body(server)
        }
    }

    private func members(_ value: JSONValue?) -> [String] {
        guard case .object(let object) = value else { return [] }
        return object.keys.map(\.string)
    }

    @Test func anExplanationStandsBesideTheResult() async throws {
        try await withPoints { server in
            let filter = #""filter": {"must": [{"key": "n", "range": {"gt": 6}}, {"has_id": [7, 8, 9, 3]}]}"#
            for (path, body) in [
                (Self.search, #"{"vector": [3, 0], "limit": 2, "explain": true, \#(filter)}"#),
                (Self.query, #"{"query": [3, 0], "limit": 2, "explain": true, \#(filter)}"#),
            ] {
                let answer = try await server.send(.POST, path, body)
                #expect(answer.status == 200)
                #expect(members(answer.json) == ["result", "status", "time", "explain"])
                let explain = try #require(answer.json["explain"])
                #expect(
                    members(explain) == [
                        "plan", "method", "points", "filter", "candidates", "ef", "recall", "awaits_check",
                        "went_on_by_vectors", "went_on_wider", "hops", "scored", "microseconds",
                    ])
                #expect(explain["plan"] == "exact_filtered_scan")
                #expect(explain["points"] == 10)
                #expect(
                    explain["filter"] == [
                        "matching": 3, "conditions": 2, "by_declared_index": 0, "by_implicit_index": 1,
                    ])
                #expect(explain["candidates"] == 3)
                #expect(explain["ef"] == JSONValue.null)
                #expect(explain["recall"] == JSONValue.null)
                #expect(explain["hops"] == 0)
                #expect(explain["scored"] == ["walk": 0, "scan": 3, "rerank": 0, "rescore": 0])
                let times = try #require(explain["microseconds"])
                #expect(
                    members(times) == [
                        "wait", "filter", "prepare", "walk", "scan", "rerank", "rescore", "fetch", "total",
                    ])
                #expect(times["walk"]?.doubleValue == 0)
                let total = try #require(times["total"]?.doubleValue)
                #expect(total > 0 && total <= (answer.json["time"]?.doubleValue ?? 0) * 1e6)
            }
        }
    }

    @Test func nothingChangesForThoseWhoDoNotAsk() async throws {
        try await withPoints { server in
            for (path, body) in [
                (Self.search, #""vector": [3, 0], "limit": 2"#), (Self.query, #""query": 4"#),
                (Self.query, #""limit": 3"#),
                (Self.search + "/batch", #""searches": [{"vector": [3, 0], "limit": 2, "explain": false}]"#),
                (Self.query + "/batch", #""searches": []"#),
            ] {
                let plain = try await server.send(.POST, path, "{\(body)}")
                let refused = try await server.send(.POST, path, #"{\#(body), "explain": false}"#)
                for answer in [plain, refused] {
                    #expect(answer.status == 200)
                    #expect(members(answer.json) == ["result", "status", "time"], "\(path) \(body)")
                    #expect(answer.result == plain.result)
                }
            }
        }
    }

    @Test func batchesExplainInTheOrderOfTheirSearches() async throws {
        try await withPoints { server in
            let some = try await server.send(
                .POST, Self.query + "/batch",
                #"{"searches": [{"query": [1, 0]}, {"query": [1, 0], "explain": true}, {"limit": 2, "explain": true}]}"#
            )
            let plans = some.json["explain"]?.arrayValue?.map { $0["plan"] ?? .null }
            #expect(plans == [.null, "exact_scan", "id_order"])
            try await server.ok(.PUT, "/collections/c/index", #"{"field_name": "n", "field_schema": "integer"}"#)
            let all = try await server.send(
                .POST, Self.query + "/batch",
                #"{"explain": true, "searches": [{"query": 3}, {"query": {"order_by": "n"}, "filter": {"must": [{"key": "n", "range": {"lt": 4}}]}}]}"#
            )
            #expect(all.json["explain"]?[0]?["plan"] == "exact_scan")
            #expect(all.json["explain"]?[1]?["plan"] == "value_order")
            #expect(
                all.json["explain"]?[1]?["filter"]
                    == ["matching": 3, "conditions": 1, "by_declared_index": 1, "by_implicit_index": 0])
            let older = try await server.send(
                .POST, Self.search + "/batch",
                #"{"searches": [{"vector": [1, 0], "limit": 1}, {"vector": [1, 0], "limit": 1}], "explain": true}"#)
            #expect(older.json["explain"]?.arrayValue?.count == 2)
        }
    }

    @Test(arguments: ["null", "1", "0", #""true""#, "[]", "{}", "[true]", "tru"])
    func onlyABooleanWillDo(_ value: String) async throws {
        try await withPoints { server in
            for (path, body) in [
                (Self.search, #"{"vector": [3, 0], "limit": 2, "explain": \#(value)}"#),
                (Self.query, #"{"explain": \#(value), "query": [3, 0]}"#),
                (Self.search + "/batch", #"{"searches": [{"vector": [3, 0], "limit": 2, "explain": \#(value)}]}"#),
                (Self.query + "/batch", #"{"searches": [{"query": [3, 0], "explain": \#(value)}]}"#),
                (Self.search + "/batch", #"{"searches": [], "explain": \#(value)}"#),
                (Self.query + "/batch", #"{"explain": \#(value), "searches": []}"#),
            ] {
                let error = try await server.fails(400, .POST, path, body)
                // What is no JSON value at all is found before anybody knows what it should have been.
                if value != "tru" { #expect(error.contains("`explain`"), "\(body): \(error)") }
            }
        }
    }
}
