import JSON
import OrderedCollections
import SearchEngine

/// What a request for a new collection says. What it leaves out comes from the server's defaults.
public struct NewCollection: Sendable {
    public var vectors: OrderedDictionary<ByteString, VectorParameters> = [:]
    public var hnsw: HNSWConfiguration?
    public var quantization: QuantizationConfiguration?
    public var onDiskPayload: Bool?
    public var shardNumber: Int?
    public var replicationFactor: Int?
    public var writeConsistencyFactor: Int?
    public var optimizers: JSONObject?
    public var wal: JSONObject?
    public var strictMode: JSONObject?
    public var metadata: JSONValue?

    public init() {}

    func configuration(_ defaults: CollectionDefaults) throws -> CollectionConfiguration {
        var vectors = vectors
        for name in vectors.keys { vectors[name]!.onDisk = vectors[name]!.onDisk ?? defaults.vectorsOnDisk }
        let configuration = CollectionConfiguration(
            vectors: vectors, hnsw: (hnsw ?? HNSWConfiguration()).over(defaults.hnsw),
            quantization: quantization ?? defaults.quantization, onDiskPayload: onDiskPayload ?? defaults.onDiskPayload,
            shardNumber: shardNumber ?? defaults.shardNumber,
            replicationFactor: replicationFactor ?? defaults.replicationFactor,
            writeConsistencyFactor: writeConsistencyFactor ?? defaults.writeConsistencyFactor,
            optimizers: (optimizers ?? [:]).over(defaults.optimizers), wal: (wal ?? [:]).over(defaults.wal),
            strictMode: strictMode.map { .object($0) }, metadata: metadata)
        try hnsw?.validateRequest("hnsw_config")
        for (name, parameters) in vectors {
            try parameters.hnsw?.validateRequest(name.isEmpty ? "vectors.hnsw_config" : "vectors.\(name).hnsw_config")
        }
        return configuration
    }
}

extension HNSWConfiguration {
    /// The configuration file may say 0, a request may not.
    func validateRequest(_ path: String) throws {
        if let value = fullScanThreshold, value < 10 {
            throw ServiceError.outOfRange("\(path).full_scan_threshold", "value \(value) invalid, must be 10 or larger")
        }
    }
}

extension CollectionUpdate {
    func validateRequest() throws {
        try hnsw?.validateRequest("hnsw_config")
        for (name, change) in vectors { try change.hnsw?.validateRequest("vectors.\(name).hnsw_config") }
    }
}

extension JSONObject {
    /// These members over those of `wider`, as one object in the order of `wider`.
    fileprivate func over(_ wider: JSONObject) -> JSONValue {
        var result = wider
        for (key, value) in self { result[key] = value }
        return .object(result)
    }
}
