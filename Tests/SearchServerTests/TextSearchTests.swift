import Foundation
import JSON
import NIOHTTP1
import SearchServer
import Testing

/// Searches by text, and embeddings that the server makes by itself, with the lexical embedder.
@Suite struct TextSearchTests {
    private static let trends = "/api/v1/trends"

    private func waitUntilEmbedded(_ server: TestServer, _ table: String = "trends") async throws {
        while try await server.data(200, .GET, "/api/v1/\(table)/needing-embeddings")["total"] != 0 {
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func titles(_ data: JSONValue, _ name: String = "trend") -> [String] {
        (data["items"]?.arrayValue ?? []).compactMap { $0[name]?["title"]?.stringValue }
    }

    @Test func trendsAreEmbeddedAndFound() async throws {
        try await withServer({ $0.embedder.model = .lexical }) { server in
            // Nothing is there, which is no conflict of models.
            #expect(try await titles(server.data(200, .GET, Self.trends + "/search?q=solar")) == [])
            for (title, source) in [
                ("Balcony solar panels", "reddit"), ("Heat pumps for flats", "vk"), ("Солнечные панели", "vk"),
            ] {
                _ = try await server.create(#"{"title": "\#(title)", "source": "\#(source)"}"#)
            }
            try await waitUntilEmbedded(server)
            #expect(
                try await titles(server.data(200, .GET, Self.trends + "/search?q=solar%20panel&limit=1")) == [
                    "Balcony solar panels"
                ])
            #expect(
                try await titles(server.data(200, .GET, Self.trends + "/search?q=solar%20panel&source=vk&limit=1"))
                    .first
                    != "Balcony solar panels")
            let russian = "%D0%BF%D0%B0%D0%BD%D0%B5%D0%BB%D0%B8"
            #expect(
                try await titles(server.data(200, .GET, Self.trends + "/search?q=\(russian)&limit=1")) == [
                    "Солнечные панели"
                ])
            let body = #"{"q": "heat pump", "limit": 1, "source": "vk"}"#
            #expect(
                try await titles(server.data(200, .POST, Self.trends + "/search", body)) == ["Heat pumps for flats"])
            let none = try await server.data(200, .GET, Self.trends + "/search?q=heat&score_threshold=0.999")
            #expect(titles(none) == [])
        }
    }

    /// A text that changes is embedded anew.
    @Test func changedTextsAreEmbeddedAnew() async throws {
        try await withServer({ $0.embedder.model = .lexical }) { server in
            let id = try await server.create(#"{"title": "Balcony solar", "source": "vk"}"#)
            try await waitUntilEmbedded(server)
            _ = try await server.data(200, .PATCH, Self.trends + "/\(id)", #"{"title": "Heat pumps"}"#)
            try await waitUntilEmbedded(server)
            let hits = try await server.data(200, .GET, Self.trends + "/search?q=heat%20pumps&score_threshold=0.9")
            #expect(titles(hits) == ["Heat pumps"])
        }
    }

    @Test func ideasAreEmbeddedAndFound() async throws {
        try await withServer({ $0.embedder.model = .lexical }) { server in
            let trend = try await server.create(#"{"title": "T", "source": "vk"}"#)
            for title in ["Refill vans", "Solar kits"] {
                _ = try await server.data(
                    201, .POST, "/api/v1/ideas",
                    #"""
                    {"trend_id": "\#(trend)", "title": "\#(title)", "market_size": 1, "competition": 1, "demand": 1, "monetization": 1,
                     "feasibility": 1, "time_to_market": 1}
                    """#)
            }
            try await waitUntilEmbedded(server, "ideas")
            #expect(
                try await titles(server.data(200, .GET, "/api/v1/ideas/search?q=vans&limit=1"), "idea") == [
                    "Refill vans"
                ])
            #expect(try await titles(server.data(200, .GET, "/api/v1/ideas/search?q=vans&min_score=50"), "idea") == [])
        }
    }

    /// A server without an embedder searches by words, and says so.
    @Test func withoutAnEmbedder() async throws {
        try await withServer { server in
            let axis = "[1" + String(repeating: ",0", count: 767) + "]"
            let solar = try await server.create(
                #"{"title": "Balcony solar panels", "source": "vk", "tags": ["solar"], "embedding": \#(axis)}"#)
            _ = try await server.create(#"{"title": "Heat pumps", "source": "vk"}"#)
            let found = try await server.data(200, .GET, Self.trends + "/search?q=the%20panel")
            #expect(titles(found) == ["Balcony solar panels"])
            let match = found["items"]?[0]?["match"]?["text"]
            #expect(match?["rank"] == 1 && match?["terms"] == ["panel"] && match?["words"] == ["panels"])
            #expect(match?["fields"] == ["title"] && match?["score"] == found["items"]?[0]?["score"])
            let answer = try await server.send(.GET, Self.trends + "/search?q=the%20panel", nil).json
            #expect(answer["meta"]?["mode"] == "text" && answer["meta"]?["text"]?["ignored"] == ["the"])
            #expect(answer["meta"]?["text"]?["complete"] == true && answer["meta"]?["text"]?["terms"] == ["panel"])
            for query in ["/search?q=x&mode=semantic", "/search?q=x&mode=hybrid"] {
                let error = try await server.refused(400, .GET, Self.trends + query)
                #expect(error["message"]?.stringValue?.contains("trendex.embedder.model") == true)
            }
            // Both halves, with a vector of the client's own.
            let body = #"{"q": "pump", "vector": \#(axis), "mode": "hybrid"}"#
            let hybrid = try await server.data(200, .POST, Self.trends + "/search", body)
            #expect(titles(hybrid) == ["Balcony solar panels", "Heat pumps"])
            #expect(
                hybrid["items"]?[0]?["match"]?["semantic"]?["rank"] == 1
                    && hybrid["items"]?[0]?["match"]?["text"] == nil)
            let like = #"{"q": "pump", "like": "\#(solar)", "mode": "hybrid"}"#
            #expect(try await titles(server.data(200, .POST, Self.trends + "/search", like)) == ["Heat pumps"])
        }
    }

    /// By meaning and by words, with the server's embedder.
    @Test func hybridSearches() async throws {
        try await withServer({ $0.embedder.model = .lexical }) { server in
            for title in ["Balcony solar panels", "Heat pumps for flats", "Solar heat"] {
                _ = try await server.create(#"{"title": "\#(title)", "source": "vk"}"#)
            }
            try await waitUntilEmbedded(server)
            let found = try await server.data(200, .GET, Self.trends + "/search?q=solar%20-heat&mode=hybrid")
            #expect(titles(found) == ["Balcony solar panels"])
            let match = found["items"]?[0]?["match"]
            #expect(match?["semantic"]?["rank"] == 1 && match?["text"]?["rank"] == 1)
            // Nothing but words that tell nothing: the meaning alone counts.
            #expect(try await titles(server.data(200, .GET, Self.trends + "/search?q=for&mode=hybrid")).count == 3)
            let semantic = try await server.send(.GET, Self.trends + "/search?q=solar", nil).json
            #expect(semantic["meta"]?["mode"] == "semantic" && semantic["meta"]?["text"] == nil)
            #expect(semantic["data"]?["items"]?[0]?["match"]?["semantic"]?["rank"] == 1)
        }
    }

    @Test(arguments: [
        ("?mode=text&q=the", "nearly every text, as `the`"), ("?mode=text&q=!!", "letters or digits"),
        ("?mode=text&q=-solar", "excludes"),
        ("?mode=hybrid&q=-solar", "excludes"), ("?mode=other&q=x", "`semantic`, `text`, `hybrid`"),
        ("?mode=hybrid&q=x&limit=501", "500"),
        ("?mode=text&q=\((0..<33).map { "w\($0)" }.joined(separator: "+"))", "32 different words"),
    ])
    func wrongQueries(_ query: String, _ reason: String) async throws {
        try await withServer({ $0.embedder.model = .lexical }) { server in
            let error = try await server.refused(422, .GET, Self.trends + "/search" + query)
            #expect(error["details"]?[0]?["message"]?.stringValue?.contains(reason) == true, "\(error)")
        }
    }

    /// Vectors that others made are never compared with the embedder's, nor mixed with them.
    @Test func modelsAreNotMixed() async throws {
        let axis = "[1" + String(repeating: ",0", count: 767) + "]"
        try await withServer({ $0.embedder.model = .lexical }) { server in
            let given = try await server.create(#"{"title": "Given", "source": "vk", "embedding": \#(axis)}"#)
            let missing = try await server.create(#"{"title": "Missing", "source": "vk"}"#)
            #expect(try await server.refused(409, .GET, Self.trends + "/search?q=x")["code"] == "CONFLICT")
            // The background has tried and failed.
            let failures = "trendex_embedding_failures_total 0\n"
            while try await server.send(.GET, "/metrics", nil).text.contains(failures) {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try await server.data(200, .GET, Self.trends + "/\(missing)")["embedding_status"] == "missing")
            #expect(try await server.data(200, .GET, Self.trends + "/\(given)")["embedding_status"] == "current")
        }
    }

    @Test(arguments: ["", "?q=", "?q=x&limit=0", "?q=x&zz=1", "?q=x&score_threshold=a"])
    func wrongSearches(_ query: String) async throws {
        try await withServer({ $0.embedder.model = .lexical }) { server in
            let error = try await server.refused(422, .GET, Self.trends + "/search" + query)
            #expect(error["code"] == "VALIDATION_ERROR")
        }
    }

    @Test func wrongBodies() async throws {
        try await withServer({ $0.embedder.model = .lexical }) { server in
            for body in [
                #"{"q": 1}"#, #"{"q": "x", "vector": [1]}"#, #"{"q": "x", "like": "\#(UUID())"}"#, #"{"q": ""}"#,
                #"{"q": "x", "like": "\#(UUID())", "mode": "text"}"#, #"{"mode": "hybrid"}"#, #"{"q": "x", "mode": 1}"#,
                "{}",
            ] {
                try await server.refused(422, .POST, Self.trends + "/search", body)
            }
            let long = String(repeating: "a", count: 10_001)
            try await server.refused(422, .POST, Self.trends + "/search", #"{"q": "\#(long)"}"#)
        }
    }

    /// A folder without a model stops the start with a sentence.
    @Test func aFolderWithoutAModel() async throws {
        await #expect(throws: ConfigurationError.self) {
            try await withServer({ $0.embedder.model = .folder("/nonexistent") }) { _ in }
        }
    }
}
