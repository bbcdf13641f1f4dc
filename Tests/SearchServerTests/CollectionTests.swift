import JSON
import Testing

@Suite struct CollectionTests {
    @Test func lifeOfACollection() async throws {
        try await withServer { server in
            #expect(try await server.ok(.GET, "/collections") == ["collections": []])
            #expect(try await server.ok(.GET, "/collections/c/exists") == ["exists": false])
            let created = try await server.ok(
                .PUT, "/collections/c?timeout=10",
                #"""
                {"vectors": {"size": 4, "distance": "Cosine", "on_disk": true, "datatype": "float16"},
                 "hnsw_config": {"m": 32, "payload_m": 8}, "optimizers_config": {"indexing_threshold": 5},
                 "wal_config": {"wal_capacity_mb": 1}, "shard_number": 2, "replication_factor": 3,
                 "quantization_config": {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": true}},
                 "on_disk_payload": false, "metadata": {"owner": "me"}, "unknown": 1,
                 "sparse_vectors": {}, "init_from": null, "strict_mode_config": {"enabled": false}}
                """#)
            #expect(created == true)
            let info = try await server.ok(.GET, "/collections/c")
            #expect(info["status"] == "green")
            #expect(info["optimizer_status"] == "ok")
            #expect(info["points_count"] == 0)
            #expect(info["payload_schema"] == [:])
            let config = info["config"] ?? .null
            #expect(
                config["params"] == [
                    "vectors": ["size": 4, "distance": "Cosine", "on_disk": true, "datatype": "float16"],
                    "shard_number": 2, "replication_factor": 3, "write_consistency_factor": 1,
                    "on_disk_payload": false,
                ])
            #expect(config["hnsw_config"]?["m"] == 32)
            #expect(config["hnsw_config"]?["ef_construct"] == 100)
            #expect(config["hnsw_config"]?["full_scan_threshold"] == 10000)
            #expect(config["hnsw_config"]?["payload_m"] == 8)
            #expect(config["optimizer_config"]?["indexing_threshold"] == 5)
            #expect(config["optimizer_config"]?["deleted_threshold"] == 0.2)
            #expect(config["optimizer_config"]?["flush_interval_sec"] == 5)
            // The 1.7 generation of clients reads an integer here, and no other keys of the log than these.
            #expect((config["optimizer_config"]?["max_optimization_threads"]?.integerValue ?? 0) >= 1)
            #expect(config["wal_config"] == ["wal_capacity_mb": 1, "wal_segments_ahead": 0])
            #expect(
                config["quantization_config"] == ["scalar": ["type": "int8", "quantile": 0.99, "always_ram": true]])
            #expect(config["metadata"] == ["owner": "me"])
            let conflict = try await server.fails(
                409, .PUT, "/collections/c", #"{"vectors": {"size": 4, "distance": "Dot"}}"#)
            #expect(conflict == "Wrong input: Collection `c` already exists!")
            #expect(try await server.ok(.DELETE, "/collections/c") == true)
            #expect(try await server.ok(.DELETE, "/collections/c") == false)
            for path in ["/collections/c", "/collections/c/cluster"] {
                #expect(try await server.fails(404, .GET, path) == "Not found: Collection `c` doesn't exist!")
            }
        }
    }

    @Test func namedVectorsKeepTheirOwnSettings() async throws {
        try await withServer { server in
            try await server.ok(
                .PUT, "/collections/c",
                #"""
                {"vectors": {
                    "title": {"size": 4, "distance": "Dot", "hnsw_config": {"m": 8}},
                    "size": {"size": 2, "distance": "Manhattan",
                             "quantization_config": {"scalar": {"type": "int8"}}}}}
                """#)
            let vectors = try await server.ok(.GET, "/collections/c")["config"]?["params"]?["vectors"]
            #expect(vectors?["title"] == ["size": 4, "distance": "Dot", "hnsw_config": ["m": 8]])
            #expect(
                vectors?["size"] == [
                    "size": 2, "distance": "Manhattan", "quantization_config": ["scalar": ["type": "int8"]],
                ])
        }
    }

    @Test func wrongConfigurationsAreRefused() async throws {
        try await withServer { server in
            let vectors = #""vectors": {"size": 4, "distance": "Dot"}"#
            for (body, status, sentence) in [
                (#"{"vectors": {"size": 0, "distance": "Dot"}}"#, 422, "[vectors.size: value 0 invalid"),
                (#"{"vectors": {"size": 65537, "distance": "Dot"}}"#, 422, "must be from 1 to 65536"),
                (#"{"vectors": {"size": -1, "distance": "Dot"}}"#, 400, "Format error"),
                (#"{"vectors": {"size": 1e3, "distance": "Dot"}}"#, 400, "Format error"),
                (#"{"vectors": {"size": 4}}"#, 400, "missing field `vectors.distance`"),
                (#"{"vectors": {"distance": "Dot"}}"#, 400, "missing field `vectors.size`"),
                (#"{"vectors": {"size": 4, "distance": "cosine"}}"#, 400, "unknown variant `cosine`"),
                (#"{"vectors": {"a": 4}}"#, 400, "expected an object in `vectors.a`"),
                (#"{"vectors": 4}"#, 400, "expected an object in `vectors`"),
                (#"{\#(vectors), "hnsw_config": {"ef_construct": 3}}"#, 422, "hnsw_config.ef_construct"),
                (#"{\#(vectors), "shard_number": 0}"#, 422, "shard_number"),
                (#"{\#(vectors), "optimizers_config": {"deleted_threshold": 1.5}}"#, 422, "deleted_threshold"),
                (#"{\#(vectors), "optimizers_config": {"vacuum_min_vector_number": 1}}"#, 422, "vacuum_min"),
                (#"{\#(vectors), "quantization_config": {"scalar": {"type": "int4"}}}"#, 400, "unknown variant"),
                (
                    #"{\#(vectors), "quantization_config": {"scalar": {"type": "int8", "quantile": 0.1}}}"#, 422,
                    "quantile"
                ),
                (#"{\#(vectors), "metadata": 5}"#, 400, "metadata"),
            ] {
                let error = try await server.fails(status, .PUT, "/collections/c", body)
                #expect(error.contains(sentence), "\(body): \(error)")
            }
            for part in [
                #""quantization_config": {"product": {"compression": "x16"}}"#,
                #""quantization_config": {"binary": {}}"#, #""quantization_config": {"turbo": {}}"#,
                #""sparse_vectors": {"s": {}}"#, #""sharding_method": "custom""#,
                #""init_from": {"collection": "d"}"#, #""strict_mode_config": {"enabled": true}"#,
            ] {
                let error = try await server.fails(400, .PUT, "/collections/c", "{\(vectors), \(part)}")
                #expect(error.hasSuffix("is not supported by this version of Trendex"), "\(part): \(error)")
            }
            for vector in [
                #""multivector_config": {"comparator": "max_sim"}"#, #""datatype": "turbo4""#, #""memory": "cold""#,
            ] {
                let body = #"{"vectors": {"size": 4, "distance": "Dot", \#(vector)}}"#
                let error = try await server.fails(400, .PUT, "/collections/c", body)
                #expect(error.hasSuffix("is not supported by this version of Trendex"), "\(vector): \(error)")
            }
            for name in ["a%2Fb", "a%00b", "%3C", "..", String(repeating: "x", count: 256)] {
                let error = try await server.fails(422, .PUT, "/collections/\(name)", "{\(vectors)}")
                #expect(error.hasPrefix("Validation error in path parameters: [name: "), "\(name): \(error)")
            }
            let long = #"{"vectors": {"\#(String(repeating: "x", count: 256))": {"size": 4, "distance": "Dot"}}}"#
            let error = try await server.fails(422, .PUT, "/collections/c", long)
            #expect(error.hasPrefix("Validation error in JSON body: [vectors: value "), "\(error)")
            #expect(try await server.ok(.GET, "/collections") == ["collections": []])
        }
    }

    @Test func defaultsOfTheServerFlowIn() async throws {
        try await withServer({
            $0.collectionDefaults.hnsw.m = 7
            $0.collectionDefaults.optimizers["indexing_threshold"] = 77
            $0.engine.maxCollections = 1
        }) { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 4, "distance": "Dot"}}"#)
            let config = try await server.ok(.GET, "/collections/c")["config"]
            #expect(config?["hnsw_config"]?["m"] == 7)
            #expect(config?["optimizer_config"]?["indexing_threshold"] == 77)
            try await server.fails(400, .PUT, "/collections/d", #"{"vectors": {"size": 4, "distance": "Dot"}}"#)
        }
    }

    @Test func updates() async throws {
        try await withServer { server in
            try await server.ok(
                .PUT, "/collections/c",
                #"{"vectors": {"size": 4, "distance": "Dot"}, "quantization_config": {"scalar": {"type": "int8"}}}"#)
            let body = #"""
                {"optimizers_config": {"indexing_threshold": 9, "max_optimization_threads": "auto"},
                 "hnsw_config": {"ef_construct": 50}, "vectors": {"": {"hnsw_config": {"m": 9}, "on_disk": true}},
                 "params": {"replication_factor": 2}, "quantization_config": "Disabled"}
                """#
            #expect(try await server.ok(.PATCH, "/collections/c", body) == true)
            let config = try await server.ok(.GET, "/collections/c")["config"]
            #expect(config?["optimizer_config"]?["indexing_threshold"] == 9)
            #expect(config?["optimizer_config"]?["deleted_threshold"] == 0.2)
            #expect(config?["hnsw_config"]?["ef_construct"] == 50)
            #expect(config?["hnsw_config"]?["m"] == 16)
            #expect(config?["params"]?["vectors"]?["hnsw_config"]?["m"] == 9)
            #expect(config?["params"]?["vectors"]?["on_disk"] == true)
            #expect(config?["params"]?["replication_factor"] == 2)
            #expect(config?["quantization_config"] == .null)
            try await server.fails(404, .PATCH, "/collections/d", body)
            try await server.fails(400, .PATCH, "/collections/c", #"{"quantization_config": "Off"}"#)
            try await server.fails(400, .PATCH, "/collections/c", #"{"params": {"read_fan_out_factor": 1}}"#)
            try await server.fails(422, .PATCH, "/collections/c", #"{"hnsw_config": {"ef_construct": 1}}"#)
            // What a vector is can't be changed, and isn't ignored.
            for member in [
                #""size": 4"#, #""distance": "Dot""#, #""datatype": "uint8""#, #""multivector_config": {}"#,
            ] {
                let error = try await server.fails(
                    422, .PATCH, "/collections/c", #"{"vectors": {"": {"on_disk": false, \#(member)}}}"#)
                #expect(error.contains("can't be changed"), "\(member): \(error)")
            }
            #expect(
                try await server.ok(.GET, "/collections/c")["config"]?["params"]?["vectors"]?["on_disk"] == true)
        }
    }

    @Test func aliasesStandForCollections() async throws {
        try await withServer { server in
            let vectors = #"{"vectors": {"size": 2, "distance": "Dot"}}"#
            try await server.ok(.PUT, "/collections/one", vectors)
            try await server.ok(.PUT, "/collections/two", vectors)
            try await server.ok(.PUT, "/collections/one/points", #"{"points": [{"id": 1, "vector": [1, 1]}]}"#)
            func change(_ actions: String) async throws -> JSONValue {
                try await server.ok(.POST, "/collections/aliases", #"{"actions": [\#(actions)]}"#)
            }
            let create = #"{"create_alias": {"collection_name": "one", "alias_name": "live"}}"#
            #expect(try await change(create) == true)
            #expect(try await server.ok(.GET, "/collections/live")["points_count"] == 1)
            #expect(
                try await server.ok(.GET, "/aliases") == [
                    "aliases": [["alias_name": "live", "collection_name": "one"]]
                ])
            #expect(try await server.ok(.GET, "/collections/two/aliases") == ["aliases": []])
            // Switched in one step, and renamed.
            let switched = try await change(
                #"{"delete_alias": {"alias_name": "live"}}, {"create_alias": {"collection_name": "two", "alias_name": "live"}}"#
            )
            #expect(switched == true)
            #expect(try await server.ok(.GET, "/collections/live")["points_count"] == 0)
            let rename = #"{"rename_alias": {"old_alias_name": "live", "new_alias_name": "now"}}"#
            #expect(try await change(rename) == true)
            #expect(
                try await server.ok(.GET, "/collections/two/aliases") == [
                    "aliases": [["alias_name": "now", "collection_name": "two"]]
                ])
            // A deletion wants the collection's own name.
            #expect(try await server.ok(.DELETE, "/collections/now") == false)
            #expect(try await server.ok(.GET, "/collections/now")["points_count"] == 0)
            // All or nothing.
            try await server.fails(
                404, .POST, "/collections/aliases",
                #"{"actions": [{"delete_alias": {"alias_name": "now"}}, {"create_alias": {"collection_name": "none", "alias_name": "x"}}]}"#
            )
            #expect(try await server.ok(.GET, "/aliases")["aliases"]?[0]?["alias_name"] == "now")
            for body in [#"{}"#, #"{"actions": 1}"#, #"{"actions": [{}]}"#, #"{"actions": [{"create_alias": {}}]}"#] {
                try await server.fails(400, .POST, "/collections/aliases", body)
            }
        }
    }

    @Test func payloadIndexes() async throws {
        try await withServer { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            for type in ["keyword", "integer", "float", "bool", "uuid", "datetime", "geo", "text"] {
                let result = try await server.ok(
                    .PUT, "/collections/c/index?wait=true",
                    #"{"field_name": "\#(type)_field", "field_schema": "\#(type)"}"#)
                #expect(result["status"] == "completed")
                #expect(result["operation_id"]?.integerValue != nil)
            }
            try await server.ok(
                .PUT, "/collections/c/index",
                #"""
                {"field_name": "a.b[].c", "field_schema": {"type": "text", "tokenizer": "prefix", "min_token_len": 2,
                 "max_token_len": 10, "lowercase": true, "on_disk": true}}
                """#)
            try await server.ok(.PUT, "/collections/c/index", #"{"field_name": "old", "field_type": "keyword"}"#)
            try await server.ok(
                .PUT, "/collections/c/points?wait=true",
                #"{"points": [{"id": 1, "vector": [1, 2], "payload": {"keyword_field": "x"}}]}"#)
            let schema = try await server.ok(.GET, "/collections/c")["payload_schema"]
            #expect(schema?.objectValue?.count == 10)
            #expect(schema?["keyword_field"] == ["data_type": "keyword", "points": 1])
            #expect(schema?["a.b[].c"]?["params"]?["tokenizer"] == "prefix")
            let deleted = try await server.ok(.DELETE, "/collections/c/index/a.b%5B%5D.c?wait=true")
            #expect(deleted["status"] == "completed")
            #expect(try await server.ok(.GET, "/collections/c")["payload_schema"]?.objectValue?.count == 9)
            for (schema, status) in [
                (#""keywords""#, 400), (#"{"type": "none"}"#, 400), (#"{}"#, 400), (#"null"#, 400), (#"5"#, 400),
                (#"{"type": "integer", "lookup": false, "range": false}"#, 422),
                (#"{"type": "text", "stopwords": "english"}"#, 400),
                (#"{"type": "text", "stemmer": {"type": "snowball", "language": "english"}}"#, 400),
                (#"{"type": "text", "tokenizer": "letters"}"#, 400),
                (#"{"type": "text", "min_token_len": 5, "max_token_len": 2}"#, 422),
                (#"{"type": "keyword", "prefix": true}"#, 400), (#"{"type": "keyword", "is_tenant": 1}"#, 400),
            ] {
                try await server.fails(
                    status, .PUT, "/collections/c/index", #"{"field_name": "f", "field_schema": \#(schema)}"#)
            }
            try await server.fails(400, .PUT, "/collections/c/index", #"{"field_schema": "keyword"}"#)
            try await server.fails(
                400, .PUT, "/collections/c/index", #"{"field_name": "a[", "field_schema": "keyword"}"#)
            try await server.fails(
                404, .PUT, "/collections/d/index", #"{"field_name": "f", "field_schema": "keyword"}"#)
        }
    }
}
