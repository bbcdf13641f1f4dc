import Foundation
import SearchEngine
import SearchServer
import Testing

@Suite struct ConfigurationTests {
    private func load(
        _ yaml: String, _ environment: [String: String] = [:]
    ) throws -> (configuration: ServerConfiguration, warnings: [String]) {
        try ServerConfiguration.load(yaml: yaml, environment: environment)
    }

    private func problems(_ yaml: String, _ environment: [String: String] = [:]) -> [String] {
        do {
            _ = try load(yaml, environment)
            return []
        } catch {
            return (error as? ConfigurationError)?.problems ?? ["\(error)"]
        }
    }

    @Test func defaultsAreQdrants() throws {
        let (configuration, warnings) = try load("")
        #expect(warnings == [])
        #expect(configuration.host == "0.0.0.0")
        #expect(configuration.port == 6333)
        #expect(configuration.maxRequestBytes == 32 << 20)
        #expect(configuration.engine.storagePath == "./storage")
        #expect(configuration.engine.durability == .full)
        #expect(configuration.collectionDefaults.hnsw.m == 16)
        #expect(configuration.shutdownTimeoutSeconds < 10, "service managers kill after 10 seconds")
    }

    @Test func everySectionIsRead() throws {
        let (configuration, warnings) = try load(
            """
            log_level: DEBUG
            logger: {format: json}
            telemetry_disabled: true
            storage:
              storage_path: /data/storage
              snapshots_path: /data/snapshots
              on_disk_payload: false
              durability: normal
              max_collections: 7
              performance: {max_search_threads: 3, optimizer_cpu_budget: 2}
              optimizers: {deleted_threshold: 0.3, indexing_threshold_kb: 20000, max_segment_size_kb: 5}
              hnsw_index: {m: 24, ef_construct: 200, full_scan_threshold_kb: 400, on_disk: true}
              wal: {wal_capacity_mb: 64}
              collection:
                replication_factor: 2
                vectors: {on_disk: true}
                quantization: {scalar: {type: int8, quantile: 0.95}}
            service:
              host: 127.0.0.1
              http_port: 7333
              grpc_port: 6334
              api_key: 12345
              read_only_api_key: reader
              enable_cors: false
              max_request_size_mb: 64
              enable_tls: false
            cluster:
              enabled: false
              p2p: {port: 6335}
            """)
        #expect(warnings == ["`service.grpc_port` has no effect here."])
        #expect(configuration.logLevel == .debug)
        #expect(configuration.logFormat == .json)
        #expect(configuration.engine.storagePath == "/data/storage")
        #expect(configuration.engine.snapshotsPath == "/data/snapshots")
        #expect(configuration.engine.durability == .normal)
        #expect(configuration.engine.indexingThreads == 2)
        #expect(configuration.computeThreads == 3)
        #expect(configuration.host == "127.0.0.1")
        #expect(configuration.port == 7333)
        #expect(configuration.apiKey == "12345")
        #expect(configuration.readOnlyAPIKey == "reader")
        #expect(configuration.cors == nil)
        #expect(configuration.maxRequestBytes == 64 << 20)
        let defaults = configuration.collectionDefaults
        #expect(!defaults.onDiskPayload)
        #expect(configuration.engine.maxCollections == 7)
        #expect(defaults.replicationFactor == 2)
        #expect(defaults.vectorsOnDisk == true)
        #expect(defaults.quantization == .scalar(ScalarQuantizationConfiguration(quantile: 0.95)))
        #expect(defaults.hnsw.m == 24)
        #expect(defaults.hnsw.efConstruct == 200)
        #expect(defaults.hnsw.fullScanThreshold == 400)
        #expect(defaults.hnsw.onDisk == true)
        #expect(defaults.optimizers["deleted_threshold"] == 0.3)
        #expect(defaults.optimizers["indexing_threshold"] == 20_000)
        #expect(defaults.optimizers["max_segment_size"] == 5)
        #expect(defaults.wal["wal_capacity_mb"] == 64)
    }

