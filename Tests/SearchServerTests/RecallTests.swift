import Foundation
import JSON
import Logging
import SearchEngine
import TestSupport
import Testing

/// `/collections/{c}/recall`, and recall as a parameter of searches and collections.
@Suite struct RecallTests {
    private static let path = "/collections/c/recall"
    private static let search = "/collections/c/points/search"

    /// 1,200 points, all of them linked, with payload `n`.
    private func withPoints(_ body: (TestServer) async throws -> Void) async throws {
        var random = SeededGenerator("RecallTests")
        let points = (0..<1_200).map { n in
            let vector = (0..<20).map { _ in "\(Float.random(in: -1...1, using: &random))" }
            return #"{"id": \#(n), "vector": [\#(vector.joined(separator: ","))], "payload": {"n": \#(n)}}"#
        }
        try await withServer { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 20, "distance": "Cosine"}}"#)
            try await server.ok(
                .PUT, "/collections/c/points?wait=true", #"{"points": [\#(points.joined(separator: ","))]}"#)
            try await body(server)
        }
    }

    /// Does what the background would.
    private func audit(_ server: TestServer) async throws {
        var settings = RecallAuditor.Settings()
        settings.sample = 70
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var auditor = RecallAuditor(settings, environment: Environment(), logger: logger)
        let collection = try server.engine.collection("c")
        let deadline = ContinuousClock.now + .seconds(600)
        while true {
            switch auditor.step({ [collection] }) {
            case .finished: return
            case .worked: continue
            case .idle, .gaveUp:
                // Points are still being linked.
                try #require(ContinuousClock.now < deadline)
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    private func members(_ value: JSONValue?) -> Set<String> {
        guard case .object(let object) = value else { return [] }
        return Set(object.keys.map(\.string))
    }

    private static let figures: Set = [
        "recall", "lower", "upper", "queries", "own_queries", "recent_queries", "lost_queries", "k", "hnsw_ef",
        "points", "age_seconds",
    ]

    @Test func theBackgroundIsTold() async throws {
        try await withPoints { server in
            let before = try await server.ok(.GET, Self.path)["vectors"]?[""]
            #expect(
                members(before) == ["target", "scanned", "background", "background_state", "measured", "reachability"])
            #expect(before?["background_state"] == "off", "the tests' servers measure when they are told to")
            #expect(before?["background"] == .null && before?["measured"] == .null && before?["target"] == .null)
            try await audit(server)
            let vector = try #require(try await server.ok(.GET, Self.path)["vectors"]?[""])
            #expect(vector["scanned"] == false && vector["measured"] == .null)
            #expect(members(vector["reachability"]) == ["linked", "checked", "mended", "unreachable", "entry_points"])
            #expect(vector["reachability"]?["linked"] == 1_200)
            #expect(vector["reachability"]?["unreachable"] == 0)
            let told = try #require(vector["background"])
            #expect(members(told) == Self.figures.union(["curves", "hard_populations"]))
            #expect((told["queries"], told["own_queries"], told["recent_queries"]) == (70, 70, 0))
            #expect((told["k"], told["points"]) == (10, 1_200))
            let recall = try #require(told["recall"]?.doubleValue)
            #expect(recall > 0.95 && recall <= 1)
            #expect(try #require(told["lower"]?.doubleValue) < recall)
            #expect(try #require(told["upper"]?.doubleValue) >= recall - 1e-9)
            #expect(members(told["curves"]) == ["10", "100"])
            let curve = try #require(told["curves"]?["100"]?.arrayValue)
            #expect(members(curve.first) == ["hnsw_ef", "recall", "lower", "upper"])
            #expect(curve.first?["hnsw_ef"] == 100)
            let metrics = try await server.send(.GET, "/metrics").text
            for name in ["recall", "recall_lower", "recall_queries"] {
                #expect(metrics.contains(#"trendex_collection_\#(name){id="c",vector=""} "#), "\(name)")
            }
            #expect(metrics.contains(#"trendex_collection_recall_queries{id="c",vector=""} 70"#))
            for name in ["unreachable_points", "mended_points", "entry_points"] {
                #expect(metrics.contains(#"trendex_collection_\#(name){id="c",vector=""} "#), "\(name)")
            }
            let telemetry = try await server.ok(.GET, "/telemetry?details_level=1")
            let collection = telemetry["collections"]?["collections"]?[0]
            #expect(collection?["recall"]?["vectors"]?[""]?["background"]?["recall"] == told["recall"])
        }
    }

    @Test func itIsMeasuredOnRequest() async throws {
        try await withPoints { server in
            let filter = #"{"must": [{"key": "n", "range": {"lt": 30}}]}"#
            let encoded = try #require(filter.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
            for answer in [
                try await server.ok(.GET, Self.path + "?sample=20&k=5&hnsw_ef=12&timeout=100&filter=" + encoded),
                try await server.ok(
                    .POST, Self.path,
                    #"{"sample": 20, "k": 5, "hnsw_ef": 12, "using": "", "filter": \#(filter)}"#),
            ] {
                let told = try #require(answer["vectors"]?[""]?["measured"])
                #expect(members(told) == Self.figures.union(["filter_matching"]))
                #expect((told["queries"], told["k"], told["filter_matching"]) == (20, 5, 30))
                // So few are scanned.
                #expect(told["recall"] == 1.0 && told["hnsw_ef"] == .null && told["lost_queries"] == 0)
            }
            let plain = try await server.ok(.GET, Self.path + "?k=3")["vectors"]?[""]?["measured"]
            #expect(members(plain) == Self.figures)
            #expect((plain?["queries"], plain?["k"]) == (100, 3))
            let none = #"{"filter": {"must": [{"key": "n", "range": {"lt": 0}}]}}"#
            let empty = try await server.ok(.POST, Self.path, none)["vectors"]?[""]?["measured"]
            #expect(empty?["recall"] == .null && empty?["queries"] == 0)
            #expect((empty?["lower"], empty?["upper"]) == (0.0, 1.0))
        }
    }

    @Test func wrongRequestsAreRefused() async throws {
        try await withServer { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            for (query, status, part) in [
                ("sample=0", 422, "[sample: value 0 invalid, must be from 1 to 1000]"),
                ("sample=1001", 422, "sample"), ("sample=many", 400, "sample"), ("sample=-1", 400, "sample"),
                ("sample=99999999999999999999", 400, "sample"), ("k=0", 422, "[k: value 0 invalid"),
                ("k=101", 422, "k:"), ("k=", 400, "k:"), ("hnsw_ef=0", 422, "hnsw_ef"),
                ("hnsw_ef=18446744073709551616", 400, "hnsw_ef"), ("filter=", 400, "filter"),
                ("filter=%7B", 400, "filter"), ("filter=%5B%5D", 400, "filter"),
                ("filter=%7B%22may%22%3A1%7D", 400, "filter"), ("using=none&sample=1", 400, "none"),
                ("using=none", 400, "none"), ("timeout=0", 422, "timeout"), ("timeout=x", 400, "timeout"),
            ] {
                let error = try await server.fails(status, .GET, Self.path + "?" + query)
                #expect(error.contains(part), "\(query): \(error)")
            }
            for (body, status, part) in [
                (#"{"sample": 0}"#, 422, "sample"), (#"{"sample": 1.5}"#, 400, "Format error"),
                (#"{"k": 101}"#, 422, "k:"),
                (#"{"hnsw_ef": -1}"#, 400, "Format error"), (#"{"filter": []}"#, 400, "Format error"),
                (#"{"using": 1}"#, 400, "Format error"),
                (#"{"samples": 10}"#, 400, "samples"), (#"{"timeout": 10}"#, 400, "timeout"),
                ("[]", 400, "Format error"),
                (#"{"sample": 1} x"#, 400, "Format error"), (#"{"using": "none", "k": 1}"#, 400, "none"),
            ] {
                let error = try await server.fails(status, .POST, Self.path, body)
                #expect(error.contains(part), "\(body): \(error)")
            }
            // Nulls are as good as nothing, and an empty collection has nothing to measure.
            let told = try await server.ok(
                .POST, Self.path, #"{"sample": 1, "k": null, "hnsw_ef": null, "using": null, "filter": null}"#)
            #expect(told["vectors"]?[""]?["measured"]?["queries"] == 0)
            for path in ["/collections/none/recall", "/collections/none/recall?sample=1"] {
                #expect(try await server.fails(404, .GET, path) == "Not found: Collection `none` doesn't exist!")
            }
        }
    }

    @Test func searchesTakeARecall() async throws {
        try await withPoints { server in
            let vector = "[\(Array(repeating: "0.5", count: 20).joined(separator: ","))]"
            func explained(_ parameters: String) async throws -> JSONValue {
                let answer = try await server.send(
                    .POST, Self.search,
                    #"{"vector": \#(vector), "limit": 10, "explain": true, "params": \#(parameters)}"#)
                #expect(answer.status == 200, "\(answer.text)")
                return answer.json["explain"] ?? .null
            }
            #expect(try await explained("{}")["recall"] == .null)
            #expect(
                try await explained(#"{"recall": 0.9}"#)["recall"]
                    == ["target": 0.9, "from": "request", "expected": nil])
            let all = try await explained(#"{"recall": 1}"#)
            #expect(all["plan"] == "exact_scan")
            #expect(all["recall"] == ["target": 1.0, "from": "request", "expected": 1.0])
            try await audit(server)
            let known = try await explained(#"{"recall": 0.9}"#)["recall"]
            #expect(try #require(known?["expected"]?.doubleValue) >= 0.9)
            try await server.ok(.PATCH, "/collections/c", #"{"hnsw_config": {"recall": 0.8}}"#)
            #expect(try await explained("{}")["recall"]?["from"] == "collection")
            #expect(try await explained(#"{"hnsw_ef": 20}"#)["recall"] == .null)
            #expect(try await explained(#"{"recall": null}"#)["recall"]?["target"] == 0.8)
            for (parameters, status, parts) in [
                (#"{"recall": 0}"#, 422, ["params.recall", "must be over 0.0 and at most 1.0"]),
                (#"{"recall": 1.01}"#, 422, ["params.recall"]), (#"{"recall": -1}"#, 422, ["params.recall"]),
                (#"{"recall": 1e-400}"#, 422, ["params.recall"]),
                (#"{"recall": "high"}"#, 400, []), (#"{"recall": true}"#, 400, []),
                (#"{"recall": 0.9, "hnsw_ef": 64}"#, 400, ["`recall`", "`hnsw_ef`"]),
                (#"{"exact": true, "recall": 0.9}"#, 400, ["`recall`", "`exact`"]),
            ] as [(String, UInt, [String])] {
                for (path, body) in [
                    (Self.search, #"{"vector": \#(vector), "limit": 10, "params": \#(parameters)}"#),
                    ("/collections/c/points/query", #"{"query": \#(vector), "params": \#(parameters)}"#),
                    ("/collections/c/points/query/batch", #"{"searches": [{"query": 3, "params": \#(parameters)}]}"#),
                ] {
                    let error = try await server.fails(Int(status), .POST, path, body)
                    for part in parts { #expect(error.contains(part), "\(parameters): \(error)") }
                }
            }
        }
    }

    @Test func collectionsTakeARecall() async throws {
        try await withServer { server in
            try await server.ok(
                .PUT, "/collections/c",
                #"""
                {"vectors": {"a": {"size": 2, "distance": "Dot", "hnsw_config": {"m": 8, "recall": 0.99}},
                             "b": {"size": 2, "distance": "Dot"}},
                 "hnsw_config": {"recall": 0.9}}
                """#)
            func targets() async throws -> [JSONValue?] {
                let vectors = try await server.ok(.GET, Self.path)["vectors"]
                return ["a", "b"].map { vectors?[$0]?["target"] }
            }
            #expect(try await targets() == [0.99, 0.9])
            // Clients know no such member and refuse what they don't know.
            let info = try await server.ok(.GET, "/collections/c")["config"]
            #expect(info?["params"]?["vectors"]?["a"]?["hnsw_config"] == ["m": 8])
            #expect(info?["hnsw_config"]?["recall"] == nil && info?["hnsw_config"]?["m"] == 16)
            try await server.ok(
                .PATCH, "/collections/c",
                #"{"hnsw_config": {"recall": null}, "vectors": {"b": {"hnsw_config": {"recall": 1}}}}"#)
            #expect(try await targets() == [0.99, 1.0])
            try await server.ok(
                .PATCH, "/collections/c",
                #"{"hnsw_config": {"m": 12}, "vectors": {"b": {"hnsw_config": {"recall": null}}}}"#)
            #expect(try await targets() == [0.99, JSONValue.null])
            for value in ["0", "-0.5", "1.5", "2"] {
                let body = #"{"hnsw_config": {"recall": \#(value)}}"#
                let error = try await server.fails(422, .PATCH, "/collections/c", body)
                #expect(error.contains("[hnsw_config.recall: value"), "\(error)")
                try await server.fails(
                    422, .PUT, "/collections/d",
                    #"{"vectors": {"size": 2, "distance": "Dot", "hnsw_config": {"recall": \#(value)}}}"#)
            }
            for value in [#""high""#, "true", "[1]"] {
                try await server.fails(400, .PATCH, "/collections/c", #"{"hnsw_config": {"recall": \#(value)}}"#)
            }
            #expect(try await targets() == [0.99, JSONValue.null])
        }
    }
}
