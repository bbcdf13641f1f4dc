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
    /// The collection's version when the point was last written.
    public var version: UInt64
    /// As the API shows it: similarity for cosine and dot, distance for Euclid and Manhattan. `nil` where nothing was scored.
    public var score: Float?
    /// The value that it was ordered by.
    public var orderValue: OrderValue?
    /// `nil` when not asked for.
    public var payload: Payload?
    /// `nil` when not asked for. As stored: normalised for cosine, rounded to the datatype.
    public var vectors: NamedVectors?
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
