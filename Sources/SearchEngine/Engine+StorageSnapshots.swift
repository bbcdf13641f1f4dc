import Foundation
import GRDB
import JSON
import Logging
import OrderedCollections

extension Engine {
    private static let manifestName = "storage.json"
    private static let databaseName = "trendex.sqlite3"
    private static let storageFormatVersion: Int64 = 3

    private var storageFolder: SnapshotFolder {
        SnapshotFolder(path: configuration.snapshotsPath, environment: environment)
    }

    /// Writes the whole storage (all collections, aliases, trends and ideas) to one archive while reads and writes go on.
    public func createStorageSnapshot() throws -> SnapshotDescription {
        let start = environment.time.now
        let snapshot = try storageFolder.create(prefix: "full-snapshot", temporary: layout.temporary) { tar in
            try frozen { engine in
                engine.catalog.withLock { $0.inOrder }.filter { !$0.isDropped }
                    .map { ($0.id, FrozenCollection($0)) }
            } body: { frozen, db in
                let copy = "\(layout.temporary)/\(environment.uniqueName()).sqlite3"
                defer { try? fileSystem.remove(copy) }
                try backup(db, to: copy)
                let manifest: JSONObject = [
                    "format": .integer(Self.storageFormatVersion),
                    "collections": .array(frozen.map { .object(["id": JSONValue($0.0), "name": .string($0.1.name)]) }),
                ]
                try tar.add(Self.manifestName, JSONValue.object(manifest).serialized())
                try tar.add(Self.databaseName, contentsOf: fileSystem.open(copy, create: false))
                for (id, collection) in frozen {
                    for (_, field) in collection.fields + collection.leaving {
                        for file in field.files(slotCount: collection.slotCount) {
                            try tar.begin(String(file.path.dropFirst(layout.root.count + 1)), size: file.byteCount)
                            try file.write { try tar.write($0) }
                        }
                    }
                    try withGraphFiles(of: collection) { files in
                        for (vector, file) in files {
                            try tar.add(
                                Self.graphName(id, collection.generation.number, vector), contentsOf: file)
                        }
                    }
                }
            }
        }
        logger.tell(.snapshotCreated(snapshot, collection: nil, environment.time.now - start))
        return snapshot
    }

    /// Copies the database as the reader sees it, without what belongs to unfinished restores and compactions.
    private func backup(_ db: GRDB.Database, to path: String) throws {
        let copy = try DatabaseQueue(path: environment.databaseName(path))
        try copy.writeWithoutTransaction { try db.backup(to: $0) }
        try copy.writeWithoutTransaction { db in
            for table in try StorageLoader.removeUnfinished(db) { try db.execute(sql: "DROP TABLE \(table)") }
            try db.execute(sql: "PRAGMA journal_mode = DELETE")
        }
        try copy.close()
    }

    public func storageSnapshots() throws -> [SnapshotDescription] { try storageFolder.list() }
    public func deleteStorageSnapshot(name: String) throws {
        try storageFolder.delete(name)
        logger.tell(.snapshotDeleted(name, collection: nil))
    }

    public func storageSnapshotPath(name: String) throws -> String { try storageFolder.existing(name) }

    /// Restores a whole-storage snapshot into a storage folder that holds no collections yet. The result is verified
    /// before it is moved into place.
    ///
    /// `checksum` is the SHA-256 in hex that the whole file must have.
    public static func restoreStorage(snapshot path: String, checksum: String? = nil, into storagePath: String) throws {
        try restoreStorage(snapshot: path, checksum: checksum, into: storagePath, Environment())
    }

