import JSON

/// A point's payload: the UTF-8 bytes of a JSON object, already validated.
///
/// It is kept as text, because most payloads are only stored and handed back.
public struct Payload: Sendable, Hashable {
    public let json: [UInt8]

    /// `json` must be one valid JSON object; the caller has parsed it.
    public init(validated json: [UInt8]) { self.json = json }

    public init(_ value: JSONValue) { json = value.serialized() }

    public static let empty = Payload(validated: Array("{}".utf8))

    public var isEmpty: Bool { json.count == 2 }

    /// Parses the text. Complexity: O(bytes).
    ///
    /// A text that is no JSON, which only a damaged disk can give, reads as an empty object; whoever writes a changed
    /// payload back uses `parsed()`.
    public var value: JSONValue { (try? JSONValue(parsing: json)) ?? .object([:]) }

    /// Parses the text; throws `.storage` when it is damaged.
    public func parsed() throws -> JSONValue {
        do { return try JSONValue(parsing: json) } catch {
            throw EngineError.storage("A stored payload is damaged: \(error)")
        }
    }
}

/// The vectors of one point by name; "" is the unnamed one. As sent, before normalisation.
public typealias NamedVectors = [ByteString: [Float]]

/// A point to be written.
public struct PointStruct: Sendable {
    public var id: PointID
    public var vectors: NamedVectors
    public var payload: Payload
    public init(id: PointID, vectors: NamedVectors, payload: Payload = .empty) {
        self.id = id
        self.vectors = vectors
        self.payload = payload
    }
}

/// Points named by id or by filter.
public enum PointSelection: Sendable {
    case ids([PointID])
    case filter(Filter)
}

/// One change to a collection's points. A list of them is applied in order.
public enum UpdateOperation: Sendable {
    /// How an upsert treats a point that exists (`mode`) or does not.
    public enum UpsertMode: Sendable { case upsert, insertOnly, updateOnly }

    /// Inserts or replaces whole points. With `condition`, an existing point is replaced only if it matches.
    case upsert([PointStruct], mode: UpsertMode = .upsert, condition: Filter? = nil)
    case delete(PointSelection)
    /// Replaces the named vectors and keeps the others and the payload. A missing point is an error (404).
    case updateVectors([(id: PointID, vectors: NamedVectors)], condition: Filter? = nil)
    case deleteVectors(PointSelection, names: [String])
    /// Merges the top-level keys (or those below `key`) into the payload.
    case setPayload(PointSelection, payload: JSONValue, key: PayloadPath?)
    case overwritePayload(PointSelection, payload: JSONValue, key: PayloadPath?)
    case deletePayload(PointSelection, keys: [PayloadPath])
    case clearPayload(PointSelection)
}

/// What a durable change answers: the collection's version after it.
public struct UpdateResult: Sendable, Equatable {
    public enum Status: Sendable {
        case completed
        /// The time to wait was over first; the change is made, or refused, later.
        case waitTimeout
    }
    /// `nil` when the time was over before the change had its turn.
    public var operationID: UInt64?
    public var status = Status.completed

    public init(operationID: UInt64) { self.operationID = operationID }

    public static let waitTimeout = {
        var result = UpdateResult(operationID: 0)
        result.operationID = nil
        result.status = .waitTimeout
        return result
    }()
}

/// Which parts of the payload to return.
public enum PayloadSelector: Sendable, Hashable {
    case none
    case all
    case include([PayloadPath])
    case exclude([PayloadPath])
}

/// Which vectors to return.
public enum VectorSelector: Sendable, Hashable {
    case none
    case all
    case names([String])
}

/// A stored point as it is read back.
public struct Record: Sendable {
    public var id: PointID
    /// `nil` when not asked for.
    public var payload: Payload?
    /// `nil` when not asked for. As stored: normalised for cosine, rounded to the datatype.
    public var vectors: NamedVectors?
    /// The value by which an ordered scroll was sorted.
    public var orderValue: OrderValue?
}

public enum OrderValue: Sendable, Hashable {
    case integer(Int64)
    case float(Double)
}

