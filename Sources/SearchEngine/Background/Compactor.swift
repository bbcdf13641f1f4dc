import Foundation
import GRDB
import Logging
import OrderedCollections
import VectorIndex

/// Rewrites a collection into a new generation without its tombstones, and with graphs and codes of the settings that
/// now hold, while reads and writes go on; then swaps it in.
///
/// 1. Fix a snapshot, and log the changes from there on.
/// 2. Copy the live rows into new vector files, and build their indexes.
/// 3. Copy the table in small transactions.
/// 4. In one transaction of its own: replay the log, make the new generation the committed one, drop the old table.
///
/// A kill before the last commit leaves files and a table that the next start removes.
final class Compactor: Sendable {
    private static let rowsPerTransaction = 2_000

    private let loader: StorageLoader
    private let database: EngineDatabase
    private let queue: WriteQueue
    private let logger: Logger

    init(loader: StorageLoader, database: EngineDatabase, queue: WriteQueue, logger: Logger) {
        self.loader = loader
        self.database = database
        self.queue = queue
        self.logger = logger
    }

    /// Blocks for as long as the graphs take. Ends early, having changed nothing, when `shouldStop` says so.
    func compact(_ collection: PointCollection, shouldStop: () -> Bool) throws {
        let log = ChangeLog()
        defer { collection.changeLogs.withLock { $0.removeAll { $0 === log } } }
        let snapshot = try Snapshot(collection, log, queue)
        logger.info(
            "Compacting",
            metadata: [
                "collection": "\(collection.name)", "live": "\(snapshot.rows.count)",
                "slots": "\(snapshot.slotCount)",
            ])
        let old = snapshot.generation
        let number = old.number + 1
        removeFiles(collection, number)
        var isSwapped = false
        defer { if !isSwapped { removeRemains(collection, number) } }
        let new = try loader.makeGeneration(
            collection: collection.id, number: number, configuration: snapshot.configuration, slotCount: 0,
            indexes: snapshot.payloadIndexes, replacing: old)
        try copyRows(snapshot, to: new)
        for (slot, row) in snapshot.rows.enumerated() {
            new.points.insert(row.moved(to: UInt32(slot)))
        }
        loader.publishLoaded(new)
        for space in new.spaces {
            while link(space, collection) {
                if shouldStop() || collection.isDropped { return }
            }
        }
        try copyTable(collection, snapshot, new, shouldStop)
        if shouldStop() || collection.isDropped { return }
        let builder = try buildPayloadIndexes(collection, snapshot, new)
        try swap(collection, snapshot, new, log, builder)
        isSwapped = true
    }

    /// Links a batch; `false` when nothing is left. The new generation counts as the collection's, whose settings may
    /// allow no thread beside those that link the old one.
    private func link(_ space: VectorSpace, _ collection: PointCollection) -> Bool {
        let (gate, limit) = collection.linkGate(space)
        guard gate.enter(limit: limit) else {
            Thread.sleep(forTimeInterval: 0.01)
            return true
        }
        defer { if gate.leave() { collection.onChange.withLock { $0 }?() } }
        return space.index.work(limit: 256) { sched_yield() } > 0
    }

    /// What a compaction that ended early leaves: files, and its table.
    private func removeRemains(_ collection: PointCollection, _ generation: Int) {
        removeFiles(collection, generation)
        let table = PointsTable(collection: collection.id, generation: generation)
        try? queue.perform { try $0.database.execute(sql: "DROP TABLE IF EXISTS \(table.name)") }
    }

    private func removeFiles(_ collection: PointCollection, _ generation: Int) {
        try? loader.fileSystem.remove(loader.layout.vectors(collection.id, generation))
        try? loader.fileSystem.remove(loader.layout.derived(collection.id, generation))
    }

    /// What the collection held when the compaction began.
    private struct Snapshot {
        let generation: Generation
        let configuration: CollectionConfiguration
        let slotCount: Int
        /// The declared payload indexes, not built.
        let payloadIndexes: PayloadIndexes
        /// The live rows by slot; a row's place is its new slot.
        var rows: [PointRow] = []
        /// By old slot; `none` for those that were dead.
        var newSlots: [UInt32]
        static let none = UInt32.max

