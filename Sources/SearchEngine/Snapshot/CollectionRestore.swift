import Foundation
import GRDB
import JSON
import OrderedCollections
import VectorIndex

/// Reads a collection's snapshot archive into a fresh, hidden collection, verifying everything on the way, and then
/// swaps it in under its name in one transaction.
struct CollectionRestore {
    /// Hidden collections begin with a character that no name may contain; the next start removes them.
    static let hiddenPrefix = "\u{1}restoring-"
    private static let pointsPerTransaction = 1_000

    let engine: Engine
    let tar: TarReader
    let configuration: CollectionConfiguration
    let version: UInt64
    private let pointCount: Int
    private let pointsChecksum: UInt64
    private let schema: [(PayloadPath, PayloadFieldSchema)]

    /// Opens the archive and checks its outline. Throws `.invalid` when it is not a valid snapshot.
    init(_ engine: Engine, file path: String) throws {
        self.engine = engine
        tar = try TarReader(engine.fileSystem.open(path, create: false))
        let manifest: JSONValue
        do { manifest = try JSONValue(parsing: tar.bytes(CollectionSnapshot.manifestName)) } catch let error
            as EngineError
        {
            throw error
        } catch {
            throw tar.damaged("its manifest is no JSON: \(error)")
        }
        guard let format = manifest["format"]?.integerValue, 1...CollectionSnapshot.formatVersion ~= Int(format) else {
            throw tar.damaged("its format is not one of 1 to \(CollectionSnapshot.formatVersion)")
        }
        try tar.verifyChecksums(isOptional: format == 1)
        guard let stored = manifest["configuration"], let version = manifest["version"]?.unsignedValue,
            version <= UInt64(Int64.max),
            let points = manifest["points"]?.integerValue, points >= 0, points <= VectorIndex.maximumSlots,
            let checksum = manifest["pointsChecksum"]?.unsignedValue
        else { throw tar.damaged("its manifest is incomplete") }
        do {
            configuration = try CollectionConfiguration(stored: stored)
            try configuration.validate()
            schema = try (manifest["payloadIndexes"]?.arrayValue ?? []).map { index in
                guard let key = index["key"]?.stringValue, let stored = index["schema"] else {
                    throw EngineError.invalid("a payload index is incomplete")
                }
                return (try PayloadPath(key), try PayloadFieldSchema(stored: stored))
            }
        } catch {
            throw tar.damaged("its configuration: \(error)")
        }
        self.version = version
        pointCount = Int(points)
        pointsChecksum = checksum
        guard configuration.vectorRegistry.leaving.isEmpty else {
            throw tar.damaged("its configuration has vectors that were deleted")
        }
        for (vector, parameters) in configuration.storedVectors {
            let entry = try tar.entry(CollectionSnapshot.vectorsName(vector.id))
            guard entry.size == pointCount.multipliedReportingOverflow(by: parameters.rowBytes).partialValue,
                pointCount <= entry.size / parameters.rowBytes
            else { throw tar.damaged("\(entry.name) doesn't hold \(pointCount) rows") }
        }
    }

    /// Restores under `name`, replacing a collection that has it; its aliases stay. All or nothing.
    func restore(as name: String) throws {
        let (id, generation) = try makeHidden()
        do {
            try copyVectors(to: generation)
            try copyPoints(to: generation)
            try swapIn(id, name, generation)
        } catch {
            try? engine.queue.perform(freeing: FreeingJob()) { transaction in
                try transaction.database.execute(sql: "DELETE FROM collections WHERE id = ?", arguments: [id])
            }
            engine.reclaimer.reclaim([generation.table.name])
            try? engine.fileSystem.remove(engine.layout.vectors(id))
            try? engine.fileSystem.remove(engine.layout.derived(id))
            throw error
        }
    }

    private func makeHidden() throws -> (Int64, Generation) {
        try engine.queue.perform { [self] transaction in
            let db = transaction.database
            try db.execute(
                sql: "INSERT INTO collections (name, configuration) VALUES (?, ?)",
                arguments: [Self.hiddenPrefix + engine.environment.uniqueName(), configuration.stored.text])
            let id = db.lastInsertedRowID
            try db.execute(sql: PointsTable(collection: id, generation: 0).createStatement)
            try engine.fileSystem.remove(engine.layout.vectors(id))
            let indexes = PayloadIndexes(implicitBudgetBytes: engine.configuration.implicitIndexBudgetBytes)
            for (path, declared) in schema { indexes.createIndex(path, declared) }
            // On disk before there are rows of it, which the next start then knows to be of no use.
            transaction.afterCommit(durably: true) {}
            let generation = try engine.loader.makeGeneration(
                collection: id, number: 0, configuration: configuration, slotCount: 0, indexes: indexes)
            return (id, generation)
        }
    }

