import JSON
import OrderedCollections

/// How two vectors are compared.
public enum Distance: String, Sendable, Hashable, CaseIterable {
    case cosine = "Cosine"
    case dot = "Dot"
    case euclid = "Euclid"
    case manhattan = "Manhattan"
}

/// The element type in which a vector's rows are stored.
public enum VectorDatatype: String, Sendable, Hashable, CaseIterable {
    case float32
    case float16
    case uint8
}

/// Graph parameters; `nil` means the value of the next wider scope (vector → collection → default).
public struct HNSWConfiguration: Sendable, Hashable {
    /// Links a node on the upper levels; twice as many on level 0. 0 means no graph.
    public var m: Int?
    public var efConstruct: Int?
    /// In kilobytes of vectors: so many that match, or fewer, are scanned and not looked for in the graph. Unless it is
    /// set, measured costs decide; `defaults` has what is reported then.
    public var fullScanThreshold: Int?
    /// Threads that link the vectors in the background at once; 0 is as many as there are.
    public var maxIndexingThreads: Int?
    public var onDisk: Bool?
    public var payloadM: Int?
    public var inlineStorage: Bool?
    /// The recall that searches aim at which ask for neither a width nor a recall: over 0, at most 1.
    public var recall: Double?

    public init(
        m: Int? = nil, efConstruct: Int? = nil, fullScanThreshold: Int? = nil, maxIndexingThreads: Int? = nil,
        onDisk: Bool? = nil, payloadM: Int? = nil, inlineStorage: Bool? = nil, recall: Double? = nil
    ) {
        self.m = m
        self.efConstruct = efConstruct
        self.fullScanThreshold = fullScanThreshold
        self.maxIndexingThreads = maxIndexingThreads
        self.onDisk = onDisk
        self.payloadM = payloadM
        self.inlineStorage = inlineStorage
        self.recall = recall
    }

    public static let defaults = HNSWConfiguration(
        m: 16, efConstruct: 100, fullScanThreshold: 10_000, maxIndexingThreads: 0, onDisk: false)

    /// The fields of `self`, and those of `wider` where `self` has none.
    public func over(_ wider: HNSWConfiguration) -> HNSWConfiguration {
        HNSWConfiguration(
            m: m ?? wider.m, efConstruct: efConstruct ?? wider.efConstruct,
            fullScanThreshold: fullScanThreshold ?? wider.fullScanThreshold,
            maxIndexingThreads: maxIndexingThreads ?? wider.maxIndexingThreads, onDisk: onDisk ?? wider.onDisk,
            payloadM: payloadM ?? wider.payloadM, inlineStorage: inlineStorage ?? wider.inlineStorage,
            recall: recall ?? wider.recall)
    }
}

/// What codes a vector's index keeps beside the stored vectors. Where neither the vector nor its collection says anything, it
/// keeps int8 codes as well, and shows scores of stored vectors alone.
public enum QuantizationConfiguration: Sendable, Hashable {
    /// No codes: the index goes by stored vectors.
    case disabled
    case scalar(ScalarQuantizationConfiguration)
}

/// Scalar quantization to int8.
public struct ScalarQuantizationConfiguration: Sendable, Hashable {
    /// Share of the values that the code range covers, 0.5…1.
    public var quantile: Float?
    public var alwaysRAM: Bool?

    public init(quantile: Float? = nil, alwaysRAM: Bool? = nil) {
        self.quantile = quantile
        self.alwaysRAM = alwaysRAM
    }
}

/// One vector of a collection: its size and how it is compared, stored and indexed.
public struct VectorParameters: Sendable, Hashable {
    /// Dimensions, 1…65,536.
    public var size: Int
    public var distance: Distance
    public var datatype: VectorDatatype?
    public var onDisk: Bool?
    public var hnsw: HNSWConfiguration?
    public var quantization: QuantizationConfiguration?

    public init(
        size: Int, distance: Distance, datatype: VectorDatatype? = nil, onDisk: Bool? = nil,
        hnsw: HNSWConfiguration? = nil, quantization: QuantizationConfiguration? = nil
    ) {
        self.size = size
        self.distance = distance
        self.datatype = datatype
        self.onDisk = onDisk
        self.hnsw = hnsw
        self.quantization = quantization
    }
}

