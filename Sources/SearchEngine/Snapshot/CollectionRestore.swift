import Foundation
import GRDB
import JSON
import Logging
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
    private let format: Int
    let pointCount: Int
    /// Slots of the restored collection: `pointCount`, and those of removed points whose rows are in the archive.
    private let slotCount: Int
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
        self.format = Int(format)
        try tar.verifyChecksums(isOptional: format == 1)
        guard let stored = manifest["configuration"], let version = manifest["version"]?.unsignedValue,
            version <= UInt64(Int64.max),
            let points = manifest["points"]?.integerValue, points >= 0, points <= VectorIndex.maximumSlots,
            let checksum = manifest["pointsChecksum"]?.unsignedValue,
            let slots = format < CollectionSnapshot.firstFormatWithSlots ? points : manifest["slots"]?.integerValue,
            slots >= points, slots <= VectorIndex.maximumSlots
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
        slotCount = Int(slots)
        pointsChecksum = checksum
        guard configuration.vectorRegistry.leaving.isEmpty else {
            throw tar.damaged("its configuration has vectors that were deleted")
        }
        // Memory for slots is taken only where the archive has bytes for each of them.
        guard slotCount == pointCount || !configuration.storedVectors.isEmpty else {
            throw tar.damaged("it has slots without points and without vectors")
        }
        for (vector, parameters) in configuration.storedVectors {
            let entry = try tar.entry(CollectionSnapshot.vectorsName(vector.id))
            guard
                engine.loader.kinds[parameters].mayArchive(byteCount: entry.size, slotCount: slotCount, parameters)
            else { throw tar.damaged("\(entry.name) doesn't hold \(slotCount) rows") }
        }
    }

    /// Restores under `name`, replacing a collection that has it; its aliases stay. All or nothing. Returns whether there was one
    /// to be replaced.
    func restore(as name: String) throws -> Bool {
        let keeper = try rowKeeper(of: name)
        try keeper?.stage(name, configuration, nextRows())
        defer { keeper?.unstage(name) }
        let (id, generation) = try makeHidden()
        do {
            try copyVectors(to: generation)
            try copyPoints(to: generation)
            engine.loader.publishLoaded(generation)
            adoptGraphs(for: generation)
            return try swapIn(id, name, generation, keeper)
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

    /// Who takes the archive's rows; `nil` where points alone are restored. Throws `.conflict` where these would lose their rows.
    private func rowKeeper(of name: String) throws -> (any CollectionKeeper)? {
        guard tar.entries[CollectionSnapshot.rowsName] != nil, let keeper = engine.keeper.withLock({ $0.keeper }),
            keeper.takesRows(of: name)
        else {
            try engine.requireUnkept(name, "be replaced by a snapshot without its rows")
            return nil
        }
        return keeper
    }

    /// The archive's rows, part by part.
    private func nextRows() throws -> () throws -> [UInt8]? {
        let entry = try tar.entry(CollectionSnapshot.rowsName)
        var position = 0
        return { [tar] in
            let count = min(1 << 20, entry.size - position)
            guard count > 0 else { return nil }
            defer { position += count }
            return try tar.read(entry, at: position, count: count)
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
        for field in generation.fields where slotCount > 0 {
            let entry = try tar.entry(CollectionSnapshot.vectorsName(field.id))
            try field.restoreRows(from: TarEntryBytes(tar: tar, entry: entry), slotCount: slotCount)
        }
    }

    private func copyPoints(to generation: Generation) throws {
        var records = try SnapshotRecords(tar, namesSlots: format >= CollectionSnapshot.firstFormatWithSlots)
        var sum = Checksum()
        var done = 0
        while done < pointCount {
            var batch: [(PointRow, UInt64, Payload)] = []
            while batch.count < Self.pointsPerTransaction, done < pointCount {
                let (row, checksum, payload) = try records.next(slotCount: slotCount, &sum)
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
                done += 1
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
        generation.points.extend(to: slotCount)
    }

    /// Gives the vectors' indexes the graphs of the archive, so that nothing but what those don't cover is left to be linked. A
    /// graph that can't be used is left out.
    private func adoptGraphs(for generation: Generation) {
        for field in generation.fields {
            guard let entry = tar.entries[CollectionSnapshot.graphName(field.id)] else { continue }
            do {
                try generation.adopt(
                    TarEntryBytes(tar: tar, entry: entry), for: field, seed: engine.environment.seeds.next())
            } catch {
                engine.logger.warning(
                    "A snapshot's graph can't be used, and its points are linked anew",
                    metadata: ["vector": "\(field.name)", "why": "\(error)"])
            }
        }
    }

    private func swapIn(
        _ id: Int64, _ name: String, _ generation: Generation, _ keeper: (any CollectionKeeper)?
    ) throws -> Bool {
        let collection = PointCollection(
            id: id, name: name, configuration: configuration, version: version, generation: generation,
            changeMemory: ByteBudget(engine.loader.changeLogBytes))
        return try engine.queue.perform(alone: true) { [self] transaction in
            // It may have got a keeper, or somebody else may have made it, while the archive was read.
            if let keeper, keeper.takesRows(of: name) {
                transaction.engine = engine
                try keeper.adoptStaged(
                    name, as: id,
                    hasVector: { point in
                        generation.points.slot(of: point).map { generation.row($0).vectors != 0 } ?? false
                    }, transaction)
            } else {
                try engine.requireUnkept(name, "be replaced by a snapshot without its rows")
            }
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
                arguments: [name, Int64(bitPattern: version), slotCount, id])
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
            return replaced != nil
        }
    }
}

extension Generation {
    /// Gives a vector's index the graph of a snapshot, in place of the one that it has and that nothing was linked into. The
    /// points are there already, and the generation isn't shared yet. Throws when the graph can't be used.
    ///
    /// - Parameter seed: draws the slots that the graph is tried by. Who makes a snapshot can't know it.
    func adopt(_ graph: TarEntryBytes, for field: any VectorField, seed: UInt64) throws {
        replace(try field.adopting(graph, slotCount: points.slotCount, absent: absentSlots(field), seed: seed))
    }

    /// The checksum of a point's stored rows, computed from the files.
    func checksum(_ row: PointRow) -> UInt64 { Self.checksum(row, fields) }

    /// The same over the rows of some fields, which are in the order of their bits.
    static func checksum(_ row: PointRow, _ fields: [any VectorField]) -> UInt64 {
        var sum = Checksum()
        for field in fields where row.vectors & field.bit != 0 {
            field.withRow(row.slot) { sum.add($0) }
        }
        return sum.value
    }
}
