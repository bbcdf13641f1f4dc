import GRDB
import Logging

extension Engine {
    /// Whether a folder has a storage in it.
    public static func isStorage(_ path: String) -> Bool {
        Environment().files.exists(StorageLayout(root: path).database)
    }

    /// Checks the database, every committed point and every index file, and changes nothing: the folder may lie on a
    /// read-only mount. The engine must not be open. `report` gets a line a collection and a line a problem. Returns
    /// whether all is well; an index file that isn't is no damage, because a start rebuilds it.
    ///
    /// - Parameter rows: a further check, of rows that belong with points. It is made after the engine's own in the same read
    ///   transaction, and answers whether all is well.
    public static func verify(
        storagePath: String, rows: StorageCheck.RowCheck? = nil, report: (String) -> Void
    ) throws -> Bool {
        try verify(
            storagePath: storagePath, Environment(files: PosixFileSystem(isReadOnly: true)), rows: rows, report: report)
    }

    package static func verify(
        storagePath: String, _ environment: Environment, kinds: FieldKinds = .standard,
        rows: StorageCheck.RowCheck? = nil, report: (String) -> Void
    ) throws -> Bool {
        let layout = StorageLayout(root: storagePath)
        let files = environment.files
        guard files.exists(layout.database) else {
            throw EngineError.notFound("There is no storage in \(storagePath)")
        }
        let lock = try files.lock(layout.lock, create: false)
        defer { lock?.release() }
        // SQLite wants to write beside a database that it only reads.
        guard !files.isWritable(storagePath) else {
            return try StorageCheck(layout: layout, environment: environment, kinds: kinds)
                .run(rows: rows, report: report)
        }
        let writable = PosixFileSystem()
        let copy = StorageLayout(root: "\(files.temporaryFolder)/trendex-verify-\(environment.uniqueName())")
        defer { try? writable.remove(copy.root) }
        do {
            try writable.createDirectory(copy.root)
            for suffix in ["", "-wal"] where files.exists(layout.database + suffix) {
                try writable.copy(files.open(layout.database + suffix, create: false), to: copy.database + suffix)
            }
        } catch {
            throw EngineError.storage(
                "\(storagePath) can't be written to, and its database not be copied to \(copy.root): \(error)")
        }
        return try StorageCheck(layout: layout, environment: environment, kinds: kinds, database: copy.database)
            .run(rows: rows, report: report)
    }
}

/// Looks at everything in a storage folder, and changes nothing.
public struct StorageCheck {
    /// Whether rows and points agree, and a line for each finding.
    public typealias RowCheck = (StorageAtRest) throws -> (isSound: Bool, lines: [String])

    let layout: StorageLayout
    let environment: Environment
    private let kinds: FieldKinds
    private let database: String

    /// `database`: a copy to be read in the place of the folder's own.
    init(layout: StorageLayout, environment: Environment, kinds: FieldKinds = .standard, database: String? = nil) {
        self.layout = layout
        self.environment = environment
        self.kinds = kinds
        self.database = database ?? layout.database
    }

    func run(rows: RowCheck? = nil, report: (String) -> Void) throws -> Bool {
        do {
            let queue = try EngineDatabase.reader(path: database, environment)
            defer { try? queue.close() }
            return try queue.read { db in
                let isSound = try run(db, report: report)
                return try check(rows, db, report: report) && isSound
            }
        } catch let error as DatabaseError {
            report("database: \(error)")
            return false
        }
    }

    private func check(_ rows: RowCheck?, _ db: GRDB.Database, report: (String) -> Void) throws -> Bool {
        guard let rows, try EngineDatabase.knownVersion(db) > 0 else { return true }
        do {
            let (isSound, lines) = try rows(StorageAtRest(database: db))
            lines.forEach(report)
            return isSound
        } catch let error as EngineError {
            report("rows: \(error)")
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
            layout: layout, environment: environment, logger: Logger(label: "trendex"), implicitIndexBudgetBytes: 0,
            kinds: kinds)
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
                let points = try checkPoints(collection, loader, db)
                report("\(collection.name): \(points.count) points, \(points.damaged) damaged")
                if points.damaged > 0 { isSound = false }
                IndexCheck(collection, points.vectors, loader).run(report: report)
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

    private func checkPoints(_ collection: StoredCollection, _ loader: StorageLoader, _ db: GRDB.Database) throws
        -> CheckedPoints
    {
        let rows = try StoredRows(collection, loader)
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
