import GRDB
import Glibc
import Logging
import OrderedCollections

/// Makes compactions.
final class Compactor: Sendable {
    fileprivate let loader: StorageLoader
    fileprivate let database: EngineDatabase
    fileprivate let queue: WriteQueue
    fileprivate let reclaimer: Reclaimer
    fileprivate let reserve: DiskReserve
    fileprivate let logger: Logger

    init(
        loader: StorageLoader, database: EngineDatabase, queue: WriteQueue, reclaimer: Reclaimer, reserve: DiskReserve,
        logger: Logger
    ) {
        self.loader = loader
        self.database = database
        self.queue = queue
        self.reclaimer = reclaimer
        self.reserve = reserve
        self.logger = logger
    }

    func begin(_ collection: PointCollection) -> Compaction { Compaction(collection, self) }
}

/// Rewrites a collection into a new generation without its tombstones, and with graphs and codes of the settings that
/// now hold, while reads and writes go on; then swaps it in. Each of these is one or more steps:
///
/// 1. Fix a snapshot, and log the changes from there on.
/// 2. Copy the live rows into new vector files, and build their indexes.
/// 3. Copy the table in small transactions.
/// 4. Make the payload indexes that the old generation has.
/// 5. In one transaction of its own: replay the log, make the new generation the committed one. The old
///    table goes little by little.
///
/// A kill before the last commit leaves files and a table that the next start removes.
final class Compaction: @unchecked Sendable {
    // Unchecked: stepped by one thread at a time.
    private static let rowsPerTransaction = 2_000
    /// Of the table, with a short payload.
    private static let bytesPerRow = 512
    private static let linksPerStep = 256
    /// Until it is looked again whether the settings let another thread link.
    private static let gateDelay = Duration.milliseconds(10)

    private enum Stage {
        case beginning
        case copyingRows(Snapshot, Generation)
        /// The vector whose index is built.
        case linking(Snapshot, Generation, Int)
        case creatingTable(Snapshot, Generation)
        /// The next row to be copied.
        case copyingTable(Snapshot, Generation, Int)
        case indexing(Snapshot, Generation)
        case swapping(Snapshot, Generation, FieldIndexBuilder)
        case done
    }

    let collection: PointCollection
    private let compactor: Compactor
    private let log: ChangeLog
    private let start: ContinuousClock.Instant
    private var stage = Stage.beginning
    /// Of the generation that is made; `nil` before.
    private var number: Int?
    /// Whether the space that is set aside for deletions was given up for it.
    private var hasReserve = false

    /// The collection has got or lost a vector since the compaction began.
    struct Outdated: Error {}

    fileprivate init(_ collection: PointCollection, _ compactor: Compactor) {
        self.collection = collection
        self.compactor = compactor
        log = ChangeLog(collection.changeMemory)
        start = compactor.loader.environment.time.now
    }

    private var loader: StorageLoader { compactor.loader }
    private var queue: WriteQueue { compactor.queue }

    /// Does the next piece. Answers `.ended` when the new generation is in use, or when the collection has been dropped.
    /// To be followed by `end`, also when it throws.
    func step() throws -> BackgroundLoop.Next {
        if collection.isDropped { return .ended }
        switch stage {
        case .beginning: stage = try begin()
        case .copyingRows(let snapshot, let new):
            for (old, field) in zip(snapshot.fields, new.fields) { try field.copyRows(snapshot.rows, from: old) }
            for (slot, row) in snapshot.rows.enumerated() { new.points.insert(row.moved(to: UInt32(slot))) }
            loader.publishLoaded(new)
            stage = .linking(snapshot, new, 0)
        case .linking(let snapshot, let new, let field):
            guard field < new.fields.count else {
                stage = .creatingTable(snapshot, new)
                break
            }
            guard let linked = link(new.fields[field]) else { return .after(Self.gateDelay) }
            if linked == 0 { stage = .linking(snapshot, new, field + 1) }
        case .creatingTable(let snapshot, let new):
            try createTable(new.table)
            stage = .copyingTable(snapshot, new, 0)
        case .copyingTable(let snapshot, let new, let start):
            guard start < snapshot.rows.count else {
                stage = .indexing(snapshot, new)
                break
            }
            try copyTable(snapshot, new, from: start)
            stage = .copyingTable(snapshot, new, start + Self.rowsPerTransaction)
        case .indexing(let snapshot, let new):
            stage = .swapping(snapshot, new, try buildPayloadIndexes(snapshot, new))
        case .swapping(let snapshot, let new, let builder):
            try swap(snapshot, new, builder)
            stage = .done
            return .ended
        case .done: return .ended
        }
        return .again
    }