public struct ScoredPoint: Sendable {
    public var id: PointID
    public var version: UInt64
    /// As the API shows it: similarity for cosine and dot, distance for Euclid and Manhattan.
    public var score: Float
    public var payload: Payload?
    public var vectors: NamedVectors?
}

/// Where a query vector comes from.
public enum QueryVector: Sendable {
    case vector([Float])
    /// The stored vector of a point, which is itself left out of the results.
    case id(PointID)
}

/// Another collection (and vector name) in which the ids of a query are looked up.
public struct LookupLocation: Sendable {
    public var collection: String
    public var vector: String?
    public init(collection: String, vector: String? = nil) {
        self.collection = collection
        self.vector = vector
    }
}

public struct SearchParameters: Sendable, Hashable {
    /// Size of the candidate pool; `nil` takes the default.
    public var hnswEf: Int?
    /// The recall to aim at, over 0 and at most 1; it goes with neither `hnswEf` nor `exact`. `nil` takes the vector's or
    /// the collection's target, if there is one.
    public var recall: Double?
    public var exact: Bool = false
    /// Skips points that are not linked yet.
    public var indexedOnly: Bool = false
    /// Searches with the stored vectors in place of the codes.
    public var ignoreQuantization: Bool = false
    /// `nil`: rescoring is on.
    public var rescore: Bool?
    /// Candidates rescored, as a multiple of the limit; at least 1.
    public var oversampling: Double?
    public init() {}
}

/// A nearest-neighbour search.
public struct SearchRequest: Sendable {
    public var query: QueryVector
    /// Vector name; `nil` is the unnamed one.
    public var using: String?
    public var filter: Filter?
    public var parameters = SearchParameters()
    public var limit: Int
    public var offset: Int = 0
    public var scoreThreshold: Float?
    public var payload: PayloadSelector = .none
    public var vectors: VectorSelector = .none
    public var lookupFrom: LookupLocation?
    /// Whether the result tells how it was found.
    public var explain = false
    public init(query: QueryVector, using: String? = nil, filter: Filter? = nil, limit: Int = 10) {
        self.query = query
        self.using = using
        self.filter = filter
        self.limit = limit
    }
}

/// What a search found.
public struct SearchResult: Sendable {
    /// Best first.
    public var points: [ScoredPoint]
    /// `nil` unless asked for.
    public var explanation: Explanation?
}

public struct OrderBy: Sendable {
    public enum Direction: String, Sendable { case ascending = "asc", descending = "desc" }
    public var key: PayloadPath
    public var direction: Direction = .ascending
    /// A number, or microseconds of a datetime.
    public var startFrom: OrderValue?
    public init(key: PayloadPath, direction: Direction = .ascending, startFrom: OrderValue? = nil) {
        self.key = key
        self.direction = direction
        self.startFrom = startFrom
    }
}

public struct ScrollRequest: Sendable {
    /// The first id to return (inclusive).
    public var offset: PointID?
    /// Points in front of the page that are left out; nothing of them is read.
    public var skipped = 0
    public var limit: Int = 10
    public var filter: Filter?
    public var orderBy: OrderBy?
    public var payload: PayloadSelector = .all
    public var vectors: VectorSelector = .none
    /// Whether the page tells how it was found.
    public var explain = false
    public init() {}
}

public struct ScrollPage: Sendable {
    public var points: [Record]
    /// Where the next page begins; `nil` at the end, and for an ordered scroll.
    public var nextOffset: PointID?
    /// `nil` unless asked for.
    public var explanation: Explanation?
}

public enum AliasOperation: Sendable {
    case create(alias: String, collection: String)
    case delete(alias: String)
    case rename(from: String, to: String)
}

public struct AliasDescription: Sendable, Equatable {
    public var alias: String
    public var collection: String
}

public struct SnapshotDescription: Sendable {
    public var name: String
    /// `2026-05-01T12:00:00`, or `nil`.
    public var creationTime: String?
    public var size: Int
    /// SHA-256 in lowercase hex.
    public var checksum: String?
}