    private func copyVectors(to generation: Generation) throws {
        for space in generation.spaces where pointCount > 0 {
            let entry = try tar.entry(CollectionSnapshot.vectorsName(space.id))
            let rowBytes = space.parameters.rowBytes
            let perRead = max(1, (4 << 20) / rowBytes)
            for start in stride(from: 0, to: pointCount, by: perRead) {
                let count = min(perRead, pointCount - start)
                let rows = try tar.read(entry, at: start * rowBytes, count: count * rowBytes)
                try rows.withUnsafeBytes { rows in
                    for row in 0..<count {
                        guard let base = rows.baseAddress, space.parameters.mayStore(base + row * rowBytes) else {
                            throw tar.damaged("row \(start + row) of \(entry.name) can't be a stored vector")
                        }
                    }
                    try space.file.write(rows, at: start)
                }
            }
            try space.file.sync()
        }
    }

    private func copyPoints(to generation: Generation) throws {
        var records = try SnapshotRecords(tar)
        var sum = Checksum()
        var slot = 0
        while slot < pointCount {
            var batch: [(PointRow, UInt64, Payload)] = []
            while batch.count < Self.pointsPerTransaction, slot < pointCount {
                let (row, checksum, payload) = try records.next(slot: UInt32(slot), &sum)
                guard row.version <= version else {
                    throw tar.damaged("point \(row.id) is newer than the collection")
                }
                guard row.vectors & ~generation.bits == 0 else {
                    throw tar.damaged("point \(row.id) has vectors that the collection has not")
                }
                guard checksum == generation.checksum(row) else {
                    throw tar.damaged("the vectors of point \(row.id) don't fit their checksum")
                }
                batch.append((row, checksum, payload))
                generation.points.insert(row)
                slot += 1
            }
            let rows = batch
            try engine.queue.perform { transaction in
                for (row, checksum, payload) in rows {
                    do {
                        try generation.table.insert(row, checksum: checksum, payload: payload, transaction.database)
                    } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
                        throw EngineError.invalid("The file is not a valid snapshot: point \(row.id) is in it twice")
                    }
                }
            }
        }
        guard records.isAtEnd, sum.value == pointsChecksum else {
            throw tar.damaged("\(CollectionSnapshot.pointsName) doesn't fit its checksum")
        }
    }

    private func swapIn(_ id: Int64, _ name: String, _ generation: Generation) throws {
        engine.loader.publishLoaded(generation)
        let collection = PointCollection(
            id: id, name: name, configuration: configuration, version: version, generation: generation)
        try engine.queue.perform(alone: true) { [self] transaction in
            let db = transaction.database
            var replaced: PointCollection?
            var tables: [String] = []
            if let old = engine.catalog.withLock({ $0.collections[name] }) {
                try db.execute(sql: "UPDATE aliases SET collection = ? WHERE collection = ?", arguments: [id, old.id])
                try db.execute(sql: "DELETE FROM collections WHERE id = ?", arguments: [old.id])
                tables = try engine.tables(of: old, db)
                transaction.markDropped(old)
                replaced = old
            } else if try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM aliases WHERE alias = ?)", arguments: [name])!
            {
                throw EngineError.conflict("Alias with the name \(name) already exists")
            } else {
                try engine.requireRoom(db)
            }
            for (path, declared) in schema {
                try db.execute(
                    sql: "INSERT INTO payload_indexes (collection, key, schema) VALUES (?, ?, ?)",
                    arguments: [id, path.text, declared.stored.text])
            }
            try db.execute(
                sql: "UPDATE collections SET name = ?1, version = ?2, slots = ?3, synced = ?3 WHERE id = ?4",
                arguments: [name, Int64(bitPattern: version), pointCount, id])
            let aliases = try String.fetchAll(
                db, sql: "SELECT alias FROM aliases WHERE collection = ?", arguments: [id])
            transaction.afterCommit(durably: replaced != nil) { [self, replaced, tables] in
                engine.catalog.withLock { catalog in
                    catalog.collections[name] = collection
                    for alias in aliases { catalog.aliases[alias] = name }
                }
                replaced.map(engine.release)
                engine.reclaimer.reclaim(tables)
                engine.indexer.watch(collection)
            }
        }
    }
}

extension Generation {
    /// The checksum of a point's stored rows, computed from the files.
    func checksum(_ row: PointRow) -> UInt64 { Self.checksum(row, spaces) }

    /// The same over the rows of some spaces, which are in the order of their bits.
    static func checksum(_ row: PointRow, _ spaces: [VectorSpace]) -> UInt64 {
        var sum = Checksum()
        for space in spaces where row.vectors & space.bit != 0 {
            space.withRow(row.slot) { sum.add($0) }
        }
        return sum.value
    }
}
