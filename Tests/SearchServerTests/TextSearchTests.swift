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

    @Test func withoutAnEmbedder() async throws {
        try await withServer { server in
            let error = try await server.refused(400, .GET, Self.trends + "/search?q=x")
            #expect(error["message"]?.stringValue?.contains("trendex.embedder.model") == true)
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