    /// Stops logging changes, and removes what a compaction that didn't come to its end has made.
    func end() {
        collection.changeLogs.withLock { $0.removeAll { $0 === log } }
        defer { if hasReserve { compactor.reserve.make() } }
        if case .done = stage { return }
        guard let number else { return }
        stage = .done
        removeFiles(number)
        compactor.reclaimer.reclaim([PointsTable(collection: collection.id, generation: number).name])
    }

    private func begin() throws -> Stage {
        let snapshot = try Snapshot(collection, log, queue)
        compactor.logger.tell(
            .compactionBegun(collection.name, live: snapshot.rows.count, slots: snapshot.slotCount))
        func bytes(rows: Int) -> Int { snapshot.fields.reduce(0) { $0 + $1.copyBytes(rowCount: rows) } }
        try requireSpace(
            bytes(rows: snapshot.rows.count), freeing: bytes(rows: snapshot.slotCount - snapshot.rows.count))
        let number = snapshot.generation.number + 1
        self.number = number
        removeFiles(number)
        let new = try loader.makeGeneration(
            collection: collection.id, number: number, configuration: snapshot.configuration, slotCount: 0,
            indexes: snapshot.payloadIndexes, replacing: snapshot.generation)
        return .copyingRows(snapshot, new)
    }

    /// Links a batch and answers how many; `nil` if the settings allow no thread beside those that link the old generation:
    /// the new one counts as the collection's.
    private func link(_ field: any VectorField) -> Int? {
        let (gate, limit) = collection.linkGate(field)
        guard gate.enter(limit: limit) else { return nil }
        defer { if gate.leave() { collection.onChange.withLock { $0 }?() } }
        return field.work(limit: Self.linksPerStep) { sched_yield() }
    }

    /// Throws `.diskFull` unless so many bytes can be written, and something stays free. A compaction that gives back more than
    /// it takes may use what is set aside for deletions: otherwise a full disk would stay full whatever is deleted.
    private func requireSpace(_ bytes: Int, freeing freed: Int) throws {
        let needed = bytes + min(max(bytes, Self.leastSpare), DiskReserve.mostBytes)
        let folder = loader.layout.vectors(collection.id)
        do { try loader.fileSystem.requireFree(needed, at: folder) } catch EngineError.diskFull where freed > bytes {
            hasReserve = true
            compactor.reserve.release()
            try loader.fileSystem.requireFree(needed, at: folder)
        }
    }

    /// For the new table's first pages, and the log's.
    private static let leastSpare = 64 << 10

    private func removeFiles(_ generation: Int) {
        try? loader.fileSystem.remove(loader.layout.vectors(collection.id, generation))
        try? loader.fileSystem.remove(loader.layout.derived(collection.id, generation))
    }

