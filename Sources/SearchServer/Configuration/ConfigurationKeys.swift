import JSON

/// The keys of Qdrant's configuration, and what becomes of each.
package enum ConfigurationKeys {
    package enum Treatment: Sendable {
        /// Read by `ConfigurationReader`.
        case used
        /// Understood, without a meaning for this engine; a value other than Qdrant's default is told in a notice.
        case withoutEffect(unless: [JSONValue])
        /// Nothing below it matters, as what it configures is off.
        case section
        /// Stops the start, if its value is none of the given ones.
        case refused(unless: [JSONValue], String)
    }

    package static let all: [String: Treatment] = used.merging(withoutEffect) { a, _ in a }.merging(refused) { a, _ in a
    }

    private static let used: [String: Treatment] = Dictionary(
        uniqueKeysWithValues: [
            "log_level", "logger.format", "telemetry_disabled",
            "service.host", "service.http_port", "service.api_key", "service.alt_api_key",
            "service.read_only_api_key", "service.enable_cors", "service.max_request_size_mb", "service.max_workers",
            "service.metrics_prefix", "service.slow_query_secs",
            "storage.storage_path", "storage.snapshots_path", "storage.on_disk_payload", "storage.max_collections",
            "storage.durability", "storage.performance.max_search_threads",
            "storage.performance.optimizer_cpu_budget",
            "storage.optimizers.deleted_threshold", "storage.optimizers.vacuum_min_vector_number",
            "storage.optimizers.default_segment_number", "storage.optimizers.max_segment_size",
            "storage.optimizers.max_segment_size_kb", "storage.optimizers.memmap_threshold",
            "storage.optimizers.memmap_threshold_kb", "storage.optimizers.indexing_threshold",
            "storage.optimizers.indexing_threshold_kb", "storage.optimizers.flush_interval_sec",
            "storage.optimizers.max_optimization_threads",
            "storage.hnsw_index.m", "storage.hnsw_index.ef_construct", "storage.hnsw_index.full_scan_threshold",
            "storage.hnsw_index.full_scan_threshold_kb", "storage.hnsw_index.max_indexing_threads",
            "storage.hnsw_index.on_disk", "storage.hnsw_index.payload_m", "storage.hnsw_index.inline_storage",
            "storage.wal.wal_capacity_mb", "storage.wal.wal_segments_ahead", "storage.wal.wal_retain_closed",
            "storage.collection.replication_factor", "storage.collection.write_consistency_factor",
            "storage.collection.vectors.on_disk", "storage.collection.quantization",
            "storage.collection.shard_number",
            "trendex.durability", "trendex.implicit_index_budget_mb", "trendex.idle_timeout_sec",
            "trendex.shutdown_timeout_sec", "trendex.recall_audit", "trendex.max_connections",
            "trendex.max_event_streams",
            "trendex.request_memory_mb", "trendex.reply_memory_mb", "trendex.write_queue_mb",
            "service.cors.allowed_origins", "service.cors.allow_credentials", "service.cors.max_age_sec",
            "service.jwt.secret", "service.jwt.public_key", "service.jwt.public_keys", "service.jwt.audience",
            "service.jwt.issuer", "service.jwt.leeway_sec", "service.jwt.role_claim",
            "rate_limits.overrides", "rate_limits.max_buckets",
            "rate_limits.jwt.per_minute", "rate_limits.jwt.burst", "rate_limits.api_key.per_minute",
            "rate_limits.api_key.burst", "rate_limits.anonymous.per_minute", "rate_limits.anonymous.burst",
            "trendex.slow_request_ms",
            "trendex.embedder.model", "trendex.embedder.schedule", "trendex.embedder.threads",
            "trendex.embedder.openai.endpoint",
            "trendex.embedder.openai.model", "trendex.embedder.openai.requests_per_minute",
            "trendex.embedder.openai.dollars_per_day",
            "rate_limits.openai_api.per_minute", "rate_limits.openai_api.burst",
            "trendex.analyst.base_url", "trendex.analyst.timeout_sec", "trendex.analyst.max_output_tokens",
            "trendex.analyst.jobs_at_once", "trendex.analyst.dollars_per_day",
            "trendex.analyst.model", "trendex.analyst.dollars_per_million_input_tokens",
            "trendex.analyst.dollars_per_million_output_tokens",
            "trendex.analyst.research.model", "trendex.analyst.research.dollars_per_million_input_tokens",
            "trendex.analyst.research.dollars_per_million_output_tokens",
            "trendex.analyst.scoring.model", "trendex.analyst.scoring.dollars_per_million_input_tokens",
            "trendex.analyst.scoring.dollars_per_million_output_tokens",
            "trendex.analyst.ranking.model", "trendex.analyst.ranking.dollars_per_million_input_tokens",
            "trendex.analyst.ranking.dollars_per_million_output_tokens",
        ].map { ($0, .used) })

    private static let withoutEffect: [String: Treatment] = [
        // Qdrant's default, too: whoever sets it means to use it.
        "service.grpc_port": .withoutEffect(unless: [.null]),
        "service.hide_jwt_dashboard": .withoutEffect(unless: [.null, false]),
        "service.static_content_dir": .withoutEffect(unless: [.null]),
        "service.enable_static_content": .withoutEffect(unless: [.null, true, false]),
        "service.hardware_reporting": .withoutEffect(unless: [.null, false]),
        "storage.temp_path": .withoutEffect(unless: [.null]),
        "storage.update_concurrency": .withoutEffect(unless: [.null]),
        "storage.shard_transfer_method": .withoutEffect(unless: [.null]),
        "storage.handle_collection_load_errors": .withoutEffect(unless: [.null, false]),
        "storage.async_scorer": .withoutEffect(unless: [.null, false]),
        "storage.collection.shard_number_per_node": .withoutEffect(unless: [.null, 1]),
        "storage.performance.max_optimization_runtime_threads": .withoutEffect(unless: [.null, 0]),
        "storage.performance.update_rate_limit": .withoutEffect(unless: [.null]),
        "storage.performance.search_timeout_sec": .withoutEffect(unless: [.null]),
        "storage.performance.incoming_shard_transfers_limit": .withoutEffect(unless: [.null, 1]),
        "storage.performance.outgoing_shard_transfers_limit": .withoutEffect(unless: [.null, 1]),
        "storage.performance.async_scorer": .withoutEffect(unless: [.null, false]),
        "storage.performance.optimizer_io_budget": .withoutEffect(unless: [.null, 0]),
        "storage.performance.load_concurrency": .section,
        "storage.performance.max_concurrent_collection_loads": .withoutEffect(unless: [.null, 1]),
        "storage.performance.max_concurrent_shard_loads": .withoutEffect(unless: [.null, 1]),
        "storage.performance.max_concurrent_segment_loads": .withoutEffect(unless: [.null, 8]),
        "storage.hnsw_global_config": .section,
        "per_collection_metrics_enabled": .withoutEffect(unless: [.null, true, false]),
        "debugger": .section, "inference": .section, "feature_flags": .section, "tls": .section,
        "gpu": .section, "cluster": .section, "audit": .section, "logger.on_disk": .section,
        "storage.snapshots_config": .section, "storage.collection.strict_mode": .section,
    ]

    private static let refused: [String: Treatment] = [
        "service.enable_tls": .refused(
            unless: [.null, false], "TLS is not supported yet: put a proxy that ends TLS in front of the server"),
        "service.verify_https_client_certificate": .refused(unless: [.null, false], "TLS is not supported yet"),
        "service.jwt_rbac": .refused(
            unless: [.null, false],
            "Qdrant's tokens with rights by collection are not supported: use `service.api_key`, or `service.jwt` for tokens with roles"
        ),
        "service.metrics_port": .refused(
            unless: [.null], "metrics have no port of their own: ask `/metrics` on the API's port"),
        "cluster.enabled": .refused(
            unless: [.null, false], "a cluster is not supported: this engine is one machine's on purpose"),
        "storage.node_type": .refused(unless: [.null, "Normal"], "node types other than `Normal` are not supported"),
        "storage.recovery_mode": .refused(unless: [.null], "the recovery mode is not supported"),
        "storage.optimizers_overwrite": .refused(
            unless: [.null], "overwriting the collections' optimizer settings is not supported"),
        "storage.snapshots_config.snapshots_storage": .refused(
            unless: [.null, "local"], "snapshots can be kept on the local disk only"),
        "storage.collection.strict_mode.enabled": .refused(
            unless: [.null, false], "the strict mode is not supported"),
        "audit.enabled": .refused(unless: [.null, false], "audit logs are not supported"),
        "logger.on_disk.enabled": .refused(
            unless: [.null, false], "logs go to standard output only: let the service manager keep them"),
        "gpu.indexing": .refused(unless: [.null, false], "indexing on a GPU is not supported"),
    ]

    /// Read as a whole: their members' names are values, which may contain dots, or one key of Qdrant's has several forms.
    static let trees: Set<String> = ["storage.collection.quantization", "service.jwt.public_keys"]

    /// Told to nobody, neither in a problem nor in a log.
    static let secrets: Set<String> = [
        "service.api_key", "service.alt_api_key", "service.read_only_api_key", "service.jwt.secret", "service.jwt",
        // Somebody may put the private one there.
        "service.jwt.public_key", "service.jwt.public_keys",
    ]

    /// The known key that looks most like an unknown one, if any comes near.
    static func nearest(to key: String) -> String? {
        let candidates = all.keys.map { (key: $0, distance: editDistance(key, $0)) }
        let best = candidates.min { ($0.distance, $0.key) < ($1.distance, $1.key) }
        return best.flatMap { $0.distance <= max(2, key.count / 4) ? $0.key : nil }
    }
}
