import JSON
import SearchEngine
import Services

/// `PATCH /collections/{c}`
extension ObjectFields {
    func collectionUpdate() throws -> CollectionUpdate {
        var update = CollectionUpdate()
        if let vectors = try object("vectors") {
            for (name, value) in vectors.members {
                let fields = try ObjectFields(value, path: vectors.field(name.string))
                try fields.refuse("memory")
                for key in ["size", "distance", "datatype", "multivector_config"] where fields[key] != nil {
                    throw ServiceError.outOfRange(
                        fields.field(key), "can't be changed: make another vector, or another collection")
                }
                var change = CollectionUpdate.VectorUpdate(
                    hnsw: try fields.hnsw("hnsw_config"),
                    quantization: try fields.quantizationUpdate("quantization_config"),
                    onDisk: try fields.bool("on_disk"))
                change.clearsRecall = try fields.clearsRecall()
                update.vectors[name] = change
            }
        }
        if let sparse = try object("sparse_vectors"), !sparse.members.isEmpty {
            throw ServiceError.unsupported("`sparse_vectors`")
        }
        update.hnsw = try hnsw("hnsw_config")
        update.clearsRecall = try clearsRecall()
        update.quantization = try quantizationUpdate("quantization_config")
        // Clients of older versions write `optimizer_config`.
        update.optimizers =
            (try optimizers("optimizers_config") ?? optimizers("optimizer_config")).map { .object($0) }
        update.strictMode = try strictMode("strict_mode_config").map { .object($0) }
        update.metadata = try metadata()
        if let parameters = try object("params") {
            for key in ["read_fan_out_factor", "read_fan_out_delay_ms"] { try parameters.refuse(key) }
            try parameters.refuse("payload", "`params.payload.memory`")
            update.replicationFactor = try parameters.integer("replication_factor")
            update.writeConsistencyFactor = try parameters.integer("write_consistency_factor")
            update.onDiskPayload = try parameters.bool("on_disk_payload")
        }
        return update
    }

    /// Elsewhere null leaves a setting as it is. A target of recall has no default that could be set in its place.
    private func clearsRecall() throws -> Bool { try object("hnsw_config")?.isNull("recall") ?? false }

    /// What to change to, or the word that switches codes off.
    private func quantizationUpdate(_ key: String) throws -> QuantizationConfiguration? {
        guard case .string(let text) = self[key] else { return try quantization(key) }
        guard text == "Disabled" else { throw unknownVariant(key, text, ["Disabled"]) }
        return .disabled
    }
}