/// Everything a collection was created with, as it is reported back.
public struct CollectionConfiguration: Sendable, Hashable {
    /// The unnamed vector is kept under the name "" (and then is the only one).
    public var vectors: OrderedDictionary<ByteString, VectorParameters>
    /// What was set; `over(.defaults)` is what holds.
    public var hnsw: HNSWConfiguration
    public var quantization: QuantizationConfiguration?
    public var onDiskPayload: Bool
    public var shardNumber: Int
    public var replicationFactor: Int
    public var writeConsistencyFactor: Int
    /// `optimizer_config`, as given over the defaults; validated by the server, reported back as it is.
    public var optimizers: JSONValue
    public var wal: JSONValue
    /// `strict_mode_config` and `metadata`, or `nil`.
    public var strictMode: JSONValue?
    public var metadata: JSONValue?
    /// Which vectors there are and were; `nil` in what a caller asks for and is told.
    package var registry: VectorRegistry?

    public init(
        vectors: OrderedDictionary<ByteString, VectorParameters>, hnsw: HNSWConfiguration = HNSWConfiguration(),
        quantization: QuantizationConfiguration? = nil, onDiskPayload: Bool = true, shardNumber: Int = 1,
        replicationFactor: Int = 1, writeConsistencyFactor: Int = 1, optimizers: JSONValue = .object([:]),
        wal: JSONValue = .object([:]), strictMode: JSONValue? = nil, metadata: JSONValue? = nil
    ) {
        self.vectors = vectors
        self.hnsw = hnsw
        self.quantization = quantization
        self.onDiskPayload = onDiskPayload
        self.shardNumber = shardNumber
        self.replicationFactor = replicationFactor
        self.writeConsistencyFactor = writeConsistencyFactor
        self.optimizers = optimizers
        self.wal = wal
        self.strictMode = strictMode
        self.metadata = metadata
    }

    /// The registry, or that of a new collection.
    package var vectorRegistry: VectorRegistry { registry ?? VectorRegistry(vectors.keys) }

    /// Whether the collection has the one unnamed vector.
    public var isUnnamed: Bool { vectors.count == 1 && vectors[""] != nil }
}

/// A change to a collection's configuration; `nil` leaves a field as it is.
public struct CollectionUpdate: Sendable {
    public struct VectorUpdate: Sendable {
        public var hnsw: HNSWConfiguration?
        /// Takes the vector's recall target away.
        public var clearsRecall = false
        public var quantization: QuantizationConfiguration?
        public var onDisk: Bool?
        public init(
            hnsw: HNSWConfiguration? = nil, quantization: QuantizationConfiguration? = nil, onDisk: Bool? = nil
        ) {
            self.hnsw = hnsw
            self.quantization = quantization
            self.onDisk = onDisk
        }
    }
    public var vectors: [ByteString: VectorUpdate] = [:]
    public var hnsw: HNSWConfiguration?
    /// Takes the collection's recall target away.
    public var clearsRecall = false
    public var quantization: QuantizationConfiguration?
    /// Merged over the stored object, key by key.
    public var optimizers: JSONValue?
    public var strictMode: JSONValue?
    public var metadata: JSONValue?
    public var replicationFactor: Int?
    public var writeConsistencyFactor: Int?
    public var onDiskPayload: Bool?
    public init() {}
}

/// `green`: every vector is in its graph. `yellow`: linking or compaction is under way.
/// `grey`: vectors that can't be indexed make searches slow. `red`: the last background work failed; the error says why.
public enum CollectionStatus: String, Sendable {
    case green, yellow, grey, red
}

/// A collection as `GET /collections/{name}` shows it.
public struct CollectionInfo: Sendable {
    public var status: CollectionStatus
    /// `nil` when the last background work went well.
    public var optimizerError: String?
    /// Stored vectors that each search scans, as there is no memory to index them.
    public var unindexableVectorsCount: Int
    /// Stored vectors, all names together.
    public var vectorsCount: Int
    /// Live vectors that are linked in a graph, all names together.
    public var indexedVectorsCount: Int
    public var pointsCount: Int
    /// Graphs' segments; one per collection here.
    public var segmentsCount: Int
    public var configuration: CollectionConfiguration
    public var payloadSchema: OrderedDictionary<ByteString, PayloadFieldInfo>
}

public struct PayloadFieldInfo: Sendable {
    public var schema: PayloadFieldSchema
    /// Points that have an indexable value under the key.
    public var points: Int
}
