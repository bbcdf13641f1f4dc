import JSON
import SearchEngine
import Services

/// The defaults of new collections.
extension ConfigurationReader {
    mutating func readDefaults(into defaults: inout CollectionDefaults) {
        defaults.onDiskPayload = bool("storage.on_disk_payload") ?? defaults.onDiskPayload
        defaults.vectorsOnDisk = bool("storage.collection.vectors.on_disk")
        defaults.shardNumber = integer("storage.collection.shard_number", in: 1...(1 << 20)) ?? 1
        defaults.replicationFactor = integer("storage.collection.replication_factor", in: 1...(1 << 20)) ?? 1
        defaults.writeConsistencyFactor =
            integer("storage.collection.write_consistency_factor", in: 1...(1 << 20)) ?? 1
        readHNSW(into: &defaults.hnsw)
        readOptimizers(into: &defaults.optimizers)
        for (name, least) in [("wal_capacity_mb", 1), ("wal_segments_ahead", 0), ("wal_retain_closed", 1)] {
            if let value = integer("storage.wal.\(name)", in: least...Self.largest) {
                defaults.wal[name] = JSONValue(value)
            }
        }
        if let value = values["storage.collection.quantization"], !value.isNull {
            do {
                let fields = try ObjectFields(["quantization": value], path: "storage.collection")
                defaults.quantization = try fields.quantization("quantization")
                try defaults.quantization?.validate("storage.collection.quantization")
            } catch {
                problem("storage.collection.quantization", "is not supported: \(APIError(any: error).message)")
            }
        }
    }

    private static let largest = 1 << 40

    private mutating func readHNSW(into hnsw: inout HNSWConfiguration) {
        let section = "storage.hnsw_index"
        hnsw.m = integer("\(section).m", in: 0...Self.largest) ?? hnsw.m
        hnsw.efConstruct = integer("\(section).ef_construct", in: 4...Self.largest) ?? hnsw.efConstruct
        hnsw.fullScanThreshold =
            inKilobytes("\(section).full_scan_threshold", least: 0) ?? hnsw.fullScanThreshold
        hnsw.maxIndexingThreads = integer("\(section).max_indexing_threads", in: 0...4096) ?? hnsw.maxIndexingThreads
        hnsw.onDisk = bool("\(section).on_disk") ?? hnsw.onDisk
        hnsw.payloadM = integer("\(section).payload_m", in: 0...Self.largest)
        hnsw.inlineStorage = bool("\(section).inline_storage")
    }

    private mutating func readOptimizers(into optimizers: inout JSONObject) {
        let section = "storage.optimizers"
        if let value = double("\(section).deleted_threshold", in: 0...1) {
            optimizers["deleted_threshold"] = .double(value)
        }
        let integers: [(String, Int)] = [
            ("vacuum_min_vector_number", 100), ("default_segment_number", 0), ("flush_interval_sec", 0),
            ("max_optimization_threads", 0),
        ]
        for (name, least) in integers {
            if let value = integer("\(section).\(name)", in: least...Self.largest) {
                optimizers[name] = JSONValue(value)
            }
        }
        for (name, least) in [("max_segment_size", 1), ("memmap_threshold", 0), ("indexing_threshold", 0)] {
            if let value = inKilobytes("\(section).\(name)", least: least) { optimizers[name] = JSONValue(value) }
        }
    }

    /// The key with and without the unit in its name.
    private mutating func inKilobytes(_ key: String, least: Int) -> Int? {
        integer("\(key)_kb", in: least...Self.largest) ?? integer(key, in: least...Self.largest)
    }
}