    @Test func environmentWinsOverFiles() throws {
        let (configuration, warnings) = try load(
            "service: {http_port: 1, host: a, api_key: file}",
            [
                "QDRANT__SERVICE__HTTP_PORT": "7000", "QDRANT__SERVICE__API_KEY": "env",
                "QDRANT__STORAGE__STORAGE_PATH": "/x", "QDRANT__SERVICE__MAX_REQUEST_SIZE_MB": "5",
                "QDRANT__SERVICE__ENABLE_CORS": "false", "QDRANT__CLUSTER__ENABLED": "false",
                "QDRANT__SERVICE__GRPC_PORT": "", "TRENDEX__DURABILITY": "normal", "PATH": "/bin",
                "TRENDEX__RECALL_AUDIT": "false",
                "QDRANT__STORAGE__HNSW_INDEX__M": "8",
            ])
        #expect(warnings == [])
        #expect(configuration.port == 7000)
        #expect(configuration.host == "a")
        #expect(configuration.apiKey == "env")
        #expect(configuration.engine.storagePath == "/x")
        #expect(configuration.maxRequestBytes == 5 << 20)
        #expect(configuration.cors == nil)
        #expect(configuration.engine.durability == .normal)
        #expect(!configuration.engine.measuresRecall)
        #expect(try load("", [:]).0.engine.measuresRecall)
        #expect(configuration.collectionDefaults.hnsw.m == 8)
    }

