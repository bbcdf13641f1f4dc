import JSON
import OrderedCollections

/// The configuration as the database keeps it: a JSON object, described in docs/FORMAT.md.
extension CollectionConfiguration {
    package var stored: JSONValue {
        var object: JSONObject = [
            "vectors": .array(
                vectors.map { name, parameters in
                    .object(parameters.stored(as: vectorRegistry.entries[name]!, ["name": .string(name.string)]))
                }),
            "nextVector": JSONValue(vectorRegistry.nextID),
            "hnsw": .object(hnsw.stored),
            "onDiskPayload": .bool(onDiskPayload),
            "shardNumber": .integer(Int64(shardNumber)),
            "replicationFactor": .integer(Int64(replicationFactor)),
            "writeConsistencyFactor": .integer(Int64(writeConsistencyFactor)),
            "optimizers": optimizers,
            "wal": wal,
        ]
        if !vectorRegistry.leaving.isEmpty {
            object["leaving"] = .array(
                vectorRegistry.leaving.map { .object($0.parameters.stored(as: $0.entry, [:])) })
        }
        object["quantization"] = quantization.map { .object($0.stored) }
        object["strictMode"] = strictMode
        object["metadata"] = metadata
        return .object(object)
    }

    /// Throws `.storage` or `.invalid` when the object isn't one that `stored` makes.
    package init(stored: JSONValue) throws {
        var vectors: OrderedDictionary<ByteString, VectorParameters> = [:]
        var entries: [ByteString: VectorRegistry.Entry] = [:]
        for (place, vector) in (stored["vectors"]?.arrayValue ?? []).enumerated() {
            guard let name = vector["name"]?.stringValue else {
                throw EngineError.storage("A stored collection configuration can't be read")
            }
            vectors[name] = try VectorParameters(stored: vector)
            entries[ByteString(name)] = try VectorRegistry.Entry(stored: vector, place: place)
        }
        let leaving = try (stored["leaving"]?.arrayValue ?? []).enumerated().map { place, vector in
            VectorRegistry.Leaving(
                entry: try VectorRegistry.Entry(stored: vector, place: place),
                parameters: try VectorParameters(stored: vector))
        }
        self.init(
            vectors: vectors, hnsw: stored["hnsw"].map(HNSWConfiguration.init(stored:)) ?? HNSWConfiguration(),
            quantization: stored["quantization"].map(QuantizationConfiguration.init(stored:)),
            onDiskPayload: stored["onDiskPayload"]?.boolValue ?? true,
            shardNumber: stored.int("shardNumber") ?? 1, replicationFactor: stored.int("replicationFactor") ?? 1,
            writeConsistencyFactor: stored.int("writeConsistencyFactor") ?? 1,
            optimizers: stored["optimizers"] ?? .object([:]), wal: stored["wal"] ?? .object([:]),
            strictMode: stored["strictMode"], metadata: stored["metadata"])
        registry = try VectorRegistry(
            entries: entries, leaving: leaving, nextID: stored.integer("nextVector", or: entries.count))
    }
}

extension VectorRegistry.Entry {
    /// Before vectors had ids, their places stood for them.
    fileprivate init(stored: JSONValue, place: Int) throws {
        self.init(
            id: VectorID(try stored.integer("id", or: place)), bit: try stored.integer("bit", or: place))
    }
}

extension JSONValue {
    /// A member that may be missing, but must not be anything else than an integer.
    fileprivate func integer(_ key: String, or missing: Int) throws -> Int {
        guard let value = self[key] else { return missing }
        guard let integer = int(key) else {
            throw EngineError.invalid("`\(key)` of its vectors must be an integer, not \(value)")
        }
        return integer
    }
}

extension VectorParameters {
    fileprivate init(stored: JSONValue) throws {
        guard let size = stored.int("size"), let distance = stored["distance"]?.stringValue.flatMap(Distance.init)
        else { throw EngineError.storage("A stored collection configuration can't be read") }
        let datatype = stored["datatype"]?.stringValue.flatMap(VectorDatatype.init)
        guard datatype != nil || stored["datatype"] == nil else {
            throw EngineError.storage("A stored vector has an unknown datatype")
        }
        self.init(
            size: size, distance: distance, datatype: datatype, onDisk: stored["onDisk"]?.boolValue,
            hnsw: stored["hnsw"].map(HNSWConfiguration.init(stored:)),
            quantization: stored["quantization"].map(QuantizationConfiguration.init(stored:)))
    }

    fileprivate func stored(as entry: VectorRegistry.Entry, _ other: JSONObject) -> JSONObject {
        var object = stored
        object["id"] = JSONValue(entry.id.number)
        object["bit"] = JSONValue(entry.bit)
        for (key, value) in other { object[key] = value }
        return object
    }

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

extension QuantizationConfiguration {
    fileprivate var stored: JSONObject {
        switch self {
        case .disabled: ["disabled": true]
        case .scalar(let scalar): scalar.stored
        }
    }

    fileprivate init(stored: JSONValue) {
        self = stored["disabled"]?.boolValue == true ? .disabled : .scalar(.init(stored: stored))
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
