import JSON
import NIOHTTP1
import TestSupport
import Testing

@Suite struct HostileBodyTests {
    private static let prefix = "/collections/c"

    /// Valid bodies of every endpoint that takes one, for a collection of two-dimensional vectors.
    private static let bodies: [(HTTPMethod, String, String)] = [
        (.PUT, "/points", #"{"points": [{"id": 1, "vector": [1, 2], "payload": {"a": [1, {"b": null}], "k": "v"}}]}"#),
        (.PUT, "/points", #"{"batch": {"ids": [1, 2], "vectors": [[1, 2], [3, 4]], "payloads": [{"n": 1}, null]}}"#),
        (.POST, "/points", #"{"ids": [1, 2], "with_payload": ["a"], "with_vector": true}"#),
        (.POST, "/points/delete", #"{"points": [1000, 2000]}"#),
        (.POST, "/points/delete", #"{"filter": {"must": [{"key": "n", "match": {"value": 77}}]}}"#),
        (.PUT, "/points/vectors", #"{"points": [{"id": 1, "vector": [5, 6]}]}"#),
        (.POST, "/points/vectors/delete", #"{"points": [2], "vector": [""]}"#),
        (.POST, "/points/payload", #"{"payload": {"x": {"y": 1.5}}, "points": [1], "key": "a.b"}"#),
        (.PUT, "/points/payload", #"{"payload": {"x": true}, "points": [2]}"#),
        (.POST, "/points/payload/delete", #"{"keys": ["x.y", "a[0]", "z[].q"], "points": [1]}"#),
        (.POST, "/points/payload/clear", #"{"points": [2]}"#),
        (.POST, "/points/batch", #"{"operations": [{"set_payload": {"payload": {"m": 1}, "points": [1]}}]}"#),
        (
            .POST, "/points/scroll",
            #"{"limit": 5, "offset": 1, "filter": {"should": [{"key": "g", "geo_radius": {"center": {"lat": 1, "lon": 2}, "radius": 3}}]}}"#
        ),
        (.POST, "/points/scroll", #"{"limit": 5, "order_by": {"key": "n", "direction": "desc", "start_from": 3}}"#),
        (.POST, "/points/count", #"{"filter": {"must_not": [{"is_empty": {"key": "a"}}]}, "exact": true}"#),
        (
            .POST, "/points/search",
            #"{"vector": [1, 2], "limit": 5, "offset": 1, "params": {"hnsw_ef": 8, "exact": false}, "score_threshold": 0.5, "with_payload": {"exclude": ["a"]}}"#
        ),
        (.POST, "/points/search/batch", #"{"searches": [{"vector": [1, 2], "limit": 1}]}"#),
        (
            .POST, "/points/query",
            #"{"query": [1, 2], "limit": 3, "filter": {"min_should": {"min_count": 1, "conditions": [{"has_id": [1]}]}}}"#
        ),
        (
            .POST, "/points/query/batch",
            #"{"searches": [{"query": {"nearest": 1}, "limit": 2}, {"query": {"order_by": "n"}}]}"#
        ),
        (.PATCH, "", #"{"optimizers_config": {"indexing_threshold": 100}, "hnsw_config": {"m": 8}}"#),
        (.PUT, "/index", #"{"field_name": "n", "field_schema": {"type": "integer", "lookup": true, "range": true}}"#),
    ]

    /// Whatever is done to a body, it is answered, and never with a server's error.
    @Test func damagedBodiesAreAnswered() async throws {
        var random = SeededGenerator("damagedBodiesAreAnswered")
        try await withServer { server in
            try await server.ok(.PUT, Self.prefix, #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            try await server.ok(.PUT, Self.prefix + "/index", #"{"field_name": "n", "field_schema": "integer"}"#)
            for (method, path, body) in Self.bodies {
                try await server.ok(method, Self.prefix + path, body)
            }
            for round in 0..<40 {
                for (method, path, body) in Self.bodies {
                    let damaged = Self.damage(Array(body.utf8), &random)
                    let answer = try await server.send(method, Self.prefix + path, bytes: damaged)
                    #expect(
                        answer.status < 500,
                        "round \(round) \(method) \(path): \(String(decoding: damaged, as: UTF8.self)): \(answer.text)")
                    #expect(answer.json["time"] != nil)
                }
            }
            // And afterwards everything still works.
            let sound = #"{"points": [{"id": 1, "vector": [1, 2], "payload": {}}]}"#
            try await server.ok(.PUT, Self.prefix + "/points?wait=true", sound)
            #expect(try await server.ok(.GET, Self.prefix + "/points/1")["vector"] == [1.0, 2.0])
        }
    }

    private static let tokens: [[UInt8]] = [
        "null", "true", "-1", "0", "1e308", "-0", "18446744073709551616", "1e-400", "0.1", "\"\"", "[]", "{}", "[[[[",
        "\"\\ud800\"", "\"\u{0}\"", "9223372036854775807", "-9223372036854775808", "1e39", "\"a.b[].c\"", ",", ":", "}",
        "]", "\"",
        "4294967296", "\"550e8400-e29b-41d4-a716-446655440000\"", "99999999999999999999999999999999",
    ].map { Array($0.utf8) }

    private static func damage(_ body: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var body = body
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 0..<max(body.count, 1), using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0 where !body.isEmpty: body[place] = UInt8.random(in: .min ... .max, using: &random)
            case 1: body.insert(contentsOf: tokens.randomElement(using: &random) ?? [], at: min(place, body.count))
            case 2: body.removeSubrange(place..<min(body.count, place + Int.random(in: 1...9, using: &random)))
            case 3: body = Array(body.prefix(place))
            case 4:
                // A number or a word replaced by another token.
                guard let start = body[place...].firstIndex(where: { (0x30...0x39).contains($0) }) else { continue }
                let end = body[start...].firstIndex { !(0x30...0x39).contains($0) } ?? body.count
                body.replaceSubrange(start..<end, with: tokens.randomElement(using: &random) ?? [])
            default:
                let other = Int.random(in: 0..<max(body.count, 1), using: &random)
                if place < body.count, other < body.count { body.swapAt(place, other) }
            }
        }
        return body
    }

    @Test func deepNestingIsRefused() async throws {
        try await withServer { server in
            try await server.ok(.PUT, Self.prefix, #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            func nested(_ open: String, _ close: String, _ depth: Int, _ inner: String = "") -> String {
                String(repeating: open, count: depth) + inner + String(repeating: close, count: depth)
            }
            for body in [
                nested("[", "]", 100_000), nested(#"{"filter":"#, "}", 50_000, "1"),
                #"{"filter": \#(nested(#"{"must":["#, "]}", 5000))}"#, #"{"unknown": \#(nested("[", "]", 100_000))}"#,
                String(repeating: "[", count: 1_000_000),
            ] {
                try await server.fails(400, .POST, Self.prefix + "/points/count", body)
            }
            let payload = nested(#"{"a":"#, "}", 10_000, "1")
            try await server.fails(
                400, .PUT, Self.prefix + "/points",
                #"{"points": [{"id": 1, "vector": [1, 2], "payload": \#(payload)}]}"#)
            // What is allowed works.
            let filter = nested(#"{"must":["#, "]}", 50, #"{"key":"n","match":{"value":1}}"#)
            try await server.ok(.POST, Self.prefix + "/points/count", #"{"filter": \#(filter)}"#)
            let deep = nested(#"{"a":"#, "}", 100, "1")
            try await server.ok(
                .PUT, Self.prefix + "/points", #"{"points": [{"id": 1, "vector": [1, 2], "payload": \#(deep)}]}"#)
            #expect(try await server.ok(.GET, Self.prefix + "/points/1")["payload"]?["a"] != nil)
        }
    }

    @Test func hugeNumbersAndBrokenTextAreHandled() async throws {
        // Some of the garbage below is a request that never ends.
        try await withServer({ $0.idleTimeoutSeconds = 2 }) { server in
            try await server.ok(.PUT, Self.prefix, #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            try await server.ok(
                .PUT, Self.prefix + "/points", #"{"points": [{"id": 1, "vector": [1, 2], "payload": {"n": 1}}]}"#)
            for body in [
                #"{"limit": 18446744073709551615, "offset": 18446744073709551615, "query": [1, 2]}"#,
                #"{"limit": 9223372036854775807, "query": [1, 2]}"#,
                #"{"limit": 9223372036854775807, "offset": 9223372036854775807}"#,
                #"{"limit": 10, "query": [1, 2], "params": {"hnsw_ef": 9223372036854775807}}"#,
                #"{"limit": 9223372036854775807, "query": [1, 2], "params": {"quantization": {"oversampling": 1e300}}}"#,
                #"{"limit": 10, "query": [3e38, 3e38]}"#, #"{"limit": 10, "query": [1e-45, -1e-45]}"#,
                #"{"limit": 1, "query": [1, 2], "filter": {"must": [{"key": "n", "range": {"gt": -1e308, "lt": 1e308}}]}}"#,
                #"{"limit": 1, "query": [1, 2], "filter": {"must": [{"key": "n", "values_count": {"gt": 18446744073709551615}}]}}"#,
                #"{"limit": 1, "query": [1, 2], "filter": {"must": [{"key": "n[18446744073709551615]", "match": {"value": 1}}]}}"#,
                #"{"limit": 1, "query": [1, 2], "filter": {"min_should": {"conditions": [], "min_count": 18446744073709551615}}}"#,
                #"{"limit": 1, "query": [1, 2], "filter": {"must": [{"key": "d", "range": {"gt": "9999-12-31T23:59:60.999999999-23:59"}}]}}"#,
            ] {
                let answer = try await server.send(.POST, Self.prefix + "/points/query", body)
                #expect(answer.status < 500, "\(body): \(answer.text)")
            }
            for bytes in [[0xFF, 0xFE], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x00]] as [[UInt8]]
            {
                for body in [
                    Array(#"{"ids": [1], "x": ""#.utf8) + bytes + Array(#""}"#.utf8), Array("{".utf8) + bytes, bytes,
                ] {
                    let answer = try await server.send(.POST, Self.prefix + "/points", bytes: body)
                    #expect(answer.status == 400)
                }
            }
            for path in [
                "%00", "%FF", String(repeating: "a", count: 10_000), "%2e%2e%2f", "a%0d%0aX:%20y", "../..", "%",
            ] {
                let answer = try await server.raw(
                    "GET /collections/\(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 404 "), "\(path): \(answer)")
                #expect(!answer.contains("\r\nX: y"))
            }
            for garbage in [
                "\r\n\r\n", "GET\r\n\r\n", "BREW / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\u{0}\u{A5}",
                "GET / HTTP/9.9\r\n\r\n",
            ] {
                let answer = try await server.raw(garbage)
                #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400 "), "\(garbage): \(answer)")
            }
            try await server.ok(.GET, "/collections")
        }
    }
}
