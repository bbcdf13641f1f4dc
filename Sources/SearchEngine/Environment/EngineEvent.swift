import JSON
import Logging

/// What an engine logs at INFO about changes that somebody asked for, and about long work that it does by itself. All such lines
/// stand here, so that the same thing has the same name in each of them.
///
/// Numbers are values of their own types in the metadata, so that a handler can write them as numbers. Most lines are logged
/// on the writer thread right after the commit: a handler must queue its lines rather than wait for a file.
enum EngineEvent {
    case collectionCreated(String, CollectionConfiguration)
    case collectionDeleted(String, points: Int)
    case vectorCreated(String, collection: String, VectorParameters)
    case vectorDeleted(String, collection: String)
    case alias(AliasOperation)
    case payloadIndexCreated(PayloadPath, collection: String, PayloadFieldSchema)
    case payloadIndexDeleted(PayloadPath, collection: String)
    /// - Parameter isOnFirstUse: a filter needed it that nobody had declared.
    case payloadIndexBuilt(FieldIndexKey, collection: String, points: Int, isOnFirstUse: Bool, Duration)
    /// `collection` is `nil` for a snapshot of the whole storage.
    case snapshotCreated(SnapshotDescription, collection: String?, Duration)
    case snapshotDeleted(String, collection: String?)
    case snapshotRestored(String, points: Int, isReplaced: Bool, Duration)
    case compactionBegun(String, live: Int, slots: Int)
    case compactionEnded(String, live: Int, removed: Int, Duration)

    var message: Logger.Message {
        switch self {
        case .collectionCreated: "Collection created"
        case .collectionDeleted: "Collection deleted"
        case .vectorCreated: "Vector created"
        case .vectorDeleted: "Vector deleted"
        case .alias(.create): "Alias created"
        case .alias(.delete): "Alias deleted"
        case .alias(.rename): "Alias renamed"
        case .payloadIndexCreated: "Payload index created"
        case .payloadIndexDeleted: "Payload index deleted"
        case .payloadIndexBuilt: "Payload index built"
        case .snapshotCreated: "Snapshot created"
        case .snapshotDeleted: "Snapshot deleted"
        case .snapshotRestored: "Snapshot restored"
        case .compactionBegun: "Compacting"
        case .compactionEnded: "Compacted"
        }
    }

    var metadata: Logger.Metadata {
        switch self {
        case .collectionCreated(let name, let configuration):
            ["collection": "\(name)", "vectors": .number(configuration.vectors.count)]
        case .collectionDeleted(let name, let points): ["collection": "\(name)", "points": .number(points)]
        case .vectorCreated(let name, let collection, let parameters):
            ["collection": "\(collection)", "vector": "\(name)", "size": .number(parameters.size)]
        case .vectorDeleted(let name, let collection): ["collection": "\(collection)", "vector": "\(name)"]
        case .alias(.create(let alias, let collection)): ["alias": "\(alias)", "collection": "\(collection)"]
        case .alias(.delete(let alias)): ["alias": "\(alias)"]
        case .alias(.rename(let old, let new)): ["alias": "\(new)", "before": "\(old)"]
        case .payloadIndexCreated(let key, let collection, let schema):
            ["collection": "\(collection)", "key": "\(key.text)", "type": "\(schema.type.rawValue)"]
        case .payloadIndexDeleted(let key, let collection): ["collection": "\(collection)", "key": "\(key.text)"]
        case .payloadIndexBuilt(let key, let collection, let points, let isOnFirstUse, let duration):
            [
                "collection": "\(collection)", "key": "\(key.indexedKey)", "kind": "\(key.kind)",
                "points": .number(points), "on_first_use": .stringConvertible(isOnFirstUse),
                "milliseconds": .milliseconds(duration),
            ]
        case .snapshotCreated(let snapshot, let collection, let duration):
            Self.place(collection, snapshot.name).merging([
                "bytes": .number(snapshot.size), "milliseconds": .milliseconds(duration),
            ]) { $1 }
        case .snapshotDeleted(let name, let collection): Self.place(collection, name)
        case .snapshotRestored(let collection, let points, let isReplaced, let duration):
            [
                "collection": "\(collection)", "points": .number(points), "replaced": .stringConvertible(isReplaced),
                "milliseconds": .milliseconds(duration),
            ]
        case .compactionBegun(let collection, let live, let slots):
            ["collection": "\(collection)", "live": .number(live), "slots": .number(slots)]
        case .compactionEnded(let collection, let live, let removed, let duration):
            [
                "collection": "\(collection)", "live": .number(live), "removed": .number(removed),
                "milliseconds": .milliseconds(duration),
            ]
        }
    }

    private static func place(_ collection: String?, _ snapshot: String) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["snapshot": "\(snapshot)"]
        if let collection { metadata["collection"] = "\(collection)" }
        return metadata
    }
}

extension Logger {
    func tell(_ event: EngineEvent) { info(event.message, metadata: event.metadata) }
}

extension Logger.MetadataValue {
    /// A number that stays one.
    package static func number(_ value: Int) -> Self { .stringConvertible(value) }

    /// Milliseconds with three decimals.
    package static func milliseconds(_ duration: Duration) -> Self {
        .stringConvertible(Double(duration.wholeNanoseconds / 1_000) / 1_000)
    }
}

extension FieldIndexKey {
    /// What the index is for, in a word.
    var kind: String {
        switch self {
        case .keywords: "keyword"
        case .integers: "integer"
        case .bools: "bool"
        case .numbers: "number"
        case .datetimes: "datetime"
        case .geo: "geo"
        case .text: "text"
        case .presence: "presence"
        case .predicate: "nested"
        }
    }
}