    package static func restoreStorage(
        snapshot path: String, checksum: String? = nil, into storagePath: String, _ environment: Environment,
        kinds: FieldKinds = .standard
    ) throws {
        let fileSystem = environment.files
        let target = StorageLayout(root: storagePath)
        func requireEmpty() throws {
            guard fileSystem.exists(target.database) else { return }
            throw EngineError.conflict("The storage folder \(storagePath) holds data already; choose an empty one")
        }
        try requireEmpty()
        guard fileSystem.exists(path) else { throw EngineError.notFound("Snapshot file \(path) doesn't exist") }
        let file = try fileSystem.open(path, create: false)
        if let checksum { try requireChecksum(checksum, of: file) }
        let tar = try TarReader(file)
        guard let manifest = try? JSONValue(parsing: tar.bytes(manifestName)),
            let format = manifest["format"]?.integerValue, 1...storageFormatVersion ~= format
        else { throw tar.damaged("it is no snapshot of a whole storage of format 1 to \(storageFormatVersion)") }
        try tar.verifyChecksums(isOptional: format == 1)
        try fileSystem.createDirectory(storagePath)
        let lock = try fileSystem.lock(target.lock, create: true)
        defer { lock?.release() }
        // Another restore may have filled it until the lock was had.
        try requireEmpty()
        let staging = StorageLayout(root: target.temporary + "/restore")
        try fileSystem.remove(target.temporary)
        try fileSystem.createDirectory(staging.vectors)
        defer { try? fileSystem.remove(target.temporary) }
        var folders: Set<String> = [staging.vectors]
        for entry in tar.entries.values where ![manifestName, TarWriter.checksumsName].contains(entry.name) {
            if isGraphName(entry.name) { continue }
            guard entry.name == databaseName || isRowFileName(entry.name, kinds) else {
                throw tar.damaged("it has an unexpected entry \(entry.name)")
            }
            let folder = "\(staging.root)/\(entry.name)".parentFolder
            try fileSystem.createDirectory(folder)
            folders.insert(folder)
            let file = try fileSystem.open("\(staging.root)/\(entry.name)", create: true)
            for start in stride(from: 0, to: entry.size, by: 4 << 20) {
                let bytes = try tar.read(entry, at: start, count: min(4 << 20, entry.size - start))
                try bytes.withUnsafeBytes { try file.write($0, at: start) }
            }
            try file.sync()
        }
        var problems: [String] = []
        guard
            try StorageCheck(layout: staging, environment: environment, kinds: kinds).run(report: {
                problems.append($0)
            })
        else {
            throw tar.damaged(problems.joined(separator: "; "))
        }
        deriveIndexes(from: tar, in: staging, environment, kinds)
        // A folder's own entry is made durable in the folder above it.
        for folder in folders {
            try fileSystem.syncDirectory(folder)
            try fileSystem.syncDirectory(folder.parentFolder)
        }
        try fileSystem.remove(target.vectors)
        try fileSystem.remove(target.derived)
        try fileSystem.rename(staging.vectors, to: target.vectors)
        if fileSystem.exists(staging.derived) { try fileSystem.rename(staging.derived, to: target.derived) }
        // The database comes last: until it is there, the folder holds no storage.
        try fileSystem.rename(staging.database, to: target.database)
    }

    /// Makes index files of the archive's graphs. What can't be made is left out: the first start makes it.
    private static func deriveIndexes(
        from tar: TarReader, in layout: StorageLayout, _ environment: Environment, _ kinds: FieldKinds
    ) {
        guard tar.entries.values.contains(where: { isGraphName($0.name) }) else { return }
        let logger = Logger(label: "trendex")
        func leftOut(_ error: any Error) {
            logger.warning(
                "A snapshot's graph can't be used, and its points are linked anew by the first start",
                metadata: ["why": "\(error)"])
        }
        let loader = StorageLoader(
            layout: layout, environment: environment, logger: logger, implicitIndexBudgetBytes: 0, kinds: kinds)
        do {
            let queue = try EngineDatabase.reader(path: layout.database, environment)
            defer { try? queue.close() }
            try queue.read { db in
                for row in try StoredCollection.all(db) {
                    let collection = try StoredCollection(row)
                    let generation = try loader.load(collection, db).generation
                    for field in generation.fields {
                        guard let entry = tar.entries[graphName(collection.id, generation.number, field.id)] else {
                            continue
                        }
                        do {
                            try generation.adopt(
                                TarEntryBytes(tar: tar, entry: entry), for: field, seed: environment.seeds.next())
                            try generation.fields.first { $0.id == field.id }?.saveDerived()
                        } catch { leftOut(error) }
                    }
                }
            }
        } catch { leftOut(error) }
    }

    private static func graphName(_ collection: Int64, _ generation: Int, _ vector: VectorID) -> String {
        "graphs/\(collection)/\(generation)/\(vector)"
    }

    private static func isGraphName(_ name: String) -> Bool {
        name.wholeMatch(of: /graphs\/[0-9]{1,18}\/[0-9]{1,18}\/[0-9]{1,18}/) != nil
    }

    /// `vectors/<number>/<number>/<number>.<type>` and nothing else, so that no entry leaves its folder.
    private static func isRowFileName(_ name: String, _ kinds: FieldKinds) -> Bool {
        guard let match = name.wholeMatch(of: /vectors\/[0-9]{1,18}\/[0-9]{1,18}\/[0-9]{1,18}\.([a-z0-9]+)/) else {
            return false
        }
        return kinds.all.contains { $0.fileTypes.contains(String(match.1)) }
    }
}
