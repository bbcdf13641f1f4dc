import JSON
import Testing

@Suite struct PointTests {
    private func withCollection(_ body: (TestServer) async throws -> Void) async throws {
        try await withServer { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            try await body(server)
        }
    }

    /// All points by a scroll, as `[id: payload]`.
    private func payloads(_ server: TestServer) async throws -> [String: JSONValue] {
        let points = try await server.ok(.POST, "/collections/c/points/scroll", #"{"limit": 1000}"#)["points"]
        var result: [String: JSONValue] = [:]
        for point in points?.arrayValue ?? [] { result["\(point["id"] ?? .null)"] = point["payload"] }
        return result
    }

    @Test func listAndColumns() async throws {
        try await withCollection { server in
            let first = try await server.ok(
                .PUT, "/collections/c/points",
                #"""
                {"points": [
                    {"id": 1, "vector": [0.5, -1e-3], "payload": { "a" : [1, 2.50, "x \" y"], "b":null }},
                    {"payload": null, "vector": [1, 2], "id": "550E8400-E29B-41D4-A716-446655440000"},
                    {"id": 18446744073709551615, "vector": [0, 0], "extra": {"deep": [1]}}]}
                """#)
            #expect(first["status"] == "acknowledged")
            let second = try await server.ok(
                .PUT, "/collections/c/points?wait=true",
                #"{"batch": {"ids": [7, 8], "vectors": [[1, 1], [2, 2]], "payloads": [{"n": 7}, null]}}"#)
            #expect(second["status"] == "completed")
            #expect((second["operation_id"]?.integerValue ?? 0) > (first["operation_id"]?.integerValue ?? 0))
            let one = try await server.ok(.GET, "/collections/c/points/1")
            #expect(
                one == ["id": 1, "payload": ["a": [1, 2.5, "x \" y"], "b": nil], "vector": [0.5, -0.001]])
            let uuid = try await server.ok(.GET, "/collections/c/points/550e8400e29b41d4a716446655440000")
            #expect(uuid["id"] == "550e8400-e29b-41d4-a716-446655440000")
            #expect(uuid["payload"] == [:])
            #expect(try await server.ok(.GET, "/collections/c/points/18446744073709551615")["vector"] == [0.0, 0.0])
            #expect(try await payloads(server)["7"] == ["n": 7])
            #expect(try await payloads(server)["8"] == [:])
            #expect(try await server.ok(.POST, "/collections/c/points/count", "{}") == ["count": 5])
        }
    }

    @Test func namedVectorsInEveryForm() async throws {
        try await withServer { server in
            try await server.ok(
                .PUT, "/collections/c",
                #"{"vectors": {"a": {"size": 2, "distance": "Dot"}, "b": {"size": 3, "distance": "Euclid"}}}"#)
            try await server.ok(
                .PUT, "/collections/c/points",
                #"{"points": [{"id": 1, "vector": {"a": [1, 2], "b": [1, 2, 3]}}, {"id": 2, "vector": {"a": [3, 4]}}]}"#
            )
            try await server.ok(
                .PUT, "/collections/c/points",
                #"{"batch": {"ids": [3, 4], "vectors": {"a": [[5, 6], [7, 8]], "b": [[1, 1, 1], [2, 2, 2]]}}}"#)
            try await server.ok(
                .PUT, "/collections/c/points/vectors", #"{"points": [{"id": 2, "vector": {"b": [9, 9, 9]}}]}"#)
            #expect(
                try await server.ok(.GET, "/collections/c/points/2")["vector"] == [
                    "a": [3.0, 4.0], "b": [9.0, 9.0, 9.0],
                ])
            try await server.ok(
                .POST, "/collections/c/points/vectors/delete", #"{"points": [1, 2], "vector": ["a"]}"#)
            #expect(try await server.ok(.GET, "/collections/c/points/1")["vector"] == ["b": [1.0, 2.0, 3.0]])
            let without = try await server.ok(
                .POST, "/collections/c/points/count",
                #"{"filter": {"must_not": [{"has_vector": "a"}]}, "exact": true}"#)
            #expect(without == ["count": 2])
            let some = try await server.ok(
                .POST, "/collections/c/points", #"{"ids": [3, 4], "with_vector": ["b"], "with_payload": false}"#)
            #expect(
                some == [
                    ["id": 3, "vector": ["b": [1.0, 1.0, 1.0]]], ["id": 4, "vector": ["b": [2.0, 2.0, 2.0]]],
                ])
            let unknown = try await server.fails(
                400, .PUT, "/collections/c/points", #"{"points": [{"id": 1, "vector": {"z": [1]}}]}"#)
            #expect(unknown == "Wrong input: Not existing vector name error: z")
            try await server.fails(
                400, .PUT, "/collections/c/points/vectors", #"{"points": [{"id": 1, "vector": {"none": [1]}}]}"#)
        }
    }

    @Test func wrongPointsAreRefused() async throws {
        try await withCollection { server in
            for (points, status, sentence) in [
                (
                    #"[{"id": 1, "vector": [1, 2, 3]}]"#, 400,
                    "Wrong input: Vector dimension error: expected dim: 2, got 3"
                ),
                (#"[{"id": -1, "vector": [1, 2]}]"#, 400, "value -1 is not a valid point ID"),
                (#"[{"id": 1.5, "vector": [1, 2]}]"#, 400, "value 1.5 is not a valid point ID"),
                (#"[{"id": "abc", "vector": [1, 2]}]"#, 400, "value abc is not a valid point ID"),
                (#"[{"id": 18446744073709551616, "vector": [1, 2]}]"#, 400, "is not a valid point ID"),
                (#"[{"vector": [1, 2]}]"#, 400, "missing field `id`"),
                (#"[{"id": 1}]"#, 400, "missing field `vector`"),
                (#"[{"id": 1, "vector": [1, "2"]}]"#, 400, "Format error in JSON body"),
                (#"[{"id": 1, "vector": [1, 1e39]}]"#, 400, "Format error in JSON body"),
                (#"[{"id": 1, "vector": [1, NaN]}]"#, 400, "Format error in JSON body"),
                (#"[{"id": 1, "vector": [[1, 2]]}]"#, 400, "a multivector is not supported"),
                (#"[{"id": 1, "vector": {"s": {"indices": [1], "values": [1]}}}]"#, 400, "a sparse vector is not"),
                (#"[{"id": 1, "vector": {"text": "hello", "model": "m"}}]"#, 400, "embeds no texts"),
                (#"[{"id": 1, "vector": {"image": "a", "model": "m"}}]"#, 400, "an image or an object"),
                (#"[{"id": 1, "vector": {"object": {}, "model": "m"}}]"#, 400, "an image or an object"),
                (#"[{"id": 1, "vector": [1, 2], "payload": 5}]"#, 400, "expected a payload"),
                (#"[{"id": 1, "vector": [1, 2], "payload": {"a": 1e999}}]"#, 400, "Format error in JSON body"),
                (#"{"id": 1, "vector": [1, 2]}"#, 400, "Format error in JSON body"),
            ] {
                let error = try await server.fails(
                    status, .PUT, "/collections/c/points", #"{"points": \#(points)}"#)
                #expect(error.contains(sentence), "\(points): \(error)")
            }
            for (batch, status) in [
                (#"{"ids": [1], "vectors": [[1, 2], [3, 4]]}"#, 422),
                (#"{"ids": [1], "vectors": [[1, 2]], "payloads": []}"#, 422),
                (#"{"ids": [1]}"#, 400), (#"{"vectors": [[1, 2]]}"#, 400), (#"[]"#, 400),
            ] {
                try await server.fails(status, .PUT, "/collections/c/points", #"{"batch": \#(batch)}"#)
            }
            try await server.fails(400, .PUT, "/collections/c/points", "{}")
            try await server.fails(
                400, .PUT, "/collections/c/points", #"{"points": [], "shard_key": "a"}"#)
            try await server.fails(404, .PUT, "/collections/d/points", #"{"points": [{"id": 1, "vector": [1]}]}"#)
            // Nothing of a refused request is there.
            #expect(try await server.ok(.POST, "/collections/c/points/count", "{}") == ["count": 0])
            #expect(
                try await server.fails(404, .GET, "/collections/c/points/5")
                    == "Not found: Point with id 5 does not exists!")
            try await server.fails(400, .GET, "/collections/c/points/abc")
        }
    }

    @Test func upsertModesAndConditions() async throws {
        try await withCollection { server in
            func upsert(_ extra: String, _ id: Int, _ value: Int) async throws {
                try await server.ok(
                    .PUT, "/collections/c/points?wait=true",
                    #"{"points": [{"id": \#(id), "vector": [1, 2], "payload": {"v": \#(value)}}]\#(extra)}"#)
            }
            try await upsert("", 1, 1)
            try await upsert(#", "update_mode": "insert_only""#, 1, 2)
            try await upsert(#", "update_mode": "update_only""#, 2, 2)
            #expect(try await payloads(server) == ["1": ["v": 1]])
            let condition = #", "update_filter": {"must": [{"key": "v", "match": {"value": 1}}]}"#
            try await upsert(condition, 1, 3)
            try await upsert(condition, 1, 4)
            #expect(try await payloads(server) == ["1": ["v": 3]])
            try await server.fails(400, .PUT, "/collections/c/points", #"{"points": [], "update_mode": "never"}"#)
        }
    }

    @Test func payloadOperations() async throws {
        try await withCollection { server in
            try await server.ok(
                .PUT, "/collections/c/points",
                #"{"batch": {"ids": [1, 2, 3], "vectors": [[1, 1], [2, 2], [3, 3]], "payloads": [{"a": 1}, {"a": 2}, {"a": 3}]}}"#
            )
            let path = "/collections/c/points/payload"
            try await server.ok(.POST, path, #"{"payload": {"b": {"x": 1}}, "points": [1, 2]}"#)
            try await server.ok(.POST, path, #"{"payload": {"y": 2}, "points": [1], "key": "b"}"#)
            try await server.ok(
                .POST, path, #"{"payload": {"c": true}, "filter": {"must": [{"key": "a", "range": {"gte": 2}}]}}"#)
            #expect(
                try await payloads(server) == [
                    "1": ["a": 1, "b": ["x": 1, "y": 2]], "2": ["a": 2, "b": ["x": 1], "c": true],
                    "3": ["a": 3, "c": true],
                ])
            try await server.ok(.PUT, path, #"{"payload": {"only": []}, "points": [1]}"#)
            try await server.ok(.POST, path + "/delete", #"{"keys": ["a", "b.x"], "points": [2]}"#)
            try await server.ok(.POST, path + "/clear", #"{"filter": {"must": [{"key": "a", "match": {"value": 3}}]}}"#)
            #expect(try await payloads(server) == ["1": ["only": []], "2": ["b": [:], "c": true], "3": [:]])
            for body in [
                #"{"payload": {"a": 1}}"#, #"{"points": [1]}"#, #"{"payload": [1], "points": [1]}"#,
                #"{"payload": {}, "points": [1], "key": ""}"#, #"{"payload": {}, "points": 1}"#,
            ] {
                try await server.fails(400, .POST, path, body)
            }
            try await server.fails(400, .POST, path + "/delete", #"{"points": [1]}"#)
            try await server.fails(400, .POST, path + "/clear", "{}")
        }
    }

    @Test func batchesOfOperations() async throws {
        try await withCollection { server in
            let results = try await server.ok(
                .POST, "/collections/c/points/batch?wait=true",
                #"""
                {"operations": [
                    {"upsert": {"points": [{"id": 1, "vector": [1, 1]}, {"id": 2, "vector": [2, 2], "payload": {"a": 1}}]}},
                    {"upsert": {"batch": {"ids": [3], "vectors": [[3, 3]]}}},
                    {"set_payload": {"payload": {"b": 1}, "points": [1, 3]}},
                    {"overwrite_payload": {"payload": {"c": 1}, "points": [2]}},
                    {"delete_payload": {"keys": ["b"], "points": [1]}},
                    {"clear_payload": {"points": [3]}},
                    {"update_vectors": {"points": [{"id": 1, "vector": [9, 9]}]}},
                    {"delete_vectors": {"points": [3], "vector": [""]}},
                    {"delete": {"filter": {"must": [{"has_id": [3]}]}}}]}
                """#)
            #expect(results.arrayValue?.count == 9)
            #expect(results.arrayValue?.allSatisfy { $0["status"] == "completed" } == true)
            #expect(try await payloads(server) == ["1": [:], "2": ["c": 1]])
            #expect(try await server.ok(.GET, "/collections/c/points/1")["vector"] == [9.0, 9.0])
            for body in [
                #"{"operations": [{"explode": {}}]}"#, #"{"operations": [{}]}"#, #"{}"#, #"{"operations": {}}"#,
            ] {
                try await server.fails(400, .POST, "/collections/c/points/batch", body)
            }
        }
    }

    @Test func deletions() async throws {
        try await withCollection { server in
            let ids = (1...10).map { "\($0)" }.joined(separator: ",")
            let vectors = (1...10).map { "[\($0), 1]" }.joined(separator: ",")
            let payloads = (1...10).map { "{\"n\": \($0)}" }.joined(separator: ",")
            try await server.ok(
                .PUT, "/collections/c/points",
                #"{"batch": {"ids": [\#(ids)], "vectors": [\#(vectors)], "payloads": [\#(payloads)]}}"#)
            try await server.ok(.POST, "/collections/c/points/delete", #"{"points": [1, 2, 99]}"#)
            try await server.ok(
                .POST, "/collections/c/points/delete", #"{"filter": {"must": {"key": "n", "range": {"lt": 6}}}}"#)
            #expect(try await self.payloads(server).keys.sorted() == ["10", "6", "7", "8", "9"])
            try await server.fails(400, .POST, "/collections/c/points/delete", "{}")
            try await server.fails(400, .POST, "/collections/c/points/delete", "[1]")
        }
    }

    @Test func scrolling() async throws {
        try await withCollection { server in
            let points = (1...25).map {
                #"{"id": \#($0), "vector": [\#($0), 1], "payload": {"n": \#(100 - $0), "s": "x"}}"#
            }
            try await server.ok(
                .PUT, "/collections/c/points", #"{"points": [\#(points.joined(separator: ","))]}"#)
            try await server.ok(.PUT, "/collections/c/index", #"{"field_name": "n", "field_schema": "integer"}"#)
            let path = "/collections/c/points/scroll"
            var offset: JSONValue = .null
            var seen: [JSONValue] = []
            repeat {
                let page = try await server.ok(
                    .POST, path, #"{"limit": 10, "offset": \#(offset), "with_payload": ["n"], "with_vector": true}"#)
                seen += page["points"]?.arrayValue ?? []
                offset = page["next_page_offset"] ?? .null
            } while !offset.isNull
            #expect(seen.compactMap { $0["id"]?.integerValue } == Array(1...25))
            #expect(seen[4] == ["id": 5, "payload": ["n": 95], "vector": [5.0, 1.0]])
            #expect(try await server.ok(.POST, path, "{}")["points"]?.arrayValue?.count == 10)
            let unordered = try await server.fails(400, .POST, path, #"{"order_by": "s"}"#)
            #expect(unordered.contains("No range index for `order_by` key: `s`"))
            let ordered = try await server.ok(
                .POST, path,
                #"{"limit": 3, "order_by": {"key": "n", "direction": "desc", "start_from": 90}, "with_payload": {"exclude": ["s"]}}"#
            )
            #expect(ordered["points"]?.arrayValue?.compactMap { $0["id"]?.integerValue } == [10, 11, 12])
            #expect(ordered["points"]?[0] == ["id": 10, "payload": ["n": 90], "order_value": 90])
            let ascending = try await server.ok(.POST, path, #"{"limit": 2, "order_by": "n"}"#)
            #expect(ascending["points"]?.arrayValue?.compactMap { $0["id"]?.integerValue } == [25, 24])
            let error = try await server.fails(400, .POST, path, #"{"order_by": "n", "offset": 5}"#)
            #expect(error.contains("Cannot use an `offset` when using `order_by`"))
            for (body, status) in [
                (#"{"limit": 0}"#, 422), (#"{"limit": -1}"#, 400),
                (#"{"filter": {"min_should": {"conditions": [], "min_count": 0}}}"#, 422), (#"{"offset": "x"}"#, 400),
                (#"{"order_by": {"direction": "asc"}}"#, 400), (#"{"order_by": {"key": "n", "direction": "up"}}"#, 400),
                (#"{"with_payload": {"include": ["a"], "exclude": ["b"]}}"#, 400), (#"{"with_payload": {}}"#, 400),
                (#"{"with_payload": {"only": []}}"#, 400), (#"{"with_vector": 1}"#, 400),
                (#"{"with_vector": "a"}"#, 400),
            ] {
                try await server.fails(status, .POST, path, body)
            }
        }
    }
}
