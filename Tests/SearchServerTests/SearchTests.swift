import JSON
import Testing

@Suite struct SearchTests {
    /// Ten points on a line, so that the nearest to [x, 0] by Euclid are known.
    private func withLine(_ body: (TestServer) async throws -> Void) async throws {
        try await withServer { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Euclid"}}"#)
            let points = (1...10).map {
                #"{"id": \#($0), "vector": [\#($0), 0], "payload": {"n": \#($0), "even": \#($0 % 2 == 0), "name": "point \#($0)"}}"#
            }
            try await server.ok(
                .PUT, "/collections/c/points", #"{"points": [\#(points.joined(separator: ","))]}"#)
            try await body(server)
        }
    }

    private func ids(_ points: JSONValue?) -> [Int64] {
        points?.arrayValue?.compactMap { $0["id"]?.integerValue } ?? []
    }

    @Test func olderSearch() async throws {
        try await withLine { server in
            let path = "/collections/c/points/search"
            let found = try await server.ok(.POST, path, #"{"vector": [3.2, 0], "limit": 3}"#)
            #expect(ids(found) == [3, 4, 2])
            #expect(found[0]?["payload"] == nil)
            #expect(found[0]?["vector"] == nil)
            #expect(found[0]?["version"]?.integerValue != nil)
            #expect(abs((found[0]?["score"]?.doubleValue ?? 0) - 0.2) < 1e-5)
            let full = try await server.ok(
                .POST, path,
                #"""
                {"vector": [3.2, 0], "top": 2, "offset": 1, "with_payload": {"include": ["n"]}, "with_vector": true,
                 "params": {"hnsw_ef": 64, "exact": true, "indexed_only": false,
                            "quantization": {"ignore": false, "rescore": true, "oversampling": 2.0}},
                 "score_threshold": 5.0, "filter": {"must_not": {"key": "n", "match": {"value": 4}}}}
                """#)
            #expect(ids(full) == [2, 5])
            #expect(full[0]?["payload"] == ["n": 2])
            #expect(full[0]?["vector"] == [2.0, 0.0])
            let near = try await server.ok(.POST, path, #"{"vector": [3.2, 0], "limit": 9, "score_threshold": 1.0}"#)
            #expect(ids(near) == [3, 4])
            let batch = try await server.ok(
                .POST, path + "/batch",
                #"{"searches": [{"vector": [1, 0], "limit": 1}, {"vector": [9, 0], "limit": 2, "with_payload": true}]}"#
            )
            #expect(batch.arrayValue?.count == 2)
            #expect(ids(batch[0]) == [1])
            #expect(ids(batch[1]).first == 9)
            #expect(batch[1]?[0]?["payload"]?["name"] == "point 9")
            #expect(try await server.ok(.POST, path + "/batch", #"{"searches": []}"#) == [])
        }
    }

    /// Scores past the largest float are the largest float: JSON has no infinity.
    @Test(arguments: ["Dot", "Euclid", "Manhattan"])
    func hugeVectorsHaveScores(_ distance: String) async throws {
        try await withServer { server in
            try await server.ok(
                .PUT, "/collections/c", #"{"vectors": {"size": 4, "distance": "\#(distance)"}}"#)
            try await server.ok(
                .PUT, "/collections/c/points?wait=true",
                #"{"points": [{"id": 1, "vector": [3e38, 3e38, 3e38, 3e38]}, {"id": 2, "vector": [-3e38, -3e38, -3e38, -3e38]}, {"id": 3, "vector": [3e38, -3e38, 3e38, -3e38]}]}"#
            )
            let found = try await server.ok(
                .POST, "/collections/c/points/search", #"{"vector": [3e38, 3e38, 3e38, 3e38], "limit": 3}"#)
            let scores = try #require(found.arrayValue).map { $0["score"]?.doubleValue }
            #expect(scores.count == 3 && scores.allSatisfy { $0.map { Float($0).isFinite } ?? false }, "\(scores)")
        }
    }

    @Test func limitsHaveNoEnd() async throws {
        try await withLine { server in
            for body in [
                #"{"vector": [1, 0], "limit": 9223372036854775808}"#,
                #"{"vector": [1, 0], "limit": 18446744073709551615, "offset": 0}"#,
            ] {
                #expect(try await server.ok(.POST, "/collections/c/points/search", body).arrayValue?.count == 10)
            }
            let beyond = #"{"vector": [1, 0], "limit": 9223372036854775808, "offset": 1000000000000000}"#
            #expect(try await server.ok(.POST, "/collections/c/points/search", beyond) == [])
            let query = #"{"query": [1, 0], "limit": 1000000000000000, "offset": 9}"#
            #expect(
                try await server.ok(.POST, "/collections/c/points/query", query)["points"]?.arrayValue?.count == 1)
            for body in [#"{"limit": 9223372036854775808}"#, #"{"limit": 5, "offset": 1000000000000000}"#] {
                try await server.ok(.POST, "/collections/c/points/query", body)
            }
        }
    }

    @Test func queriesInEveryForm() async throws {
        try await withLine { server in
            let path = "/collections/c/points/query"
            for (query, expected) in [
                ("[4.1, 0]", [4, 5]), (#"{"nearest": [4.1, 0]}"#, [4, 5]), ("7", [6, 8]),
                (#"{"nearest": 7}"#, [6, 8]), (#"{"nearest": [4.1, 0], "mmr": null}"#, [4, 5]),
            ] as [(String, [Int64])] {
                let found = try await server.ok(.POST, path, #"{"query": \#(query), "limit": 2}"#)
                #expect(Set(ids(found["points"])) == Set(expected), "\(query)")
            }
            // Without a query, by id.
            let all = try await server.ok(.POST, path, #"{"limit": 3, "offset": 2, "with_payload": ["n"]}"#)
            #expect(ids(all["points"]) == [3, 4, 5])
            #expect(all["points"]?[0] == ["id": 3, "version": 0, "score": 1.0, "payload": ["n": 3]])
            try await server.ok(.PUT, "/collections/c/index", #"{"field_name": "n", "field_schema": "integer"}"#)
            let ordered = try await server.ok(
                .POST, path, #"{"query": {"order_by": {"key": "n", "direction": "desc"}}, "limit": 2}"#)
            #expect(ids(ordered["points"]) == [10, 9])
            let batch = try await server.ok(
                .POST, path + "/batch",
                #"{"searches": [{"query": 1, "limit": 1}, {"limit": 1}, {"query": [10, 0], "limit": 1, "prefetch": []}]}"#
            )
            #expect(batch.arrayValue?.map { ids($0["points"]) } == [[2], [1], [10]])
        }
    }

    @Test func lookupsInOtherCollections() async throws {
        try await withLine { server in
            try await server.ok(
                .PUT, "/collections/other", #"{"vectors": {"v": {"size": 2, "distance": "Cosine"}}}"#)
            try await server.ok(
                .PUT, "/collections/other/points", #"{"points": [{"id": 77, "vector": {"v": [8, 0]}}]}"#)
            let found = try await server.ok(
                .POST, "/collections/c/points/query",
                #"{"query": 77, "lookup_from": {"collection": "other", "vector": "v"}, "limit": 1}"#)
            // Cosine vectors are stored with length 1.
            #expect(ids(found["points"]) == [1])
            try await server.fails(
                404, .POST, "/collections/c/points/query",
                #"{"query": 78, "lookup_from": {"collection": "other", "vector": "v"}}"#)
            try await server.fails(
                404, .POST, "/collections/c/points/query", #"{"query": 77, "lookup_from": {"collection": "none"}}"#)
        }
    }

    @Test func namedVectorsAreChosen() async throws {
        try await withServer { server in
            try await server.ok(
                .PUT, "/collections/c",
                #"{"vectors": {"a": {"size": 2, "distance": "Dot"}, "b": {"size": 1, "distance": "Manhattan"}}}"#)
            try await server.ok(
                .PUT, "/collections/c/points",
                #"{"points": [{"id": 1, "vector": {"a": [1, 0], "b": [5]}}, {"id": 2, "vector": {"a": [0, 1], "b": [1]}}]}"#
            )
            let byA = try await server.ok(
                .POST, "/collections/c/points/search", #"{"vector": {"name": "a", "vector": [1, 0]}, "limit": 1}"#)
            #expect(ids(byA) == [1])
            let byB = try await server.ok(
                .POST, "/collections/c/points/query",
                #"{"query": [2], "using": "b", "limit": 1, "with_vector": ["b"]}"#)
            #expect(byB["points"]?[0]?["id"] == 2)
            #expect(byB["points"]?[0]?["score"] == 1.0)
            #expect(byB["points"]?[0]?["vector"] == ["b": [1.0]])
            try await server.fails(400, .POST, "/collections/c/points/search", #"{"vector": [1, 0], "limit": 1}"#)
            try await server.fails(
                400, .POST, "/collections/c/points/query", #"{"query": [1, 0], "using": "z", "limit": 1}"#)
        }
    }

    @Test func wrongSearchesAreRefused() async throws {
        try await withLine { server in
            for (body, status, sentence) in [
                (#"{"limit": 1}"#, 400, "missing field `vector`"),
                (#"{"vector": [1, 2]}"#, 400, "missing field `limit`"),
                (#"{"vector": [1], "limit": 1}"#, 400, "Vector dimension error: expected dim: 2, got 1"),
                (
                    #"{"vector": [1, 2], "limit": 0}"#, 422,
                    "Validation error in JSON body: [limit: value 0 invalid, must be 1 or larger]"
                ),
                (#"{"vector": [1, 2], "limit": 1, "params": {"hnsw_ef": 0}}"#, 422, "hnsw_ef"),
                (
                    #"{"vector": [1, 2], "limit": 1, "params": {"quantization": {"oversampling": 0.5}}}"#, 422,
                    "oversampling"
                ),
                (
                    #"{"vector": [1, 2], "limit": 1, "params": {"acorn": {"enable": true}}}"#, 400,
                    "`acorn` is not supported"
                ),
                (#"{"vector": {"name": "s", "vector": {"indices": [1], "values": [1]}}, "limit": 1}"#, 400, "sparse"),
                (#"{"vector": [1, 2], "limit": 1, "shard_key": "a"}"#, 400, "custom sharding"),
                (#"{"vector": [1, 2], "limit": 1, "filter": {"musst": []}}"#, 400, "unknown field `musst`"),
            ] {
                let error = try await server.fails(status, .POST, "/collections/c/points/search", body)
                #expect(error.contains(sentence), "\(body): \(error)")
            }
            for query in [
                #"{"recommend": {"positive": [1]}}"#, #"{"discover": {"target": 1}}"#, #"{"context": []}"#,
                #"{"fusion": "rrf"}"#, #"{"rrf": {"k": 2}}"#, #"{"formula": {"sum": []}}"#, #"{"sample": "random"}"#,
                #"{"relevance_feedback": {}}"#, #"{"nearest": [1, 2], "mmr": {"diversity": 0.5}}"#, "[[1, 2], [3, 4]]",
                #"{"indices": [1], "values": [2]}"#, #"{"nearest": {"image": 1}}"#,
            ] {
                let error = try await server.fails(
                    400, .POST, "/collections/c/points/query", #"{"query": \#(query), "limit": 1}"#)
                #expect(error.hasSuffix("is not supported by this version of Trendex"), "\(query): \(error)")
            }
            try await server.fails(
                400, .POST, "/collections/c/points/query", #"{"prefetch": {"query": [1, 2]}, "query": [1, 2]}"#)
            try await server.fails(404, .POST, "/collections/c/points/query", #"{"query": 999}"#)
            for (path, body) in [
                ("points/recommend", #"{"positive": [1], "limit": 1}"#), ("points/discover", "{}"),
                ("points/search/groups", "{}"), ("points/query/groups", "{}"), ("facet", #"{"key": "n"}"#),
                ("points/search/matrix/pairs", "{}"),
            ] {
                let error = try await server.fails(400, .POST, "/collections/c/\(path)", body)
                #expect(error.hasSuffix("is not supported by this version of Trendex"), "\(path): \(error)")
            }
        }
    }

    @Test func filters() async throws {
        try await withServer { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 1, "distance": "Dot"}}"#)
            try await server.ok(
                .PUT, "/collections/c/points",
                #"""
                {"points": [
                  {"id": 1, "vector": [1], "payload": {"k": "red", "n": 1, "f": 1.5, "b": true, "t": "quick brown fox",
                     "d": "2024-01-01T00:00:00Z", "g": {"lat": 52.52, "lon": 13.4}, "a": [1, 2, 3],
                     "o": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}},
                  {"id": 2, "vector": [1], "payload": {"k": "blue", "n": 2, "f": -2, "b": false, "t": "lazy dog",
                     "d": "2025-06-01", "g": {"lat": 48.85, "lon": 2.35}, "a": [], "o": [{"x": 1, "y": 4}]}},
                  {"id": "00000000-0000-0000-0000-000000000003", "vector": [1], "payload": {"z": null}}]}
                """#)
            let third = "00000000-0000-0000-0000-000000000003"
            let polygon =
                #"{"exterior": {"points": [{"lat": 50, "lon": 10}, {"lat": 55, "lon": 10}, {"lat": 55, "lon": 15}, {"lat": 50, "lon": 15}, {"lat": 50, "lon": 10}]}, "interiors": []}"#
            for (filter, expected) in [
                (#"{}"#, ["1", "2", third]), (#"{"must": null, "should": []}"#, ["1", "2", third]),
                (#"{"must": [{"key": "k", "match": {"value": "red"}}]}"#, ["1"]),
                (#"{"must": {"key": "n", "match": {"value": 2}}}"#, ["2"]),
                (#"{"must": [{"key": "b", "match": {"value": false}}]}"#, ["2"]),
                (#"{"must": [{"key": "k", "match": {"any": ["red", "blue"]}}]}"#, ["1", "2"]),
                (#"{"must": [{"key": "n", "match": {"except": [1]}}]}"#, ["2"]),
                (#"{"must": [{"key": "t", "match": {"text": "brown"}}]}"#, ["1"]),
                (#"{"must": [{"key": "f", "range": {"gt": -2, "lte": 1.5}}]}"#, ["1"]),
                (#"{"must": [{"key": "d", "range": {"gte": "2024-06-01T00:00:00+02:00"}}]}"#, ["2"]),
                (#"{"must": [{"key": "d", "range": {"lt": "2024-06-01", "gt": null}}]}"#, ["1"]),
                (
                    #"{"must": [{"key": "g", "geo_radius": {"center": {"lat": 52.5, "lon": 13.4}, "radius": 10000}}]}"#,
                    ["1"]
                ),
                (
                    #"{"must": [{"key": "g", "geo_bounding_box": {"top_left": {"lat": 50, "lon": 0}, "bottom_right": {"lat": 45, "lon": 5}}}]}"#,
                    ["2"]
                ),
                (#"{"must": [{"key": "g", "geo_polygon": \#(polygon)}]}"#, ["1"]),
                (#"{"must": [{"key": "a", "values_count": {"gte": 1, "lt": 4}}]}"#, ["1"]),
                (#"{"must": [{"is_empty": {"key": "a"}}]}"#, ["2", third]),
                (#"{"must": [{"is_null": {"key": "z"}}]}"#, [third]),
                (#"{"must": [{"has_id": [1, "\#(third)"]}]}"#, ["1", third]),
                (#"{"must": [{"has_vector": ""}]}"#, ["1", "2", third]),
                (
                    #"{"must": [{"nested": {"key": "o", "filter": {"must": [{"key": "x", "match": {"value": 1}}, {"key": "y", "match": {"value": 4}}]}}}]}"#,
                    ["2"]
                ),
                (#"{"must": [{"key": "o[].x", "match": {"value": 3}}]}"#, ["1"]),
                (
                    #"{"min_should": {"min_count": 2, "conditions": [{"key": "n", "match": {"value": 1}}, {"key": "b", "match": {"value": true}}, {"key": "k", "match": {"value": "blue"}}]}}"#,
                    ["1"]
                ),
                (
                    #"{"should": [{"key": "n", "match": {"value": 2}}, {"must_not": [{"key": "k", "match": {"any": ["red", "blue"]}}]}]}"#,
                    ["2", third]
                ),
                (#"{"must": [{"filter_is_unknown": 1, "key": "n", "match": {"value": 1}}]}"#, ["1"]),
            ] {
                let found = try await server.ok(.POST, "/collections/c/points/scroll", #"{"filter": \#(filter)}"#)
                let ids = (found["points"]?.arrayValue ?? []).map { $0["id"]?.stringValue ?? "\($0["id"] ?? .null)" }
                #expect(ids == expected, "\(filter)")
                let count = try await server.ok(.POST, "/collections/c/points/count", #"{"filter": \#(filter)}"#)
                #expect(count["count"]?.integerValue == Int64(expected.count), "\(filter)")
            }
            for (filter, status) in [
                (#"{"must": [{"key": "k"}]}"#, 422), (#"{"must": [{"key": "k", "match": {}}]}"#, 400),
                (#"{"must": [{"key": "", "match": {"value": 1}}]}"#, 400), (#"{"must": [{"unknown": 1}]}"#, 400),
                (#"{"must": [{"key": "k", "match": {"value": 1.5}}]}"#, 400),
                (#"{"must": [{"key": "k", "match": {"any": ["a", 1]}}]}"#, 400),
                (#"{"must": [{"key": "k", "match": {"prefix": "a"}}]}"#, 400),
                (#"{"must": [{"slice": {"total": 2, "index": 0}}]}"#, 400),
                (#"{"must": [{"key": "d", "range": {"gt": "yesterday"}}]}"#, 400),
                (#"{"must": [{"key": "d", "range": {"gt": "2024-01-01", "lt": 5}}]}"#, 400),
                (#"{"must": [{"key": "g", "geo_radius": {"center": {"lat": 95, "lon": 0}, "radius": 1}}]}"#, 400),
                (#"{"must": [{"key": "g", "geo_polygon": {"exterior": {"points": []}}}]}"#, 400),
                (#"{"must": [{"key": "a", "values_count": {}}]}"#, 422), (#"{"must": "x"}"#, 400),
                (#"{"must": [1]}"#, 400), (#"{"other": []}"#, 400), (#"[]"#, 400),
            ] {
                try await server.fails(
                    status, .POST, "/collections/c/points/count", #"{"filter": \#(filter)}"#)
            }
        }
    }
}