        func newSlot(_ old: UInt32) -> UInt32? {
            Int(old) < newSlots.count && newSlots[Int(old)] != Self.none ? newSlots[Int(old)] : nil
        }

        init(_ collection: PointCollection, _ log: ChangeLog, _ queue: WriteQueue) throws {
            // With publication held memory equals what is committed, and the log misses nothing after it.
            queue.publication.lock()
            defer { queue.publication.unlock() }
            guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
            let generation = collection.generation
            self.generation = generation
            configuration = collection.configuration
            slotCount = generation.points.slotCount
            payloadIndexes = collection.lock.read { generation.payloadIndexes.emptyCopy() }
            newSlots = Array(repeating: Self.none, count: slotCount)
            rows.reserveCapacity(generation.points.liveCount)
            collection.changeLogs.withLock { $0.append(log) }
            for slot in 0..<UInt32(slotCount) where generation.points.isLive(slot) {
                newSlots[Int(slot)] = UInt32(rows.count)
                rows.append(generation.row(slot))
            }
        }
    }

    private func copyRows(_ snapshot: Snapshot, to new: Generation) throws {
        for (old, space) in zip(snapshot.generation.spaces, new.spaces) {
            let matrix = old.file.matrix
            try withExtendedLifetime(matrix) {
                let rowBytes = matrix.rowBytes
                let perWrite = max(1, (1 << 20) / rowBytes)
                var buffer = [UInt8](repeating: 0, count: perWrite * rowBytes)
                for start in stride(from: 0, to: snapshot.rows.count, by: perWrite) {
                    let rows = snapshot.rows[start..<min(start + perWrite, snapshot.rows.count)]
                    try buffer.withUnsafeMutableBytes { target in
                        for (offset, row) in rows.enumerated() {
                            target.baseAddress!.advanced(by: offset * rowBytes).copyMemory(
                                from: matrix.base + Int(row.slot) * rowBytes, byteCount: rowBytes)
                        }
                        try space.file.write(
                            UnsafeRawBufferPointer(rebasing: target[0..<rows.count * rowBytes]), at: start)
                    }
                }
            }
        }
    }

    private func copyTable(
        _ collection: PointCollection, _ snapshot: Snapshot, _ new: Generation, _ shouldStop: () -> Bool
    ) throws {
        let table = new.table
        try queue.perform { transaction in
            guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
            try transaction.database.execute(sql: "DROP TABLE IF EXISTS \(table.name)")
            try transaction.database.execute(sql: table.createStatement)
        }
        let old = snapshot.generation.table
        for start in stride(from: 0, to: snapshot.rows.count, by: Self.rowsPerTransaction) {
            if shouldStop() { return }
            let rows = snapshot.rows[start..<min(start + Self.rowsPerTransaction, snapshot.rows.count)]
            try queue.perform { transaction in
                for (offset, row) in rows.enumerated() {
                    try table.copy(from: old, slot: row.slot, to: UInt32(start + offset), transaction.database)
                }
            }
        }
    }

    /// Makes the payload indexes that the old generation has, from the new table. The log's changes are replayed over
    /// them, whether the new table has them already or not.
    private func buildPayloadIndexes(_ collection: PointCollection, _ snapshot: Snapshot, _ new: Generation) throws
        -> FacetBuilder
    {
        let keys = collection.lock.read { Array(snapshot.generation.payloadIndexes.table.entries.keys) }
        let builder = new.payloadIndexes.makeBuilder(for: keys)
        if !keys.isEmpty {
            try database.read { db in
                try new.table.forEachRecord(db) { row, _, payload in builder.feed(row.slot, payload.value) }
            }
        }
        builder.finish()
        return builder
    }

