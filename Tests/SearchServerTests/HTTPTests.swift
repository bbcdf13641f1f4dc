import AsyncHTTPClient
import JSON
import NIOCore
import SearchServer
import Testing

@Suite struct HTTPTests {
    @Test func openEndpointsAnswerWithoutEnvelope() async throws {
        try await withServer { server in
            let root = try await server.send(.GET, "/")
            #expect(root.json["title"] == "qdrant - vector search engine")
            #expect(root.json["version"]?.stringValue == ServerVersion.api)
            #expect(root.json["trendex"]?.stringValue == ServerVersion.trendex)
            #expect(root.headers["content-type"] == ["application/json"])
            #expect(try await server.send(.GET, "/healthz").text == "healthz check passed")
            #expect(try await server.send(.GET, "/livez").text == "livez check passed")
            #expect(try await server.send(.GET, "/readyz").text == "all shards are ready")
        }
    }

    @Test func singleNodeAnswers() async throws {
        try await withServer { server in
            #expect(try await server.ok(.GET, "/cluster") == ["status": "disabled"])
            #expect(try await server.ok(.GET, "/issues") == ["issues": []])
            #expect(try await server.ok(.DELETE, "/issues") == true)
            #expect(try await server.send(.POST, "/cluster/recover").status == 405)
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            let info = try await server.ok(.GET, "/collections/c/cluster")
            #expect(info["shard_count"] == 1)
            #expect(info["local_shards"]?[0]?["state"] == "Active")
            #expect(info["remote_shards"] == [])
            try await server.fails(405, .POST, "/collections/c/cluster", "{}")
            let telemetry = try await server.ok(.GET, "/telemetry?details_level=2")
            #expect(telemetry["collections"]?["number_of_collections"] == 1)
            #expect(telemetry["collections"]?["collections"]?[0]?["id"] == "c")
            #expect(telemetry["requests"]?["rest"]?["responses"]?["PUT /collections/{name}"]?["200"]?["count"] == 1)
        }
    }

