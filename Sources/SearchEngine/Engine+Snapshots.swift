import Foundation
import GRDB

extension Engine {
    /// Shown in snapshot names where Qdrant shows its peer.
    private static let peer = 0

    /// Writes the collection's present state to an archive while reads and writes go on. Blocks.
    public func createSnapshot(_ collection: String) throws -> SnapshotDescription {
        try withCollection(collection, createSnapshot)
    }

    private func createSnapshot(_ collection: PointCollection) throws -> SnapshotDescription {
        let start = environment.time.now
        let keeper = keeper(of: collection.name)
        let snapshot = try folder(collection.name).create(
            prefix: "\(fileName(collection.name))-\(Self.peer)", temporary: layout.temporary
        ) { tar in
            try frozen { _ in
                guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
                return FrozenCollection(collection)
            } body: { frozen, db in
                try withGraphFiles(of: frozen) { try frozen.write(to: tar, db, graphFiles: $0, keeper: keeper) }
            }
        }
        logger.tell(.snapshotCreated(snapshot, collection: collection.name, environment.time.now - start))
        return snapshot
    }

    /// Calls `body` with files of the collection's graphs, which are gone afterwards: an archive wants to know the size of an
    /// entry before its bytes. With none where they can't be written, for want of space above all: who restores the snapshot
    /// links its points then.
    func withGraphFiles(of frozen: FrozenCollection, _ body: ([(id: VectorID, file: any File)]) throws -> Void) throws {
        guard !frozen.graphs.isEmpty else { return try body([]) }
        var files: [(id: VectorID, file: any File)] = []
        defer { for (_, file) in files { try? fileSystem.remove(file.path) } }
        do {
            // Here and in the archive.
            let bytes = 2 * frozen.graphs.reduce(0) { $0 + $1.image.mostBytes }
            try fileSystem.requireFree(bytes + DiskReserve.mostBytes, at: layout.temporary)
            for (id, image) in frozen.graphs {
                let file = try fileSystem.open("\(layout.temporary)/\(environment.uniqueName()).graph", create: true)
                files.append((id, file))
                try image.write(to: FileBytes(file: file))
            }
        } catch {
            logger.warning(
                "A snapshot has no graphs; whoever restores it links the points anew",
                metadata: ["collection": "\(frozen.name)", "why": "\(error)"])
            return try body([])
        }
        try body(files)
    }

    public func snapshots(of collection: String) throws -> [SnapshotDescription] {
        try folder(self.collection(collection).name).list()
    }

    public func deleteSnapshot(_ collection: String, name: String) throws {
        let collection = try self.collection(collection).name
        try folder(collection).delete(name)
        logger.tell(.snapshotDeleted(name, collection: collection))
    }

    public func snapshotPath(_ collection: String, name: String) throws -> String {
        try folder(self.collection(collection).name).existing(name)
    }

    /// Verifies the archive, restores it into a fresh place, and swaps it in under the name in one transaction; makes
    /// the collection if it isn't there. A failure leaves everything as it was.
    ///
    /// Rows that the archive carries are restored with the points where the collection has a keeper, or may get one. A collection
    /// with a keeper takes no archive without rows.
    public func recoverSnapshot(_ collection: String, file path: String, checksum: String?) throws {
        let name = catalog.withLock { $0.resolve(collection)?.name } ?? collection
        try Self.validate(name: name, what: "Collection")
        guard fileSystem.exists(path) else { throw EngineError.notFound("Snapshot file \(path) doesn't exist") }
        if let checksum { try Self.requireChecksum(checksum, of: fileSystem.open(path, create: false)) }
        let start = environment.time.now
        let restore = try CollectionRestore(self, file: path)
        let isReplaced = try restore.restore(as: name)
        logger.tell(
            .snapshotRestored(
                name, points: restore.pointCount, isReplaced: isReplaced, environment.time.now - start))
    }

    static func requireChecksum(_ checksum: String, of file: any File) throws {
        let actual = try sha256(of: file)
        guard actual == checksum.lowercased() else {
            throw EngineError.invalid("Snapshot checksum mismatch: expected \(checksum), the file has \(actual)")
        }
    }

    private func folder(_ collection: String) -> SnapshotFolder {
        SnapshotFolder(path: "\(configuration.snapshotsPath)/\(fileName(collection))", environment: environment)
    }

    /// Captures memory and opens a database snapshot at the same commit, then lets writers go on.
    func frozen<State>(_ capture: (Engine) throws -> State, body: (State, GRDB.Database) throws -> Void) throws {
        queue.publication.lock()
        var locked = true
        defer { if locked { queue.publication.unlock() } }
        let state = try capture(self)
        try database.read { db in
            // The first statement fixes the snapshot.
            _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM aliases")
            queue.publication.unlock()
            locked = false
            try body(state, db)
        }
    }
}
