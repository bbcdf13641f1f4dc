import Foundation
import JSON
import SearchServer
import Testing

/// The trend API's ideas over a live socket.
@Suite struct IdeaTests {
    private static let path = "/api/v1/ideas"
    private static let scores =
        #""market_size": 80, "competition": 35, "demand": 71, "monetization": 60, "feasibility": 55, "time_to_market": 40"#

    private static func axis(_ index: Int) -> String {
        "[" + (0..<768).map { $0 == index ? "1" : "0" }.joined(separator: ",") + "]"
    }

    private static func new(_ trend: String, _ more: String = "", title: String = "Refill vans") -> String {
        #"{"trend_id": "\#(trend)", "title": "\#(title)", \#(scores)\#(more)}"#
    }

    private func trend(_ server: TestServer) async throws -> String {
        try await server.create(#"{"title": "T", "source": "vk", "deduplicate": false}"#)
    }

    @Test func lifeOfAnIdea() async throws {
        try await withServer { server in
            let trend = try await trend(server)
            let created = try await server.data(
                201, .POST, Self.path,
                Self.new(
                    trend,
                    #", "description": "Vans", "analysis": {"risk": "low"}, "analyzed_at": "2026-05-01T12:00:00Z""#))
            let id = try #require(created["id"]?.stringValue)
            #expect(
                created == [
                    "id": .string(id), "trend_id": .string(trend), "title": "Refill vans", "description": "Vans",
                    "market_size": 80, "competition": 35, "demand": 71, "monetization": 60, "feasibility": 55,
                    "time_to_market": 40, "total_score": 56, "analysis": ["risk": "low"],
                    "analyzed_at": "2026-05-01T12:00:00Z", "status": "pending", "embedding_status": "missing",
                ])
            #expect(try await server.data(200, .GET, "\(Self.path)/\(id)") == created)
            let changed = try await server.data(
                200, .PATCH, "\(Self.path)/\(id)", #"{"demand": 100, "description": null, "status": "approved"}"#)
            #expect(changed["total_score"] == 61 && changed["description"] == .null && changed["status"] == "approved")
            #expect(try await server.data(200, .GET, Self.path)["items"] == [changed])
            #expect(try await server.data(200, .DELETE, "\(Self.path)/\(id)") == ["id": .string(id)])
            for (method, body) in [("GET", nil), ("DELETE", nil), ("PATCH", "{}")] as [(String, String?)] {
                #expect(
                    try await server.refused(404, .init(rawValue: method), "\(Self.path)/\(id)", body)["code"]
                        == "NOT_FOUND")
            }
            try await server.refused(404, .GET, "\(Self.path)/\(id)/similar")
            // An idea goes with its trend.
            let other = try await server.data(201, .POST, Self.path, Self.new(trend))["id"]?.stringValue ?? ""
            _ = try await server.data(200, .DELETE, "/api/v1/trends/\(trend)")
            try await server.refused(404, .GET, "\(Self.path)/\(other)")
        }
    }

    /// From each status to each other one.
    @Test func statusesGoAlongTheirSteps() async throws {
        let steps: [String: Set<String>] = [
            "pending": ["approved", "rejected"], "approved": ["in_development", "rejected"], "rejected": ["pending"],
            "in_development": ["rejected"],
        ]
        try await withServer { server in
            let trend = try await trend(server)
            for (from, allowed) in steps {
                for to in steps.keys {
                    let made = try await server.data(201, .POST, Self.path, Self.new(trend, #", "status": "\#(from)""#))
                    let path = "\(Self.path)/\(made["id"]?.stringValue ?? "")"
                    if to == from || allowed.contains(to) {
                        #expect(
                            try await server.data(200, .PATCH, path, #"{"status": "\#(to)"}"#)["status"]?.stringValue
                                == to)
                    } else {
                        let error = try await server.refused(422, .PATCH, path, #"{"status": "\#(to)", "title": "x"}"#)
                        #expect(error["details"]?[0]?["field"] == "status", "\(from) to \(to)")
                        #expect(try await server.data(200, .GET, path) == made)
                    }
                }
            }
        }
    }

    @Test func everyWrongFieldIsNamed() async throws {
        try await withServer { server in
            let trend = try await trend(server)
            let scores = ["market_size", "competition", "demand", "monetization", "feasibility", "time_to_market"]
            for (body, fields) in [
                ("{}", ["trend_id", "title"] + scores),
                (
                    #"{"trend_id": "x", "title": "", "market_size": 101, "competition": -1, "demand": 1.5, "monetization": "1","#
                        + #""feasibility": null, "time_to_market": 0, "analysis": 1, "status": "done", "analyzed_at": "x","#
                        + #""total_score": 5, "other": 1, "embedding": [0], "description": 1, "id": 1}"#,
                    [
                        "trend_id", "title", "market_size", "competition", "demand", "monetization", "feasibility",
                        "analysis", "status", "analyzed_at", "total_score", "other", "embedding", "description", "id",
                    ]
                ),
            ] {
                let error = try await server.refused(422, .POST, Self.path, body)
                let named = error["details"]?.arrayValue?.compactMap { $0["field"]?.stringValue } ?? []
                #expect(Set(named) == Set(fields) && named.count == fields.count, "\(body): \(named)")
            }
            let unknown = "00000000-0000-4000-8000-000000000000"
            #expect(try await server.refused(404, .POST, Self.path, Self.new(unknown))["code"] == "NOT_FOUND")
            let made = try await server.data(201, .POST, Self.path, Self.new(trend))
            let id = made["id"]?.stringValue ?? ""
            try await server.refused(409, .POST, Self.path, Self.new(trend, #", "id": "\#(id)""#))
            try await server.refused(404, .PATCH, "\(Self.path)/\(id)", #"{"trend_id": "\#(unknown)"}"#)
            for (body, field) in [
                (#"{"id": "\#(id)"}"#, "id"), (#"{"demand": 101}"#, "demand"), (#"{"total_score": 1}"#, "total_score"),
                (#"{"title": ""}"#, "title"), (#"{"analysis": []}"#, "analysis"),
            ] {
                let error = try await server.refused(422, .PATCH, "\(Self.path)/\(id)", body)
                #expect(error["details"]?[0]?["field"]?.stringValue == field, "\(body)")
            }
            #expect(try await server.data(200, .GET, "\(Self.path)/\(id)") == made)
            for (query, field) in [
                ("?min_score=x", "min_score"), ("?status=done", "status"), ("?trend=x", "trend"), ("?limit=0", "limit"),
                ("?order_by=demand", "order_by"), ("?after=x", "after"), ("?x=1", "x"), ("/top?limit=0", "limit"),
                ("/top?skip=1", "skip"), ("/\(id)/similar?limit=0", "limit"), ("/\(id)/similar?x=1", "x"),
                ("/needing-embeddings?x=1", "x"), ("/x", "id"),
            ] {
                let error = try await server.refused(422, .GET, Self.path + query)
                #expect(error["details"]?[0]?["field"]?.stringValue == field, "\(query)")
            }
            for body in ["{}", #"{"vector": [1]}"#, #"{"like": "x"}"#, #"{"like": "\#(id)", "min_score": "a"}"#] {
                try await server.refused(422, .POST, "\(Self.path)/search", body)
            }
        }
    }

    @Test func listingsAndSearches() async throws {
        try await withServer { server in
            let trends = [try await trend(server), try await trend(server)]
            var ids: [String] = []
            for number in 0..<10 {
                let body = #"""
                    {"trend_id": "\#(trends[number % 2])", "title": "I\#(number)", "market_size": \#(number * 10),
                     "competition": \#(number * 10), "demand": \#(number * 10), "monetization": \#(number * 10),
                     "feasibility": \#(number * 10), "time_to_market": \#(number * 10)
                     \#(number < 8 ? #", "embedding": \#(Self.axis(number))"# : "")}
                    """#
                ids.append(try await server.data(201, .POST, Self.path, body)["id"]?.stringValue ?? "")
            }
            func titles(_ path: String) async throws -> [String] {
                let data = try await server.data(200, .GET, Self.path + path)
                return data["items"]?.arrayValue?.compactMap { ($0["idea"] ?? $0)["title"]?.stringValue } ?? []
            }
            #expect(try await titles("?limit=2") == ["I9", "I8"])
            #expect(try await titles("?min_score=50&trend=\(trends[0])") == ["I8", "I6"])
            #expect(try await titles("?order_by=analyzed_at&order=asc&limit=1&skip=1") == ["I1"])
            #expect(try await titles("/top?limit=3") == ["I9", "I8", "I7"])
            #expect(try await titles("/top?status=approved") == [])
            _ = try await server.data(200, .PATCH, "\(Self.path)/\(ids[3])", #"{"status": "approved"}"#)
            #expect(try await titles("/top?status=approved") == ["I3"])
            #expect(try await titles("?status=approved") == ["I3"])
            #expect(try await titles("/needing-embeddings") == ["I8", "I9"])
            let result = try await server.data(
                200, .PUT, "\(Self.path)/embeddings",
                #"{"embeddings": [{"id": "\#(ids[8])", "embedding": \#(Self.axis(8))}]}"#)
            #expect(result == ["embedded": 1, "missing": []])
            #expect(try await titles("/needing-embeddings") == ["I9"])
            func search(_ body: String) async throws -> [String] {
                let data = try await server.data(200, .POST, "\(Self.path)/search", body)
                return data["items"]?.arrayValue?.compactMap { $0["idea"]?["title"]?.stringValue } ?? []
            }
            #expect(try await search(#"{"vector": \#(Self.axis(8)), "limit": 1}"#) == ["I8"])
            #expect(try await search(#"{"vector": \#(Self.axis(8)), "status": "approved"}"#) == ["I3"])
            #expect(try await search(#"{"like": "\#(ids[0])"}"#).count == 8)
            #expect(try await titles("/\(ids[0])/similar?limit=100").count == 8)
            #expect(Set(try await titles("/\(ids[0])/similar?min_score=60")) == ["I6", "I7", "I8"])
            // The points, as Qdrant's API sees them.
            let point = try await server.ok(.GET, "/collections/ideas/points/\(ids[8])")
            #expect(point["payload"]?["total_score"] == 80 && point["payload"]?["trend_id"]?.stringValue == trends[0])
            try await server.ok(.POST, "/collections/ideas/points/delete?wait=true", #"{"points": ["\#(ids[8])"]}"#)
            #expect(try await titles("/needing-embeddings") == ["I8", "I9"])
        }
    }
}
