import Foundation
import JSON
import SearchServer
import Testing

/// The trend API over a live socket.
@Suite struct TrendTests {
    private static let path = "/api/v1/trends"
    private static let new = #"{"title": "Balcony solar", "source": "reddit"}"#

    private static func axis(_ index: Int) -> String {
        "[" + (0..<768).map { $0 == index ? "1" : "0" }.joined(separator: ",") + "]"
    }

    @Test func lifeOfATrend() async throws {
        try await withServer { server in
            let empty = try await server.data(200, .GET, Self.path)
            #expect(empty == ["items": [], "total": 0, "has_more": false, "next": nil])
            // Nothing is made before it is needed.
            #expect(try await server.ok(.GET, "/collections") == ["collections": []])
            let created = try await server.data(
                201, .POST, Self.path,
                #"""
                {"title": "Balcony solar", "description": "Panels for tenants", "url": "https://x.example/a?b=1",
                 "source": "reddit", "category": "energy", "tags": ["solar", "diy", "solar"], "engagement_score": 120,
                 "velocity": 3.5, "discovered_at": "2026-05-01T12:00:00Z", "metadata": {"likes": 17}}
                """#)
            let id = try #require(created["id"]?.stringValue)
            var expected: JSONObject = [
                "id": .string(id), "title": "Balcony solar", "description": "Panels for tenants",
                "url": "https://x.example/a?b=1", "source": "reddit", "category": "energy", "tags": ["solar", "diy"],
                "engagement_score": 120.0, "velocity": 3.5, "stage": "new", "discovered_at": "2026-05-01T12:00:00Z",
                "metadata": ["likes": 17], "embedding_status": "missing",
            ]
            #expect(created == .object(expected))
            expected["dynamics"] = [
                "observations": 1, "newest": 120.0, "peak": 120.0, "velocity_per_day": nil, "growth_per_day": nil,
            ]
            #expect(try await server.data(200, .GET, "\(Self.path)/\(id)") == .object(expected))
            #expect(try await server.data(200, .GET, "\(Self.path)/\(id.uppercased())") == .object(expected))

            let changed = try await server.data(
                200, .PATCH, "\(Self.path)/\(id)", #"{"title": "Solar balconies", "category": null, "tags": []}"#)
            #expect(changed["title"] == "Solar balconies" && changed["category"] == .null && changed["tags"] == [])
            #expect(changed["description"] == "Panels for tenants")
            #expect(try await server.data(200, .PATCH, "\(Self.path)/\(id)", "{}") == changed)

            let seen = try await server.data(
                201, .POST, "\(Self.path)/\(id)/observations",
                #"{"observed_at": "2026-05-02T12:00:00Z", "engagement_score": 240, "source": "vk", "url": null}"#)
            #expect(seen["engagement_score"] == 240.0 && seen["velocity"] == 120.0)
            let observations = try await server.data(200, .GET, "\(Self.path)/\(id)/observations?limit=1")
            #expect(
                observations == [
                    ["observed_at": "2026-05-02T12:00:00Z", "engagement_score": 240.0, "url": nil, "source": "vk"]
                ])

            let statistics = try await server.data(200, .GET, "\(Self.path)/stats")
            #expect(statistics["total"] == 1 && statistics["needing_embeddings"] == 1)
            #expect(statistics["by_source"] == [["source": "reddit", "count": 1]])
            #expect(statistics["by_category"] == [["category": nil, "count": 1]])
            #expect(statistics["by_stage"] == [["stage": "new", "count": 1]])
            #expect(statistics["top_trending"]?[0]?["id"] == .string(id))

            #expect(try await server.data(200, .DELETE, "\(Self.path)/\(id)") == ["id": .string(id)])
            for method in ["GET", "DELETE"] {
                let error = try await server.refused(404, .init(rawValue: method), "\(Self.path)/\(id)")
                #expect(error["code"] == "NOT_FOUND" && error["message"]?.stringValue?.contains(id) == true)
            }
            try await server.refused(404, .PATCH, "\(Self.path)/\(id)", "{}")
            try await server.refused(404, .GET, "\(Self.path)/\(id)/observations")
        }
    }

    /// Everything that is wrong with a request is told at once, by its field.
    @Test func everyWrongFieldIsNamed() async throws {
        try await withServer { server in
            for (body, fields) in [
                ("{}", ["title", "source"]), (#"{"title": 5, "source": null}"#, ["title", "source"]),
                (
                    #"{"title": "", "source": "x", "description": 1, "url": "ftp://x", "category": "", "tags": ["a", 1],"#
                        + #""engagement_score": -1, "velocity": "fast", "metadata": [], "discovered_at": "soon","#
                        + #""id": "7", "embedding": [1, 2], "other": 1}"#,
                    [
                        "source", "description", "tags[1]", "velocity", "metadata", "discovered_at", "id", "other",
                        "title", "url", "category", "engagement_score", "embedding",
                    ]
                ),
                (#"{"title": "a", "source": "vk", "tags": "a"}"#, ["tags"]),
                (#"{"title": "a", "source": "vk", "tags": [""]}"#, ["tags[0]"]),
                (#"{"title": "a\u0000", "source": "vk"}"#, ["title"]),
                (#"{"title": "a", "source": "vk", "discovered_at": "10000-01-01T00:00:00Z"}"#, ["discovered_at"]),
                (#"{"title": "a", "source": "vk", "embedding": 1}"#, ["embedding"]),
                (#"{"title": "a", "source": "vk", "embedding": []}"#, ["embedding"]),
            ] {
                let error = try await server.refused(422, .POST, Self.path, body)
                #expect(error["code"] == "VALIDATION_ERROR")
                let named = error["details"]?.arrayValue?.compactMap { $0["field"]?.stringValue } ?? []
                #expect(Set(named) == Set(fields) && named.count == fields.count, "\(body): \(named)")
                #expect(
                    error["details"]?.arrayValue?.allSatisfy { $0["message"]?.stringValue?.isEmpty == false } == true)
            }
            let zeros = "[" + Array(repeating: "0", count: 768).joined(separator: ",") + "]"
            try await server.refused(422, .POST, Self.path, #"{"title": "a", "source": "vk", "embedding": \#(zeros)}"#)
            // Numbers beyond their range, and what is none.
            for (member, field) in [
                (#""embedding": ["x"]"#, "embedding"), (#""embedding": [1, null]"#, "embedding"),
                (#""embedding": [1e39]"#, "embedding"),
            ] {
                let error = try await server.refused(
                    422, .POST, Self.path, #"{"title": "a", "source": "vk", \#(member)}"#)
                #expect(error["details"]?.arrayValue?.compactMap { $0["field"]?.stringValue } == [field], "\(member)")
            }
            for body in [
                "", "[]", "{", #"{"title": }"#, "nul", #"{"title": "a", "source": "vk", "embedding": [1,}"#,
                #"{"title": "a", "source": "vk", "velocity": 1e999}"#,
            ] {
                let error = try await server.refused(400, .POST, Self.path, body)
                #expect(error["code"] == "MALFORMED_REQUEST", "\(body)")
            }
            for (query, fields) in [
                ("limit=0", ["limit"]), ("limit=1001", ["limit"]), ("limit=-1", ["limit"]), ("skip=-1", ["skip"]),
                ("skip=10001", ["skip"]), ("skip=x&limit=1.5&foo=1", ["skip", "limit", "foo"]),
                ("source=x", ["source"]), ("stage=old", ["stage"]), ("min_engagement=nan", ["min_engagement"]),
                ("since=now&until=", ["since", "until"]), ("order_by=title", ["order_by"]), ("order=up", ["order"]),
                ("after=x", ["after"]),
                ("after=velocity.asc.d0.00000000-0000-4000-8000-000000000000", ["after"]),
                ("category=%00", ["category"]), ("category=%ff", ["category"]), ("%zz=1", ["%zz"]),
                ("limit=0&skip=-1&order=x&zz=1", ["limit", "skip", "order", "zz"]), ("tags=a%00", ["tags"]),
            ] {
                let error = try await server.refused(422, .GET, "\(Self.path)?\(query)")
                let named = error["details"]?.arrayValue?.compactMap { $0["field"]?.stringValue } ?? []
                #expect(Set(named) == Set(fields), "\(query): \(named)")
            }
            for (path, field) in [
                ("/abc", "id"), ("/stats?x=1", "x"), ("/categories/trending?days=0", "days"),
                ("/categories/trending?limit=0", "limit"), ("/needing-embeddings?order=asc", "order"),
            ] {
                let error = try await server.refused(422, .GET, Self.path + path)
                #expect(error["details"]?[0]?["field"]?.stringValue == field, "\(path)")
            }
            let id = try await server.create(Self.new)
            for (body, field) in [
                (#"{"id": "x"}"#, "id"), (#"{"discovered_at": "2026-01-01"}"#, "discovered_at"),
                (#"{"title": null}"#, "title"), (#"{"stage": "new"}"#, "stage"), (#"{"velocity": 1}"#, "velocity"),
                (#"{"url": "x"}"#, "url"),
                (#"{"embedding": [1]}"#, "embedding"),
            ] {
                let error = try await server.refused(422, .PATCH, "\(Self.path)/\(id)", body)
                #expect(error["details"]?[0]?["field"]?.stringValue == field, "\(body)")
            }
            for (body, field) in [
                ("{}", "engagement_score"), (#"{"engagement_score": -1, "source": "vk"}"#, "engagement_score"),
                (#"{"engagement_score": 1, "source": "vk", "observed_at": 5}"#, "observed_at"),
            ] {
                let error = try await server.refused(422, .POST, "\(Self.path)/\(id)/observations", body)
                #expect(error["details"]?[0]?["field"]?.stringValue == field, "\(body)")
            }
            for (method, path, body, fields) in [
                (
                    "PATCH", "/\(id)",
                    #"{"velocity": 1, "title": "", "url": "x", "tags": [""], "embedding": [1], "zz": 1}"#,
                    ["velocity", "title", "url", "tags[0]", "embedding", "zz"]
                ),
                (
                    "POST", "/\(id)/observations", #"{"engagement_score": -1, "source": "q", "url": "x", "z": 1}"#,
                    ["engagement_score", "source", "url", "z"]
                ),
                ("POST", "/search", #"{"like": "x", "limit": 0, "skip": -1, "z": 1}"#, ["like", "limit", "skip", "z"]),
                ("POST", "/batch", #"{"on_error": "refuse", "trends": [5]}"#, ["trends[0]"]),
            ] {
                let error = try await server.refused(422, .init(rawValue: method), Self.path + path, body)
                let named = error["details"]?.arrayValue?.compactMap { $0["field"]?.stringValue } ?? []
                #expect(Set(named) == Set(fields) && named.count == fields.count, "\(body): \(named)")
            }
            let duplicate = #"{"id": "\#(id)", "title": "a", "source": "vk"}"#
            #expect(try await server.refused(409, .POST, Self.path, duplicate)["code"] == "CONFLICT")
            #expect(try await server.data(200, .GET, Self.path)["total"] == 1)
            for (method, path) in [("PUT", "/x"), ("POST", "/x"), ("GET", "/x/y/z")] {
                let error = try await server.refused(404, .init(rawValue: method), Self.path + path, "{}")
                #expect(error["code"] == "NOT_FOUND")
            }
            try await server.refused(404, .GET, "/api/v1/nothing")
        }
    }

    @Test func listingsFilterSortAndPage() async throws {
        try await withServer { server in
            let trends = (0..<25).map { number in
                #"""
                {"title": "T\#(number)", "source": "\#(number % 2 == 0 ? "vk" : "reddit")", "engagement_score": \#(number),
                 "category": "c\#(number % 3)", "tags": ["all", "t\#(number % 5)"],
                 "discovered_at": "2026-05-\#(number < 9 ? "0" : "")\#(number + 1)T00:00:00Z"}
                """#
            }
            let made = try await server.data(
                201, .POST, "\(Self.path)/batch", #"{"trends": [\#(trends.joined(separator: ","))]}"#)
            #expect(made["created"]?.arrayValue?.count == 25 && made["errors"] == [])
            func titles(_ query: String) async throws -> [String] {
                let page = try await server.data(200, .GET, "\(Self.path)?\(query)")
                return page["items"]?.arrayValue?.compactMap { $0["title"]?.stringValue } ?? []
            }
            #expect(try await titles("limit=3") == ["T24", "T23", "T22"])
            #expect(try await titles("limit=2&skip=4&order_by=engagement_score&order=asc") == ["T4", "T5"])
            #expect(try await titles("source=reddit&category=c1&limit=100") == ["T19", "T13", "T7", "T1"])
            #expect(try await titles("tags=all,t4&min_engagement=10") == ["T24", "T19", "T14"])
            #expect(try await titles("since=2026-05-20T00:00:00Z&until=2026-05-21T12:00:00Z").count == 2)
            #expect(try await titles("stage=fading") == [])
            var seen: [String] = []
            var after = ""
            repeat {
                let answer = try await server.send(.GET, "\(Self.path)?limit=7&order_by=engagement_score\(after)")
                let data = try #require(answer.json["data"])
                seen += data["items"]?.arrayValue?.compactMap { $0["title"]?.stringValue } ?? []
                #expect(data["total"] == 25 && answer.json["meta"]?["total"] == 25)
                #expect(data["has_more"] == answer.json["meta"]?["has_more"])
                after = data["next"]?.stringValue.map { "&after=\($0)" } ?? ""
                #expect((data["has_more"] == true) == !after.isEmpty)
            } while !after.isEmpty
            #expect(seen == (0..<25).reversed().map { "T\($0)" })
            #expect(try await server.send(.GET, "\(Self.path)?skip=20&limit=10").json["meta"]?["page"] == 3)
        }
    }

    @Test func embeddingsMakeTrendsSearchable() async throws {
        try await withServer { server in
            var ids: [String] = []
            for number in 0..<3 {
                ids.append(
                    try await server.create(
                        #"{"title": "T\#(number)", "source": "vk", "engagement_score": \#(number)}"#))
            }
            ids.append(try await server.create(#"{"title": "T3", "source": "vk", "embedding": \#(Self.axis(3))}"#))
            let waiting = try await server.data(200, .GET, "\(Self.path)/needing-embeddings")
            #expect(waiting["items"]?.arrayValue?.compactMap { $0["id"]?.stringValue } == Array(ids[..<3]))
            let first = try await server.data(200, .GET, "\(Self.path)/needing-embeddings?limit=2")
            let rest = try await server.data(
                200, .GET, "\(Self.path)/needing-embeddings?after=\(first["next"]?.stringValue ?? "")")
            #expect(rest["items"]?.arrayValue?.compactMap { $0["id"]?.stringValue } == [ids[2]])
            let unknown = "00000000-0000-4000-8000-000000000000"
            let entries = [(ids[0], 0), (ids[1], 1), (unknown, 2)].map {
                #"{"id": "\#($0.0)", "embedding": \#(Self.axis($0.1))}"#
            }
            let result = try await server.data(
                200, .PUT, "\(Self.path)/embeddings", #"{"embeddings": [\#(entries.joined(separator: ","))]}"#)
            #expect(result == ["embedded": 2, "missing": [.string(unknown)]])
            func search(_ body: String) async throws -> [String] {
                let data = try await server.data(200, .POST, "\(Self.path)/search", body)
                return data["items"]?.arrayValue?.compactMap { $0["trend"]?["title"]?.stringValue } ?? []
            }
            #expect(try await search(#"{"vector": \#(Self.axis(1)), "limit": 1}"#) == ["T1"])
            #expect(Set(try await search(#"{"vector": \#(Self.axis(1))}"#)) == ["T0", "T1", "T3"])
            #expect(try await search(#"{"vector": \#(Self.axis(0)), "min_engagement": 0.5, "limit": 1}"#) == ["T1"])
            #expect(Set(try await search(#"{"like": "\#(ids[3])"}"#)) == ["T0", "T1"])
            #expect(try await search(#"{"vector": \#(Self.axis(1)), "score_threshold": 0.9}"#) == ["T1"])
            for (body, status) in [
                ("{}", 422), (#"{"vector": [1]}"#, 422), (#"{"like": "\#(unknown)"}"#, 404), (#"{"like": "x"}"#, 422),
                (#"{"like": "\#(ids[0])", "limit": 0}"#, 422), (#"{"like": "\#(ids[0])", "limit": 1.5}"#, 422),
                (#"{"like": "\#(ids[0])", "vector": \#(Self.axis(0))}"#, 422),
                (#"{"like": "\#(ids[0])", "x": 1}"#, 422),
            ] { try await server.refused(status, .POST, "\(Self.path)/search", body) }
            for body in [
                "{}", #"{"embeddings": 5}"#, #"{"embeddings": [5]}"#,
                #"{"embeddings": [{"id": "x", "embedding": [1]}]}"#,
                #"{"embeddings": [{"id": "\#(ids[0])"}]}"#,
                #"{"embeddings": [{"id": "\#(ids[0])", "embedding": [1]}]}"#,
            ] { try await server.refused(422, .PUT, "\(Self.path)/embeddings", body) }

            // The same points through Qdrant's API: a pipeline's write embeds the trend, a deletion makes it wait again.
            try await server.ok(
                .PUT, "/collections/trends/points?wait=true",
                #"{"points": [{"id": "\#(ids[2])", "vector": \#(Self.axis(2)), "payload": {"title": "x"}}]}"#)
            let hit = try await server.ok(
                .POST, "/collections/trends/points/query",
                #"{"query": \#(Self.axis(2)), "limit": 1, "with_payload": ["title"]}"#)
            #expect(hit["points"]?[0]?["id"]?.stringValue == ids[2])
            #expect(hit["points"]?[0]?["payload"] == ["title": "T2"])
            #expect(try await server.data(200, .GET, "\(Self.path)/\(ids[2])")["embedding_status"] == "current")
            try await server.ok(.POST, "/collections/trends/points/delete?wait=true", #"{"points": ["\#(ids[2])"]}"#)
            #expect(try await server.data(200, .GET, "\(Self.path)/\(ids[2])")["embedding_status"] == "missing")
            let refusal = try await server.fails(409, .DELETE, "/collections/trends")
            #expect(refusal.contains("trendex trends reset"))
            _ = try await server.data(200, .PATCH, "\(Self.path)/\(ids[0])", #"{"title": "other"}"#)
            #expect(try await server.data(200, .GET, "\(Self.path)/\(ids[0])")["embedding_status"] == "stale")
        }
    }

    @Test func batchesKeepTheGoodOnesOrNone() async throws {
        try await withServer { server in
            let trends =
                #"{"title": "a", "source": "vk"}, {"title": "", "source": "vk"}, 5, {"title": "b", "source": "vk"}"#
            let kept = try await server.data(201, .POST, "\(Self.path)/batch", #"{"trends": [\#(trends)]}"#)
            #expect(kept["created"]?.arrayValue?.compactMap { $0["index"]?.integerValue } == [0, 3])
            #expect(kept["errors"]?.arrayValue?.compactMap { $0["index"]?.integerValue } == [1, 2])
            #expect(kept["errors"]?[0]?["error"]?["details"]?[0]?["field"] == "title")
            let refused = try await server.refused(
                422, .POST, "\(Self.path)/batch", #"{"on_error": "refuse", "trends": [\#(trends)]}"#)
            let named = refused["details"]?.arrayValue?.compactMap { $0["field"]?.stringValue }
            #expect(named?.first == "trends[1].title" && named?.count == 2)
            #expect(try await server.data(200, .GET, Self.path)["total"] == 2)
            // The same id twice, and all of them wrong.
            let id = "11111111-1111-4111-8111-111111111111"
            let twice = #"{"id": "\#(id)", "title": "a", "source": "vk", "deduplicate": false}"#
            let second = try await server.data(201, .POST, "\(Self.path)/batch", #"{"trends": [\#(twice), \#(twice)]}"#)
            #expect(second["errors"]?[0]?["error"]?["code"] == "CONFLICT")
            // What is refused as a whole says why, too.
            let taken = try await server.refused(
                422, .POST, "\(Self.path)/batch", #"{"on_error": "refuse", "trends": [\#(Self.new), \#(twice)]}"#)
            #expect(taken["message"] == "1 of 2 trends are wrong; none was created")
            #expect(taken["details"]?[0]?["field"] == "trends[1]")
            #expect(taken["details"]?[0]?["message"]?.stringValue?.contains("is taken") == true)
            try await server.refused(422, .POST, "\(Self.path)/batch", #"{"trends": [{"title": "a"}]}"#)
            for body in ["{}", #"{"trends": 1}"#, #"{"trends": [], "on_error": "x"}"#, #"{"trends": [], "x": 1}"#] {
                try await server.refused(422, .POST, "\(Self.path)/batch", body)
            }
            let empty = try await server.data(201, .POST, "\(Self.path)/batch", #"{"trends": []}"#)
            #expect(empty == ["created": [], "known": [], "errors": []])
            let many = Array(repeating: "0", count: 10_001).joined(separator: ",")
            try await server.refused(422, .POST, "\(Self.path)/batch", #"{"trends": [\#(many)]}"#)
        }
    }

    /// Bodies that are all errors: what is told of them is bounded, and so is the time.
    @Test func manyErrorsAreToldInPart() async throws {
        try await withServer { server in
            func repeated(_ part: String, _ count: Int = 300_000) -> String {
                Array(repeating: part, count: count).joined(separator: ",")
            }
            for (method, path, body) in [
                ("POST", "/batch", #"{"trends": [\#(repeated("0"))]}"#),
                ("PUT", "/embeddings", #"{"embeddings": [\#(repeated("{}"))]}"#),
                ("POST", "/search", #"{"tags": [\#(repeated("0"))]}"#),
                ("POST", "/search", #"{"tags": [\#(repeated(#""""#))]}"#),
                ("POST", "", #"{\#(repeated(#""a": 0"#))}"#),
            ] {
                let error = try await server.refused(422, .init(rawValue: method), Self.path + path, body)
                let told = error["details"]?.arrayValue?.count ?? 0
                #expect((1...100).contains(told), "\(path): \(told)")
            }
        }
    }

    @Test func keysAndLocksHold() async throws {
        try await withServer({
            $0.apiKey = "all"
            $0.readOnlyAPIKey = "read"
        }) { server in
            for (key, method, status, code) in [
                (nil, "GET", 401, "UNAUTHENTICATED"), ("wrong", "GET", 401, "UNAUTHENTICATED"),
                ("read", "GET", 200, nil), ("read", "POST", 403, "FORBIDDEN"), ("all", "POST", 201, nil),
            ] as [(String?, String, Int, String?)] {
                let answer = try await server.send(
                    .init(rawValue: method), Self.path, method == "POST" ? Self.new : nil,
                    headers: key.map { [("api-key", $0)] } ?? [])
                #expect(answer.status == status, "\(key ?? "-") \(method): \(answer.text)")
                #expect(answer.json["error"]?["code"]?.stringValue == code)
                #expect(answer.json["success"] == .bool(status < 300))
            }
        }
        try await withServer({ $0.maxRequestBytes = 1_000 }) { server in
            try await server.ok(.POST, "/locks", #"{"write": true, "error_message": "moving"}"#)
            #expect(try await server.refused(403, .POST, Self.path, Self.new)["code"] == "LOCKED")
            _ = try await server.data(200, .GET, Self.path)
            try await server.ok(.POST, "/locks", #"{"write": false}"#)
            _ = try await server.data(201, .POST, Self.path, Self.new)
            let long = #"{"title": "\#(String(repeating: "x", count: 2_000))"}"#
            #expect(try await server.refused(413, .POST, Self.path, long)["code"] == "PAYLOAD_TOO_LARGE")
        }
    }

    @Test func manyClientsAtOnce() async throws {
        try await withServer { server in
            let clients = 100
            let ids = try await withThrowingTaskGroup(of: String.self) { group in
                for client in 0..<clients {
                    group.addTask {
                        let id = try await server.create(
                            #"{"title": "T\#(client)", "source": "vk", "embedding": \#(Self.axis(client))}"#)
                        _ = try await server.data(
                            200, .PATCH, "\(Self.path)/\(id)", #"{"category": "c", "tags": ["\#(client)"]}"#)
                        let found = try await server.data(
                            200, .POST, "\(Self.path)/search", #"{"vector": \#(Self.axis(client)), "limit": 1}"#)
                        #expect(found["items"]?[0]?["trend"]?["id"]?.stringValue == id)
                        return id
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(ids.count == clients)
            #expect(try await server.data(200, .GET, "\(Self.path)?category=c&limit=1")["total"] == 100)
            let movement = try await server.data(200, .GET, "\(Self.path)/categories/trending?days=1")
            #expect(movement == [["category": "c", "count": 100, "velocity": 0.0, "engagement_score": 0.0]])
        }
    }
}
