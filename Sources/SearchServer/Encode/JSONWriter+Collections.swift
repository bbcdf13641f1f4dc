import JSON
import SearchEngine

/// Collections as `GET /collections/{c}` shows them.
extension JSONWriter {
    mutating func write(_ info: CollectionInfo) {
        beginObject()
        key("status")
        write(info.status.rawValue)
        key("optimizer_status")
        if let error = info.optimizerError {
            object { writer in
                writer.key("error")
                writer.write(error)
            }
        } else {
            write("ok")
        }
        key("vectors_count")
        write(info.vectorsCount)
        key("indexed_vectors_count")
        write(info.indexedVectorsCount)
        key("points_count")
        write(info.pointsCount)
        key("segments_count")
        write(info.segmentsCount)
        key("config")
        write(info.configuration)
        key("payload_schema")
        object { writer in
            for (name, field) in info.payloadSchema {
                writer.key(name)
                writer.write(field)
            }
        }
        endObject()
    }

    private mutating func write(_ field: PayloadFieldInfo) {
        beginObject()
        key("data_type")
        write(field.schema.type.rawValue)
        if case .object = field.schema.parameters, let parameters = field.schema.parameters {
            key("params")
            write(parameters)
        }
        key("points")
        write(field.points)
        endObject()
    }

    mutating func write(_ configuration: CollectionConfiguration) {
        beginObject()
        key("params")
        writeParameters(configuration)
        key("hnsw_config")
        write(configuration.hnsw.over(.defaults))
        key("optimizer_config")
        write(optimizers: configuration.optimizers)
        key("wal_config")
        write(configuration.wal)
        key("quantization_config")
        if case .scalar(let scalar) = configuration.quantization { write(scalar) } else { writeNull() }
        if let strictMode = configuration.strictMode {
            key("strict_mode_config")
            write(strictMode)
        }
        if let metadata = configuration.metadata {
            key("metadata")
            write(metadata)
        }
        endObject()
    }

    /// Clients of the 1.7 generation want a number for `max_optimization_threads`; where it is not set, all cores link.
    private mutating func write(optimizers: JSONValue) {
        var shown = optimizers
        if shown["max_optimization_threads"]?.isNull ?? true {
            shown["max_optimization_threads"] = JSONValue(ProcessorCount.available)
        }
        write(shown)
    }

    private mutating func writeParameters(_ configuration: CollectionConfiguration) {
        beginObject()
        key("vectors")
        if configuration.isUnnamed, let parameters = configuration.vectors[""] {
            write(parameters)
        } else {
            object { writer in
                for (name, parameters) in configuration.vectors {
                    writer.key(name)
                    writer.write(parameters)
                }
            }
        }
        key("shard_number")
        write(configuration.shardNumber)
        key("replication_factor")
        write(configuration.replicationFactor)
        key("write_consistency_factor")
        write(configuration.writeConsistencyFactor)
        key("on_disk_payload")
        write(configuration.onDiskPayload)
        endObject()
    }

    private mutating func write(_ parameters: VectorParameters) {
        beginObject()
        key("size")
        write(parameters.size)
        key("distance")
        write(parameters.distance.rawValue)
        if let hnsw = parameters.hnsw {
            key("hnsw_config")
            write(hnsw)
        }
        // As in Qdrant, none has no name here.
        if case .scalar(let scalar) = parameters.quantization {
            key("quantization_config")
            write(scalar)
        }
        if let onDisk = parameters.onDisk {
            key("on_disk")
            write(onDisk)
        }
        if let datatype = parameters.datatype {
            key("datatype")
            write(datatype.rawValue)
        }
        endObject()
    }

    private mutating func write(_ hnsw: HNSWConfiguration) {
        beginObject()
        write("m", hnsw.m)
        write("ef_construct", hnsw.efConstruct)
        write("full_scan_threshold", hnsw.fullScanThreshold)
        write("max_indexing_threads", hnsw.maxIndexingThreads)
        write("on_disk", hnsw.onDisk)
        write("payload_m", hnsw.payloadM)
        write("inline_storage", hnsw.inlineStorage)
        endObject()
    }

    private mutating func write(_ quantization: ScalarQuantizationConfiguration) {
        beginObject()
        key("scalar")
        beginObject()
        key("type")
        write("int8")
        if let quantile = quantization.quantile {
            key("quantile")
            write(quantile)
        }
        write("always_ram", quantization.alwaysRAM)
        endObject()
        endObject()
    }

    private mutating func write(_ name: StaticString, _ value: Int?) {
        guard let value else { return }
        key(name)
        write(value)
    }

    private mutating func write(_ name: StaticString, _ value: Bool?) {
        guard let value else { return }
        key(name)
        write(value)
    }
}