    @Test func filesAreLookedUpInOrder() throws {
        let folder = temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder + "/config", withIntermediateDirectories: true)
        func write(_ name: String, _ text: String) throws {
            try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
        }
        try write("config/config.yaml", "service: {http_port: 1, host: one, api_key: one}")
        try write("config/production.yaml", "service: {http_port: 2, host: two}")
        try write("extra.yaml", "service: {http_port: 3}")
        let (configuration, _) = try ServerConfiguration.load(
            configPath: folder + "/extra.yaml", environment: ["RUN_MODE": "production"], folder: folder)
        #expect(configuration.port == 3)
        #expect(configuration.host == "two")
        #expect(configuration.apiKey == "one")
        #expect(throws: ConfigurationError.self) {
            try ServerConfiguration.load(configPath: folder + "/none.yaml", environment: [:], folder: folder)
        }
    }

    @Test func unknownKeysAreNamedWithTheNearestKnownOne() throws {
        let (_, warnings) = try load(
            "service: {http_prot: 1}\nstorage: {hnsw_index: {ef_constuct: 5}}\nzebra: 1",
            ["QDRANT__SERVICE__APIKEY": "x"])
        #expect(
            warnings.sorted() == [
                "Unknown configuration key `service.apikey` is ignored. Did you mean `service.api_key`?",
                "Unknown configuration key `service.http_prot` is ignored. Did you mean `service.http_port`?",
                "Unknown configuration key `storage.hnsw_index.ef_constuct` is ignored. Did you mean `storage.hnsw_index.ef_construct`?",
                "Unknown configuration key `zebra` is ignored.",
            ])
    }

    @Test func keysWithoutEffectAreToldIfTheyAreSet() throws {
        let (_, warnings) = try load(
            "service: {grpc_port: 7000, hardware_reporting: true}\nstorage: {update_concurrency: null}")
        #expect(
            warnings == ["`service.grpc_port` has no effect here.", "`service.hardware_reporting` has no effect here."])
    }

    @Test func slowRequestsHaveAThreshold() throws {
        #expect(try load("").configuration.slowRequestThreshold == .seconds(1))
        #expect(try load("trendex: {slow_request_ms: 250}").configuration.slowRequestThreshold == .milliseconds(250))
        #expect(try load("trendex: {slow_request_ms: 0}").configuration.slowRequestThreshold == nil)
        // Qdrant's key, in seconds; Trendex's own goes first.
        #expect(try load("service: {slow_query_secs: 0.5}").configuration.slowRequestThreshold == .milliseconds(500))
        #expect(try load("service: {slow_query_secs: 0}").configuration.slowRequestThreshold == nil)
        let both = try load("service: {slow_query_secs: 2}", ["TRENDEX__SLOW_REQUEST_MS": "7"]).configuration
        #expect(both.slowRequestThreshold == .milliseconds(7))
        #expect(problems("trendex: {slow_request_ms: -1}").count == 1)
    }

    /// A step without a model of its own has the common one and its prices; another model has none until they are given.
    @Test func theAnalystHasAModelForEachStep() throws {
        let none = try load("").configuration.analyst
        #expect(none.baseURL == nil && none.dollarsPerDay == nil && none.models.research.name == "gpt-4o-mini")
        let (configuration, warnings) = try load(
            """
            trendex:
              analyst:
                base_url: http://localhost:1/v1
                model: small
                dollars_per_million_input_tokens: 1
                dollars_per_million_output_tokens: 2
                dollars_per_day: 3.5
                research: {model: large, dollars_per_million_input_tokens: 10, dollars_per_million_output_tokens: 20}
                scoring: {model: small, dollars_per_million_output_tokens: 4}
            rate_limits: {openai_api: {per_minute: 60, burst: 5}}
            """)
        #expect(warnings == [])
        let analyst = configuration.analyst
        #expect(analyst.baseURL == "http://localhost:1/v1" && analyst.dollarsPerDay == 3.5)
        let models = [analyst.models.research, analyst.models.scoring, analyst.models.ranking]
        #expect(models.map(\.name) == ["large", "small", "small"])
        #expect(models.map(\.dollarsPerMillionInputTokens) == [10, 1, 1])
        #expect(models.map(\.dollarsPerMillionOutputTokens) == [20, 4, 2])
        #expect(configuration.openAILimit?.perMinute == 60 && configuration.openAILimit?.burst == 5)
        let free = try load("trendex: {analyst: {model: local}}").configuration.analyst.models.ranking
        #expect(free.name == "local" && free.dollarsPerMillionOutputTokens == 0)
        #expect(
            problems("trendex: {analyst: {model: local, dollars_per_day: 1}}").map { $0.prefix(23) } == [
                "`trendex.analyst.model`"
            ])
        #expect(problems("rate_limits: {openai_api: {burst: 5}}").count == 1)
    }

    @Test func impossibleValuesAreOneSentenceEach() {
        #expect(
            problems("service: {http_port: 70000, max_request_size_mb: 0}\nstorage: {storage_path: \"\"}").count == 3)
        #expect(
            problems("service: {http_port: many}") == [
                "`service.http_port` = \"many\": it must be an integer from 0 to 65535."
            ])
        #expect(problems("log_level: LOUD").count == 1)
        #expect(problems("storage: {durability: some}").count == 1)
        #expect(problems("storage: {hnsw_index: {ef_construct: 1}}").count == 1)
        #expect(problems("storage: {optimizers: {deleted_threshold: 2}}").count == 1)
        #expect(problems("service: {enable_cors: perhaps}").count == 1)
        #expect(problems("service: {metrics_prefix: \"a b\"}").count == 1)
        #expect(problems("", ["QDRANT__SERVICE__HTTP_PORT": "-1"]).count == 1)
        #expect(problems("service: [1").count == 1)
        #expect(problems("service: 3") == ["`service` = 3: it must be a mapping of keys to values."])
        #expect(problems("service: [1]\nstorage: {hnsw_index: no}").count == 2)
        #expect(problems("", ["QDRANT__STORAGE": "/data"]).count == 1)
        #expect(problems("- a").count == 1)
    }

    /// What a start accepts as a default, a new collection accepts, too.
    @Test func largeGraphSettingsAreTaken() async throws {
        let (configuration, _) = try load("storage: {hnsw_index: {m: 1000, ef_construct: 1000000, payload_m: 5000}}")
        try await withServer({ $0.collectionDefaults = configuration.collectionDefaults }) { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            let config = try await server.ok(.GET, "/collections/c")["config"]?["hnsw_config"]
            #expect(config?["m"] == 1000 && config?["ef_construct"] == 1_000_000)
            try await server.ok(
                .PUT, "/collections/c/points?wait=true", #"{"points": [{"id": 1, "vector": [1, 2]}]}"#)
            let found = try await server.ok(.POST, "/collections/c/points/search", #"{"vector": [1, 0], "limit": 1}"#)
            #expect(found.arrayValue?.count == 1)
        }
    }

    @Test func unsupportedFeaturesStopTheStart() {
        for yaml in [
            "service: {enable_tls: true}", "cluster: {enabled: true}", "service: {jwt_rbac: true}",
            "storage: {node_type: Listener}", "service: {metrics_port: 9}", "audit: {enabled: true}",
            "storage: {snapshots_config: {snapshots_storage: s3}}", "gpu: {indexing: true}",
            "storage: {collection: {strict_mode: {enabled: true}}}", "logger: {on_disk: {enabled: true}}",
            "storage: {collection: {quantization: {product: {compression: x4}}}}",
            "storage: {optimizers_overwrite: {deleted_threshold: 0.1}}",
        ] {
            #expect(problems(yaml).count == 1, "\(yaml): \(problems(yaml))")
        }
        #expect(problems("", ["QDRANT__CLUSTER__ENABLED": "true"]).first?.contains("cluster is not supported") == true)
        #expect(problems("", ["QDRANT__SERVICE__ENABLE_TLS": "True"]).count == 1)
    }
}
