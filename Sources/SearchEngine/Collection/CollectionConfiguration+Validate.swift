import JSON
import OrderedCollections

extension CollectionConfiguration {
    /// Throws `.invalid` or `.outOfRange` for a setting that can't be.
    func validate() throws {
        guard vectors.count <= VectorRegistry.mostVectors else {
            throw EngineError.invalid(
                "A collection can have at most \(VectorRegistry.mostVectors) vectors, not \(vectors.count)")
        }
        for (name, parameters) in vectors { try parameters.validate(name.isEmpty ? "vectors" : "vectors.\(name)") }
        for leaving in registry?.leaving ?? [] { try leaving.parameters.validate("leaving") }
        try hnsw.validate("hnsw_config")
        try quantization?.validate("quantization_config")
        for (name, value) in [
            ("shard_number", shardNumber), ("replication_factor", replicationFactor),
            ("write_consistency_factor", writeConsistencyFactor),
        ] where value < 1 {
            throw EngineError.outOfRange(field: name, "value \(value) invalid, must be 1 or larger")
        }
        try ReportedSettings.optimizers.validate(optimizers, "optimizers_config")
        try ReportedSettings.wal.validate(wal, "wal_config")
        if let strictMode { try ReportedSettings.strictMode.validate(strictMode, "strict_mode_config") }
        if let metadata {
            guard case .object = metadata else { throw EngineError.invalid("metadata must be an object") }
        }
    }

    /// The configuration after a change; throws `.invalid` or `.notFound` for vectors that don't exist.
    func applying(_ update: CollectionUpdate) throws -> CollectionConfiguration {
        var new = self
        for (name, change) in update.vectors {
            guard var parameters = new.vectors[name] else { throw unknownVector(name.string) }
            if let hnsw = change.hnsw { parameters.hnsw = hnsw.over(parameters.hnsw ?? HNSWConfiguration()) }
            if change.clearsRecall { parameters.hnsw?.recall = nil }
            if let quantization = change.quantization { parameters.quantization = quantization }
            if let onDisk = change.onDisk { parameters.onDisk = onDisk }
            new.vectors[name] = parameters
        }
        if let hnsw = update.hnsw { new.hnsw = hnsw.over(new.hnsw) }
        if update.clearsRecall { new.hnsw.recall = nil }
        if let quantization = update.quantization { new.quantization = quantization }
        if let optimizers = update.optimizers { new.optimizers = merged(optimizers, over: new.optimizers) }
        if let strictMode = update.strictMode {
            new.strictMode = merged(strictMode, over: new.strictMode ?? .object([:]))
        }
        if let metadata = update.metadata { new.metadata = merged(metadata, over: new.metadata ?? .object([:])) }
        if let factor = update.replicationFactor { new.replicationFactor = factor }
        if let factor = update.writeConsistencyFactor { new.writeConsistencyFactor = factor }
        if let onDiskPayload = update.onDiskPayload { new.onDiskPayload = onDiskPayload }
        try new.validate()
        return new
    }
}

extension VectorParameters {
    /// Throws `.outOfRange`; `path` is where the vector stands in the request.
    func validate(_ path: String) throws {
        guard 1...65_536 ~= size else {
            throw EngineError.outOfRange(field: "\(path).size", "value \(size) invalid, must be from 1 to 65536")
        }
        try hnsw?.validate("\(path).hnsw_config")
        try quantization?.validate("\(path).quantization_config")
    }
}

private func merged(_ new: JSONValue, over old: JSONValue) -> JSONValue {
    guard case .object(let changes) = new, case .object(var object) = old else { return new }
    for (key, value) in changes { object[key] = value }
    return .object(object)
}

extension HNSWConfiguration {
    fileprivate func validate(_ what: String) throws {
        // Without an upper bound, as in Qdrant: the index takes what it can use of a value.
        if let m, m < 0 {
            throw EngineError.outOfRange(field: "\(what).m", "value \(m) invalid, must not be negative")
        }
        if let efConstruct, efConstruct < 4 {
            throw EngineError.outOfRange(
                field: "\(what).ef_construct", "value \(efConstruct) invalid, must be 4 or larger")
        }
        for (name, value) in [
            ("full_scan_threshold", fullScanThreshold), ("max_indexing_threads", maxIndexingThreads),
            ("payload_m", payloadM),
        ] {
            guard let value, value < 0 else { continue }
            throw EngineError.outOfRange(field: "\(what).\(name)", "value \(value) invalid, must not be negative")
        }
        if let recall { try validateRecall(recall, "\(what).recall") }
    }
}

extension QuantizationConfiguration {
    /// Throws `.outOfRange`; `what` is where it stands in the request.
    package func validate(_ what: String) throws {
        if case .scalar(let scalar) = self, let quantile = scalar.quantile, !(0.5...1 ~= quantile) {
            throw EngineError.outOfRange(
                field: "\(what).scalar.quantile", "value \(quantile) invalid, must be from 0.5 to 1.0")
        }
    }
}