    @Test func metricsCountRequestsByEndpoint() async throws {
        try await withServer { server in
            try await server.ok(.GET, "/collections")
            try await server.ok(.GET, "/collections")
            try await server.fails(404, .GET, "/collections/none")
            let metrics = try await server.send(.GET, "/metrics")
            #expect(metrics.headers["content-type"].first?.hasPrefix("text/plain") == true)
            let lines = metrics.text.split(separator: "\n")
            #expect(lines.contains(#"rest_responses_total{method="GET",endpoint="/collections",status="200"} 2"#))
            #expect(
                lines.contains(#"rest_responses_total{method="GET",endpoint="/collections/{name}",status="404"} 1"#))
            #expect(lines.contains("collections_total 0"))
            for name in ["memory_resident_bytes", "trendex_memory_mapped_resident_bytes"] {
                #expect(lines.contains { $0.hasPrefix(name + " ") })
            }
            // Every line is a comment or a name, labels and a number.
            for line in lines where !line.hasPrefix("#") {
                #expect(line.split(separator: " ").last.flatMap { Double($0) } != nil, "\(line)")
            }
        }
    }

    /// By route, not by path, so that there are as many labels as routes whatever clients ask for.
    @Test func requestsAreCountedByRoute() async throws {
        try await withServer { server in
            for number in 0..<20 {
                try await server.refused(422, .GET, "/api/v1/trends/not-\(number)")
                _ = try await server.send(.GET, "/made/up/\(number)")
                _ = try await server.raw("PROPFIND / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            }
            _ = try await server.data(201, .POST, "/api/v1/trends", #"{"title": "T", "source": "vk"}"#)
            let lines = Set(try await server.send(.GET, "/metrics").text.components(separatedBy: "\n"))
            let labels = #"method="GET",endpoint="/api/v1/trends/{id}""#
            for expected in [
                #"api_requests_total{\#(labels),status="422"} 20"#,
                #"api_requests_total{method="POST",endpoint="/api/v1/trends",status="201"} 1"#,
                #"api_requests_total{method="GET",endpoint="unmatched",status="404"} 20"#,
                #"api_requests_total{method="OTHER",endpoint="unmatched",status="404"} 20"#,
                #"api_request_duration_seconds_bucket{\#(labels),le="+Inf"} 20"#,
                #"api_request_duration_seconds_count{\#(labels)} 20"#,
                "# TYPE api_request_duration_seconds histogram",
            ] {
                #expect(lines.contains(expected), "\(expected)")
            }
            #expect(!lines.contains { $0.contains("not-") || $0.contains("made") || $0.contains("PROPFIND") })
        }
    }

    @Test func unknownPathsAndMethods() async throws {
        try await withServer { server in
            for (method, path) in [
                ("GET", "/nothing"), ("POST", "/collections"), ("GET", "/collections/a/b/c/d"), ("DELETE", "/"),
                ("GET", "/collections//points"), ("GET", "/%ZZ"), ("GET", "/collections/%FF%FE"), ("PUT", "/"),
                ("GET", "/collections/"), ("GET", "//"),
            ] {
                let answer = try await server.raw("\(method) \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 404 "), "\(method) \(path)")
                #expect(answer.contains(#"{"status":{"error":"Not found: "#), "\(method) \(path)")
            }
        }
    }

    @Test func bodiesMustBeJSONByTypeAndText() async throws {
        try await withServer { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            let path = "/collections/c/points/count"
            for type in ["text/plain", "application/x-www-form-urlencoded", ""] {
                let answer = try await server.send(.POST, path, "{}", headers: [("content-type", type)])
                #expect(answer.status == 400)
                #expect(answer.error == "Content type error")
            }
            for type in ["application/json; charset=utf-8", "application/vnd.api+json"] {
                #expect(try await server.send(.POST, path, "{}", headers: [("content-type", type)]).status == 200)
            }
            for body in ["", "{", "[]", "null", "{} {}", "{\"exact\": 1}", "\u{FEFF}{}", "{'exact': true}"] {
                let error = try await server.fails(400, .POST, path, body)
                #expect(error.hasPrefix("Format error in JSON body: "), "\(body): \(error)")
                #expect(error.contains(" at line 1 column "), "\(body): \(error)")
            }
            let compressed = try await server.send(.POST, path, "{}", headers: [("content-encoding", "gzip")])
            #expect(compressed.status == 415)
        }
    }

    @Test func bodiesOverTheLimitAreRefused() async throws {
        try await withServer({ $0.maxRequestBytes = 1 << 20 }) { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            let path = "/collections/c/points/count"
            let filler = String(repeating: " ", count: (1 << 20) - 2)
            #expect(try await server.send(.POST, path, "{}" + filler).status == 200)
            let announced = try await server.send(.POST, path, "{}" + filler + " ")
            #expect(announced.status == 413)
            #expect(announced.error.contains("(limit: 1048576 bytes)"))
            // The same without an announced length.
            var request = HTTPClientRequest(url: server.url + path)
            request.method = .POST
            request.headers.add(name: "content-type", value: "application/json")
            let chunks = (0..<40).map { _ in ByteBuffer(repeating: UInt8(ascii: " "), count: 1 << 16) }
            request.body = .stream(chunks.async, length: .unknown)
            #expect(try await HTTPClient.shared.execute(request, timeout: .seconds(30)).status.code == 413)
            // The connections that were refused a body serve on.
            for _ in 0..<3 { #expect(try await server.send(.POST, path, "{}").status == 200) }
        }
    }

    @Test func headAnswersLikeGetWithoutBody() async throws {
        try await withServer { server in
            let get = try await server.send(.GET, "/")
            let head = try await server.send(.HEAD, "/")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(head.headers["content-length"] == ["\(get.body.count)"])
            #expect(try await server.send(.HEAD, "/collections/none").status == 404)
        }
    }

    @Test func crossOriginRequests() async throws {
        try await withServer { server in
            let plain = try await server.send(.GET, "/", headers: [("origin", "http://example.org")])
            #expect(plain.headers["access-control-allow-origin"] == ["*"])
            let preflight = try await server.send(
                .OPTIONS, "/collections/c",
                headers: [
                    ("origin", "http://example.org"), ("access-control-request-method", "PUT"),
                    ("access-control-request-headers", "api-key,content-type"),
                ])
            #expect(preflight.status == 200)
            #expect(preflight.headers["access-control-allow-headers"] == ["api-key,content-type"])
            #expect(preflight.headers["access-control-allow-methods"].first?.contains("PUT") == true)
        }
        try await withServer({ $0.cors = nil }) { server in
            let plain = try await server.send(.GET, "/", headers: [("origin", "http://example.org")])
            #expect(plain.headers["access-control-allow-origin"] == [])
        }
    }

    @Test func queryParametersAreValidated() async throws {
        try await withServer { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            let points = "/collections/c/points"
            let body = #"{"points": [{"id": 1, "vector": [1, 2]}]}"#
            for query in ["wait=maybe", "ordering=first", "timeout=soon", "timeout=-1"] {
                let error = try await server.fails(400, .PUT, "\(points)?\(query)", body)
                #expect(error.hasPrefix("Deserialize error in query parameters: "), "\(query)")
            }
            let error = try await server.fails(422, .PUT, "\(points)?timeout=0", body)
            #expect(error == "Validation error in query parameters: [timeout: value 0 invalid, must be 1 or larger]")
            try await server.fails(400, .POST, "\(points)/scroll?consistency=some", "{}")
            try await server.fails(422, .POST, "\(points)/scroll?consistency=0", "{}")
            for query in ["wait=true&ordering=strong&timeout=10", "wait=false&ordering=weak&unknown=1"] {
                try await server.ok(.PUT, "\(points)?\(query)", body)
            }
            for query in ["consistency=majority", "consistency=2", "consistency=all&timeout=5"] {
                try await server.ok(.POST, "\(points)/scroll?\(query)", "{}")
            }
        }
    }

    @Test func namesArePercentDecoded() async throws {
        try await withServer { server in
            let path = "/collections/%D1%82%D1%80%D0%B5%D0%BD%D0%B4%20%F0%9F%98%80"
            try await server.ok(.PUT, path, #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            #expect(try await server.ok(.GET, "/collections") == ["collections": [["name": "тренд 😀"]]])
            #expect(try await server.ok(.GET, path + "/exists") == ["exists": true])
            #expect(try await server.ok(.DELETE, path) == true)
        }
    }

    @Test func lockRefusesChanges() async throws {
        try await withServer { server in
            let before = try await server.ok(.POST, "/locks", #"{"write": true, "error_message": "moving"}"#)
            #expect(before == ["error_message": nil, "write": false])
            let error = try await server.fails(403, .PUT, "/collections/c", #"{"vectors": {}}"#)
            #expect(error == "Storage locked: moving")
            try await server.ok(.GET, "/collections")
            #expect(try await server.ok(.GET, "/locks") == ["error_message": "moving", "write": true])
            try await server.ok(.POST, "/locks", #"{"write": false}"#)
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
        }
    }
}

extension Array where Element: Sendable {
    /// The elements as an asynchronous sequence.
    var async: AsyncStream<Element> {
        AsyncStream { continuation in
            for element in self { continuation.yield(element) }
            continuation.finish()
        }
    }
}