    private func swap(
        _ collection: PointCollection, _ snapshot: Snapshot, _ new: Generation, _ log: ChangeLog,
        _ builder: FacetBuilder
    ) throws {
        try queue.perform(alone: true) { [self] transaction in
            guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
            let db = transaction.database
            let old = snapshot.generation
            let events = log.drain()
            let replay = Replay(events, snapshot.newSlot)
            for case .payload(let row, let old, let new) in events {
                if let slot = snapshot.newSlot(row.slot) { builder.logReplace(slot, old.value, new.value) }
            }
            for slot in replay.deadSlots { try new.table.delete(slot: slot, db) }
            for (oldSlot, newSlot) in replay.changedSlots {
                try new.table.delete(slot: newSlot, db)
                try new.table.copy(from: old.table, slot: oldSlot, to: newSlot, db)
            }
            var inserted: [PointRow] = []
            for row in replay.inserted {
                let slot = UInt32(snapshot.rows.count + inserted.count)
                try new.table.copy(from: old.table, slot: row.slot, to: slot, db)
                for (oldSpace, space) in zip(old.spaces, new.spaces) where row.vectors & space.bit != 0 {
                    try oldSpace.withRow(row.slot) { try space.file.write($0, at: Int(slot)) }
                }
                if let payload = try new.table.payload(slot: slot, db) { builder.logInsert(slot, payload.value) }
                inserted.append(row.moved(to: slot))
            }
            let slotCount = snapshot.rows.count + inserted.count
            for space in new.spaces {
                try space.file.reserve(rowCount: slotCount)
                try space.file.sync()
            }
            try db.execute(
                sql: "UPDATE collections SET generation = ?1, slots = ?2, synced = ?2 WHERE id = ?3",
                arguments: [new.number, slotCount, collection.id])
            try db.execute(sql: "DROP TABLE \(old.table.name)")
            transaction.afterCommit(durably: true) {
                for slot in replay.deadSlots { new.points.remove(slot) }
                for (oldSlot, newSlot) in replay.changedSlots {
                    new.points.setVersion(newSlot, old.points.version(oldSlot))
                }
                for row in inserted { new.points.insert(row) }
                for space in new.spaces {
                    if !inserted.isEmpty {
                        space.index.publish(
                            rows: space.file.matrix, count: slotCount,
                            absent: inserted.filter { $0.vectors & space.bit == 0 }.map(\.slot))
                    }
                    space.index.remove(replay.deadSlots)
                }
                new.payloadIndexes.install(builder)
                collection.lock.write {
                    // Indexes may have been declared and dropped meanwhile.
                    new.payloadIndexes.declare(old.payloadIndexes.schemas)
                    collection.generation = new
                }
                self.removeFiles(collection, old.number)
            }
        }
    }

    /// What the logged changes mean for the new generation.
    private struct Replay {
        /// New slots whose points were deleted or rewritten.
        var deadSlots: [UInt32] = []
        /// Old and new slots of points whose payload changed.
        var changedSlots: [UInt32: UInt32] = [:]
        /// Rows that came after the snapshot and live, by old slot.
        var inserted: [PointRow] = []

        init(_ events: [StagedChanges.Event], _ newSlot: (UInt32) -> UInt32?) {
            var added: [UInt32: PointRow] = [:]
            for event in events {
                switch event {
                case .insert(let row, _): added[row.slot] = row
                case .remove(let slot):
                    if added.removeValue(forKey: slot) == nil, let new = newSlot(slot) {
                        deadSlots.append(new)
                        changedSlots[slot] = nil
                    }
                case .payload(let row, _, _):
                    if added[row.slot] != nil {
                        added[row.slot] = row
                    } else if let new = newSlot(row.slot) {
                        changedSlots[row.slot] = new
                    }
                }
            }
            inserted = added.values.sorted { $0.slot < $1.slot }
        }
    }
}

extension PointRow {
    fileprivate func moved(to slot: UInt32) -> PointRow {
        var row = self
        row.slot = slot
        return row
    }
}

extension PayloadIndexes {
    /// The same declared indexes, nothing built.
    func emptyCopy() -> PayloadIndexes {
        let copy = PayloadIndexes(implicitBudgetBytes: implicitBudgetBytes)
        copy.declare(schemas)
        return copy
    }

    /// Declares exactly these indexes. Under the exclusive lock.
    func declare(_ wanted: OrderedDictionary<PayloadPath, PayloadFieldSchema>) {
        for path in Array(schemas.keys) where wanted[path] == nil { dropIndex(path) }
        for (path, schema) in wanted where schemas[path] != schema { createIndex(path, schema) }
    }
}