    /// What the collection held when the compaction began.
    private struct Snapshot {
        let generation: Generation
        let fields: [any VectorField]
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
            guard generation.leaving.isEmpty else { throw Outdated() }
            self.generation = generation
            fields = generation.fields
            configuration = collection.configuration
            slotCount = generation.points.slotCount
            payloadIndexes = generation.payloadIndexes.emptyCopy()
            newSlots = Array(repeating: Self.none, count: slotCount)
            rows.reserveCapacity(generation.points.liveCount)
            collection.changeLogs.withLock { $0.append(log) }
            for slot in 0..<UInt32(slotCount) where generation.points.isLive(slot) {
                newSlots[Int(slot)] = UInt32(rows.count)
                rows.append(generation.row(slot))
            }
        }
    }

    private func createTable(_ table: PointsTable) throws {
        try queue.perform { [collection, compactor] transaction in
            guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
            compactor.reclaimer.forget(table.name)
            try transaction.database.execute(sql: "DROP TABLE IF EXISTS \(table.name)")
            try transaction.database.execute(sql: table.createStatement)
        }
    }

    private func copyTable(_ snapshot: Snapshot, _ new: Generation, from start: Int) throws {
        let rows = snapshot.rows[start..<min(start + Self.rowsPerTransaction, snapshot.rows.count)]
        try requireSpace(rows.count * Self.bytesPerRow, freeing: .max)
        try queue.perform { transaction in
            for (offset, row) in rows.enumerated() {
                try new.table.copy(
                    from: snapshot.generation.table, slot: row.slot, to: UInt32(start + offset), transaction.database)
            }
        }
    }

    /// Makes the payload indexes that the old generation has, from the new table. The log's changes are replayed over
    /// them, whether the new table has them already or not.
    private func buildPayloadIndexes(_ snapshot: Snapshot, _ new: Generation) throws -> FieldIndexBuilder {
        let keys = snapshot.generation.payloadIndexes.view().keys
        let builder = new.payloadIndexes.makeBuilder(for: keys)
        if !keys.isEmpty {
            try compactor.database.read { db in
                try new.table.forEachRecord(db) { row, _, payload in builder.feed(row.slot, payload.value) }
            }
        }
        builder.finish()
        return builder
    }

    private func swap(_ snapshot: Snapshot, _ new: Generation, _ builder: FieldIndexBuilder) throws {
        try queue.perform(alone: true) { [self] transaction in
            guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
            // A vector came or went: the next attempt begins with what there is now.
            guard collection.configuration.vectorRegistry == snapshot.configuration.vectorRegistry else {
                throw Outdated()
            }
            let db = transaction.database
            let old = snapshot.generation
            let events = log.drain()
            let replay = Replay(events, snapshot.newSlot)
            for case .payload(let row, let old, let new) in events {
                if let slot = snapshot.newSlot(row.slot) {
                    builder.log([PayloadChange(slot: slot, old: old.value, new: new.value)])
                }
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
                for (oldField, field) in zip(snapshot.fields, new.fields) where row.vectors & field.bit != 0 {
                    try oldField.withRow(row.slot) { try field.write($0, at: Int(slot)) }
                }
                if let payload = try new.table.payload(slot: slot, db) {
                    builder.log([PayloadChange(slot: slot, new: payload.value)])
                }
                inserted.append(row.moved(to: slot))
            }
            let slotCount = snapshot.rows.count + inserted.count
            for field in new.fields {
                try field.reserve(slotCount: slotCount)
                try field.sync()
            }
            try db.execute(
                sql: "UPDATE collections SET generation = ?1, slots = ?2, synced = ?2 WHERE id = ?3",
                arguments: [new.number, slotCount, collection.id])
            transaction.afterCommit(durably: true) { [self] in
                for slot in replay.deadSlots { new.points.remove(slot) }
                for (oldSlot, newSlot) in replay.changedSlots {
                    new.points.setVersion(newSlot, old.points.version(oldSlot))
                }
                for row in inserted { new.points.insert(row) }
                for field in new.fields {
                    if !inserted.isEmpty {
                        field.publish(
                            slotCount: slotCount, absent: inserted.filter { $0.vectors & field.bit == 0 }.map(\.slot))
                    }
                    field.remove(replay.deadSlots)
                }
                new.payloadIndexes.install(builder)
                collection.lock.write {
                    // Indexes may have been declared and dropped meanwhile.
                    new.payloadIndexes.declare(old.payloadIndexes.schemas)
                    collection.generation = new
                }
                removeFiles(old.number)
                compactor.reclaimer.reclaim([old.table.name])
                compactor.logger.tell(
                    .compactionEnded(
                        collection.name, live: new.points.liveCount,
                        removed: old.points.slotCount - new.points.slotCount, loader.environment.time.now - start))
            }
        }
    }

    /// What the logged changes mean for the new generation.
    private struct Replay {
        /// New slots whose points were deleted or rewritten.
        var deadSlots: [UInt32] = []
        /// Old and new slots of points whose payload changed.
        var changedSlots: OrderedDictionary<UInt32, UInt32> = [:]
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

    /// Declares exactly these indexes.
    func declare(_ wanted: OrderedDictionary<PayloadPath, PayloadFieldSchema>) {
        for path in Array(schemas.keys) where wanted[path] == nil { dropIndex(path) }
        for (path, schema) in wanted where schemas[path] != schema { createIndex(path, schema) }
    }
}
