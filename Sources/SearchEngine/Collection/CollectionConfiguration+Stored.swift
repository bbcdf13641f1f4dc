import JSON
import OrderedCollections

/// The configuration as the database keeps it: a JSON object, described in docs/FORMAT.md.
extension CollectionConfiguration {
    package var stored: JSONValue {
        var object: JSONObject = [
            "vectors": .array(
                vectors.map { name, parameters in
                    var vector = parameters.stored
                    vector["name"] = .string(name.string)
                    return .object(vector)
                }),
            "hnsw": .object(hnsw.stored),
            "onDiskPayload": .bool(onDiskPayload),
            "shardNumber": .integer(Int64(shardNumber)),
            "replicationFactor": .integer(Int64(replicationFactor)),
            "writeConsistencyFactor": .integer(Int64(writeConsistencyFactor)),
            "optimizers": optimizers,
            "wal": wal,
        ]
        object["quantization"] = quantization.map { .object($0.stored) }
        object["strictMode"] = strictMode
        object["metadata"] = metadata
        return .object(object)
    }

    /// Throws `.storage` when the object isn't one that `stored` makes.
    package init(stored: JSONValue) throws {
        var vectors: OrderedDictionary<ByteString, VectorParameters> = [:]
        for vector in stored["vectors"]?.arrayValue ?? [] {
            guard let name = vector["name"]?.stringValue, let size = vector["size"]?.integerValue,
                let distance = vector["distance"]?.stringValue.flatMap(Distance.init)
            else { throw EngineError.storage("A stored collection configuration can't be read") }
            let datatype = vector["datatype"]?.stringValue.flatMap(VectorDatatype.init)
            guard datatype != nil || vector["datatype"] == nil else {
                throw EngineError.storage("A stored vector has an unknown datatype")
            }
            vectors[name] = VectorParameters(
                size: Int(size), distance: distance, datatype: datatype,
                onDisk: vector["onDisk"]?.boolValue, hnsw: vector["hnsw"].map(HNSWConfiguration.init(stored:)),
                quantization: vector["quantization"].map(ScalarQuantizationConfiguration.init(stored:)))
        }
        self.init(
            vectors: vectors, hnsw: stored["hnsw"].map(HNSWConfiguration.init(stored:)) ?? HNSWConfiguration(),
            quantization: stored["quantization"].map(ScalarQuantizationConfiguration.init(stored:)),
            onDiskPayload: stored["onDiskPayload"]?.boolValue ?? true,
            shardNumber: stored.int("shardNumber") ?? 1, replicationFactor: stored.int("replicationFactor") ?? 1,
            writeConsistencyFactor: stored.int("writeConsistencyFactor") ?? 1,
            optimizers: stored["optimizers"] ?? .object([:]), wal: stored["wal"] ?? .object([:]),
            strictMode: stored["strictMode"], metadata: stored["metadata"])
    }
}

extension VectorParameters {
    fileprivate var stored: JSONObject {
        var object: JSONObject = ["size": .integer(Int64(size)), "distance": .string(distance.rawValue)]
        object["datatype"] = datatype.map { .string($0.rawValue) }
        object["onDisk"] = onDisk.map { .bool($0) }
        object["hnsw"] = hnsw.map { .object($0.stored) }
        object["quantization"] = quantization.map { .object($0.stored) }
        return object
    }
}

extension HNSWConfiguration {
    fileprivate var stored: JSONObject {
        var object: JSONObject = [:]
        object["m"] = m.map { .integer(Int64($0)) }
        object["efConstruct"] = efConstruct.map { .integer(Int64($0)) }
        object["fullScanThreshold"] = fullScanThreshold.map { .integer(Int64($0)) }
        object["maxIndexingThreads"] = maxIndexingThreads.map { .integer(Int64($0)) }
        object["onDisk"] = onDisk.map { .bool($0) }
        object["payloadM"] = payloadM.map { .integer(Int64($0)) }
        object["inlineStorage"] = inlineStorage.map { .bool($0) }
        object["recall"] = recall.map { .double($0) }
        return object
    }

    fileprivate init(stored: JSONValue) {
        self.init(
            m: stored.int("m"), efConstruct: stored.int("efConstruct"),
            fullScanThreshold: stored.int("fullScanThreshold"), maxIndexingThreads: stored.int("maxIndexingThreads"),
            onDisk: stored["onDisk"]?.boolValue, payloadM: stored.int("payloadM"),
            inlineStorage: stored["inlineStorage"]?.boolValue, recall: stored["recall"]?.doubleValue)
    }
}

extension ScalarQuantizationConfiguration {
    fileprivate var stored: JSONObject {
        var object: JSONObject = [:]
        object["quantile"] = quantile.map { .double(Double($0)) }
        object["alwaysRAM"] = alwaysRAM.map { .bool($0) }
        return object
    }

    fileprivate init(stored: JSONValue) {
        self.init(
            quantile: stored["quantile"]?.doubleValue.map(Float.init), alwaysRAM: stored["alwaysRAM"]?.boolValue)
    }
}

extension PayloadFieldSchema {
    package var stored: JSONValue {
        var object: JSONObject = [
            "type": .string(type.rawValue), "lookup": .bool(lookup), "range": .bool(range),
            "tokenizer": .string(tokenizer.rawValue), "lowercase": .bool(lowercase),
            "phraseMatching": .bool(phraseMatching),
        ]
        object["minTokenLength"] = minTokenLength.map { .integer(Int64($0)) }
        object["maxTokenLength"] = maxTokenLength.map { .integer(Int64($0)) }
        object["parameters"] = parameters
        return .object(object)
    }

    package init(stored: JSONValue) throws {
        guard let type = stored["type"]?.stringValue.flatMap(PayloadFieldType.init) else {
            throw EngineError.storage("A stored payload index can't be read")
        }
        self.init(type: type)
        lookup = stored["lookup"]?.boolValue ?? true
        range = stored["range"]?.boolValue ?? true
        tokenizer = stored["tokenizer"]?.stringValue.flatMap(Tokenizer.init) ?? .word
        guard lookup || range, (stored.int("minTokenLength") ?? 0) >= 0,
            (stored.int("maxTokenLength") ?? .max) >= (stored.int("minTokenLength") ?? 0)
        else { throw EngineError.storage("A stored payload index has values that can't be") }
        lowercase = stored["lowercase"]?.boolValue ?? true
        phraseMatching = stored["phraseMatching"]?.boolValue ?? false
        minTokenLength = stored.int("minTokenLength")
        maxTokenLength = stored.int("maxTokenLength")
        parameters = stored["parameters"]
    }
}

extension JSONValue {
    fileprivate func int(_ key: String) -> Int? { self[key]?.integerValue.map(Int.init) }
}
