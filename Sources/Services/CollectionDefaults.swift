import JSON
import SearchEngine

/// What a new collection takes where its request says nothing: the `storage` section of the configuration.
public struct CollectionDefaults: Sendable {
    /// Without a `full_scan_threshold`: unless one is set, measured costs decide.
    public var hnsw = {
        var defaults = HNSWConfiguration.defaults
        defaults.fullScanThreshold = nil
        return defaults
    }()
    public var quantization: QuantizationConfiguration?
    public var vectorsOnDisk: Bool?
    public var onDiskPayload = true
    public var shardNumber = 1
    public var replicationFactor = 1
    public var writeConsistencyFactor = 1
    /// As collections report them.
    public var optimizers: JSONObject = [
        "deleted_threshold": 0.2, "vacuum_min_vector_number": 1000, "default_segment_number": 0,
        "max_segment_size": nil, "memmap_threshold": nil, "indexing_threshold": 10000, "flush_interval_sec": 5,
        "max_optimization_threads": nil,
    ]
    /// Without `wal_retain_closed`, which clients of the 1.7 generation refuse to read.
    public var wal: JSONObject = ["wal_capacity_mb": 32, "wal_segments_ahead": 0]

    public init() {}
}
