import Foundation
import GRDB
import Logging

extension Engine {
    /// Checks the database, every committed point and every index file, and changes nothing: the folder may lie on a
    /// read-only mount. The engine must not be open. `report` gets a line a collection and a line a problem. Returns
    /// whether all is well; an index file that isn't is no damage, because a start rebuilds it.
    public static func verify(storagePath: String, report: (String) -> Void) throws -> Bool {
        let layout = StorageLayout(root: storagePath)
        let fileSystem = PosixFileSystem(isReadOnly: true)
        guard fileSystem.exists(layout.database) else {
            throw EngineError.notFound("There is no storage in \(storagePath)")
        }
        let lock = try StorageLock(reading: layout.lock)
        defer { lock?.release() }
        // SQLite wants to write beside a database that it only reads.
        guard access(storagePath, W_OK) != 0 else {
            return try StorageCheck(layout: layout, fileSystem: fileSystem).run(report: report)
        }
        let copy = NSTemporaryDirectory() + "trendex-verify-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: copy) }
        do {
            try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
            for suffix in ["", "-wal"] where fileSystem.exists(layout.database + suffix) {
                try FileManager.default.copyItem(
                    atPath: layout.database + suffix, toPath: StorageLayout(root: copy).database + suffix)
            }
        } catch {
            throw EngineError.storage(
                "\(storagePath) can't be written to, and its database not be copied to \(copy): \(error)")
        }
        return try StorageCheck(layout: layout, fileSystem: fileSystem, database: StorageLayout(root: copy).database)
            .run(report: report)
    }
}

/// Looks at everything in a storage folder, and changes nothing.
struct StorageCheck {
    let layout: StorageLayout
    let fileSystem: any FileSystem
    private let database: String

    /// `database`: a copy to be read in the place of the folder's own.
    init(layout: StorageLayout, fileSystem: any FileSystem, database: String? = nil) {
        self.layout = layout
        self.fileSystem = fileSystem
        self.database = database ?? layout.database
    }

    func run(report: (String) -> Void) throws -> Bool {
        do {
            let queue = try EngineDatabase.reader(path: database)
            defer { try? queue.close() }
            return try queue.read { try run($0, report: report) }
        } catch let error as DatabaseError {
            report("database: \(error)")
            return false
        }
    }

    private func run(_ db: GRDB.Database, report: (String) -> Void) throws -> Bool {
        var isSound = true
        for line in try String.fetchAll(db, sql: "PRAGMA integrity_check") where line != "ok" {
            report("database: \(line)")
            isSound = false
        }
        let version = try EngineDatabase.knownVersion(db)
        let loader = StorageLoader(
            layout: layout, fileSystem: fileSystem, logger: Logger(label: "trendex"), implicitIndexBudgetBytes: 0)
        for id in try loader.unknownCollections(highestCollection: StorageLoader.highestCollection(db)) {
            report(
                "\(layout.vectors(id)): the database knows no such collection; it is an older one, or lost its -wal file"
            )
            isSound = false
        }
        guard version > 0 else { return isSound }
        for row in try StoredCollection.all(db) {
            do {
                let collection = try StoredCollection(row)
                if collection.isHidden { continue }
                let points = try checkPoints(collection, db)
                report("\(collection.name): \(points.count) points, \(points.damaged) damaged")
                if points.damaged > 0 { isSound = false }
                IndexCheck(collection, points.vectors, layout: layout, fileSystem: fileSystem).run(report: report)
            } catch {
                report("\(row["name"] as String): \(error)")
                isSound = false
            }
        }
        return isSound
    }

    private struct CheckedPoints {
        var count = 0
        var damaged = 0
        /// By slot: which vectors its point has, one bit each; 0 for a slot without a point.
        var vectors: [UInt64]
    }

    private func checkPoints(_ collection: StoredCollection, _ db: GRDB.Database) throws -> CheckedPoints {
        let rows = try StoredRows(collection, layout: layout, fileSystem: fileSystem)
        try rows.requireRows(collection.slots)
        var points = CheckedPoints(vectors: Array(repeating: 0, count: collection.slots))
        try collection.table.forEachChecked(db) { point, checksum, isPayloadSound in
            points.count += 1
            if try !isPayloadSound || !rows.isSound(point, checksum: checksum) { points.damaged += 1 }
            if Int(point.slot) < collection.slots { points.vectors[Int(point.slot)] = point.vectors }
        }
        return points
    }
}
