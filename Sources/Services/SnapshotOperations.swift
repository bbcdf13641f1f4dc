import SearchEngine

/// Snapshots of a collection and of the whole storage.
public enum SnapshotOperations {
    /// A snapshot by its name.
    public struct Named: Sendable {
        /// `nil` for a snapshot of the storage.
        public var collection: String?
        public var name: String

        public init(_ collection: String?, _ name: String) {
            self.collection = collection
            self.name = name
        }
    }

    /// An archive on this machine that a collection is to be restored from.
    public struct Restore: Sendable {
        public var collection: String
        public var file: String
        /// SHA-256 in hexadecimal, in either case; checked if there is one.
        public var checksum: String?

        public init(_ collection: String, file: String, checksum: String?) {
            self.collection = collection
            self.file = file
            self.checksum = checksum
        }
    }

    /// Those of a collection, or for `nil` those of the storage.
    public static let list = Operation<String?, [SnapshotDescription]>(.read) { services, _, collection in
        try collection.map { try services.engine.snapshots(of: $0) } ?? services.engine.storageSnapshots()
    }

    public static let create = Operation<String?, SnapshotDescription>(.administer) { services, _, collection in
        try collection.map { try services.engine.createSnapshot($0) } ?? services.engine.createStorageSnapshot()
    }

    /// The snapshot's file.
    public static let path = Operation<Named, String>(.read) { services, _, snapshot in
        try snapshot.collection.map { try services.engine.snapshotPath($0, name: snapshot.name) }
            ?? services.engine.storageSnapshotPath(name: snapshot.name)
    }

    public static let delete = Operation<Named, Void>(.administer) { services, _, snapshot in
        guard let collection = snapshot.collection else {
            return try services.engine.deleteStorageSnapshot(name: snapshot.name)
        }
        try services.engine.deleteSnapshot(collection, name: snapshot.name)
    }

    public static let restore = Operation<Restore, Void>(.administer) { services, _, request in
        try services.engine.recoverSnapshot(
            request.collection, file: request.file, checksum: request.checksum?.lowercased())
    }
}
