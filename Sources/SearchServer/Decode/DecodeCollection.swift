import JSON
import OrderedCollections
import SearchEngine
import Services

/// `PUT /collections/{c}`
extension ObjectFields {
    func newCollection() throws -> NewCollection {
        try refuse("init_from")
        if let sparse = try object("sparse_vectors"), !sparse.members.isEmpty {
            throw ServiceError.unsupported("`sparse_vectors`")
        }
        if let method = try string("sharding_method"), method != "auto" {
            guard method == "custom" else { throw unknownVariant("sharding_method", method, ["auto", "custom"]) }
            throw ServiceError.unsupported("`sharding_method` = custom")
        }
        try refuse("payload", "`payload.memory`")
        var collection = NewCollection()
        collection.vectors = try vectors()
        collection.hnsw = try hnsw("hnsw_config")
        collection.quantization = try quantization("quantization_config")
        collection.onDiskPayload = try bool("on_disk_payload")
        collection.shardNumber = try integer("shard_number")
        collection.replicationFactor = try integer("replication_factor")
        collection.writeConsistencyFactor = try integer("write_consistency_factor")
        collection.optimizers = try optimizers("optimizers_config")
        collection.wal = try wal("wal_config")
        collection.strictMode = try strictMode("strict_mode_config")
        collection.metadata = try metadata()
        return collection
    }

    private func vectors() throws -> OrderedDictionary<ByteString, VectorParameters> {
        guard let fields = try object("vectors") else { return [:] }
        // One unnamed vector has a size and a distance; otherwise every member is a named vector.
        if fields["size"]?.token == .number || fields["distance"]?.token == .string {
            return ["": try fields.vectorParameters()]
        }
        var vectors: OrderedDictionary<ByteString, VectorParameters> = [:]
        for (name, value) in fields.members {
            let parameters = try ObjectFields(value, path: fields.field(name.string))
            vectors[name] = try parameters.vectorParameters()
        }
        return vectors
    }

    private func vectorParameters() throws -> VectorParameters {
        try refuse("multivector_config")
        try refuse("memory")
        guard let size = try integer("size") else { throw missing("size") }
        guard let name = try string("distance") else { throw missing("distance") }
        guard let distance = Distance(rawValue: name) else {
            throw unknownVariant("distance", name, Distance.allCases.map(\.rawValue))
        }
        var datatype: VectorDatatype?
        if let name = try string("datatype") {
            if name == "turbo4" { throw ServiceError.unsupported("`datatype` = turbo4") }
            guard let value = VectorDatatype(rawValue: name) else {
                throw unknownVariant("datatype", name, VectorDatatype.allCases.map(\.rawValue))
            }
            datatype = value
        }
        return VectorParameters(
            size: size, distance: distance, datatype: datatype, onDisk: try bool("on_disk"),
            hnsw: try hnsw("hnsw_config"), quantization: try quantization("quantization_config"))
    }

    /// `PUT /collections/{c}/vectors/{v}`: `{"dense": {"size": …, "distance": …}}`
    func newVector(named name: String) throws -> CollectionOperations.NewVector {
        guard self["sparse"] == nil else { throw ServiceError.unsupported("a sparse vector") }
        guard let dense = try object("dense") else { throw missing("dense") }
        return .init(name: name, parameters: try dense.vectorParameters())
    }

    func metadata() throws -> JSONValue? {
        guard let metadata = self["metadata"] else { return nil }
        _ = try ObjectFields(metadata, path: field("metadata"))
        return metadata
    }

    // MARK: Parts that updates have as well

    func hnsw(_ key: String) throws -> HNSWConfiguration? {
        guard let fields = try object(key) else { return nil }
        try fields.refuse("memory")
        return HNSWConfiguration(
            m: try fields.integer("m"), efConstruct: try fields.integer("ef_construct"),
            fullScanThreshold: try fields.integer("full_scan_threshold"),
            maxIndexingThreads: try fields.integer("max_indexing_threads"), onDisk: try fields.bool("on_disk"),
            payloadM: try fields.integer("payload_m"), inlineStorage: try fields.bool("inline_storage"),
            recall: try fields.double("recall"))
    }

    func quantization(_ key: String) throws -> QuantizationConfiguration? {
        guard let fields = try object(key) else { return nil }
        for kind in ["product", "binary", "turbo"] {
            try fields.refuse(kind, "`\(fields.field(kind))` (quantization other than scalar)")
        }
        guard let scalar = try fields.object("scalar") else { throw fields.missing("scalar") }
        guard let type = try scalar.string("type") else { throw scalar.missing("type") }
        guard type == "int8" else { throw scalar.unknownVariant("type", type, ["int8"]) }
        try scalar.refuse("memory")
        return .scalar(
            ScalarQuantizationConfiguration(
                quantile: try scalar.double("quantile").map(Float.init), alwaysRAM: try scalar.bool("always_ram")))
    }

    func optimizers(_ key: String) throws -> JSONObject? { try object(key)?.reported(.optimizers) }

    func wal(_ key: String) throws -> JSONObject? { try object(key)?.reported(.wal) }

    func strictMode(_ key: String) throws -> JSONObject? { try object(key)?.reported(.strictMode) }

    /// The members that the body gives, of the right types.
    private func reported(_ settings: ReportedSettings) throws -> JSONObject {
        var result: JSONObject = settings.keepsOthers ? members : [:]
        for (name, value) in settings.values {
            switch value {
            case .bool: result[name] = try bool(name).map { .bool($0) }
            case .integer: result[name] = try integer(name).map { JSONValue($0) }
            case .number: result[name] = try double(name).map { .double($0) }
            case .integerOrAuto:
                if case .string(let text) = self[name] {
                    guard text == "auto" else { throw unknownVariant(name, text, ["auto"]) }
                    result[name] = .null
                } else {
                    result[name] = try integer(name).map { JSONValue($0) }
                }
            case .object: result[name] = try object(name).map { .object($0.members) }
            case .off:
                // On, it is refused where the settings are checked.
                if let isOn = try bool(name), isOn || settings.keepsOthers { result[name] = .bool(isOn) }
            }
        }
        return result
    }
}
