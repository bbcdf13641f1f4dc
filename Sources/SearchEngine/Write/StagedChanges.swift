import GRDB
import JSON
import VectorIndex

/// What a transaction has changed in one collection so far and memory doesn't show yet.
///
/// SQLite sees each change at once (inside the transaction); memory follows in `publish`, after the commit.
/// Lookups look here first, so that a job sees what earlier jobs of its group did.
final class StagedChanges {
    /// The newest state of a point that this transaction touched.
    enum State {
        case deleted
        case stored(PointRow, Payload)
    }

    /// What publication replays, in order.
    enum Event {
        case insert(PointRow, Payload)
        case remove(slot: UInt32)
        case payload(PointRow, old: Payload, new: Payload)

        /// What it takes of memory, about.
        var bytes: Int {
            let payloads =
                switch self {
                case .insert(_, let payload): payload.json.count
                case .remove: 0
                case .payload(_, let old, let new): old.json.count + new.json.count
                }
            return MemoryLayout<Self>.stride + payloads
        }
    }

    let collection: PointCollection
    let generation: Generation
    private(set) var version: UInt64
    private(set) var slotCount: Int
    private(set) var states: [PointID: State] = [:]
    private var events: [Event] = []
    /// What the callers have parsed of the events' payloads, by the events' places.
    private var parsedPayloads: [Int: JSONValue] = [:]

    /// The states of points before the job that is under way, the newest last.
    private(set) var undo: [(PointID, State?)] = []
    private var markedVersion: UInt64 = 0
    private var markedSlotCount = 0
    private var markedEvents = 0

    init(_ collection: PointCollection) {
        self.collection = collection
        generation = collection.generation
        version = collection.version
        slotCount = generation.points.slotCount
    }

    func mark() {
        undo = []
        markedVersion = version
        markedSlotCount = slotCount
        markedEvents = events.count
    }

    func rollbackToMark() {
        for (id, state) in undo.reversed() { states[id] = state }
        undo = []
        version = markedVersion
        slotCount = markedSlotCount
        for place in markedEvents..<events.count { parsedPayloads.removeValue(forKey: place) }
        events.removeLast(events.count - markedEvents)
    }

    /// Begins one operation; its changes carry the new version.
    func nextVersion() -> UInt64 {
        version += 1
        return version
    }

    /// Hands out `count` slots in sequence. Throws `.invalid` when the collection is full.
    func takeSlots(_ count: Int) throws -> UInt32 {
        guard slotCount + count <= VectorIndex.maximumSlots else {
            throw EngineError.invalid(
                "The collection is full: it can't hold more than \(VectorIndex.maximumSlots) slots")
        }
        defer { slotCount += count }
        return UInt32(slotCount)
    }

    /// The point's row as this transaction sees it.
    func row(_ id: PointID) -> PointRow? {
        switch states[id] {
        case .deleted: nil
        case .stored(let row, _): row
        case nil: generation.points.slot(of: id).map { generation.row($0) }
        }
    }

    func payload(_ row: PointRow, _ db: GRDB.Database) throws -> Payload {
        if case .stored(_, let payload) = states[row.id] { return payload }
        guard let payload = try generation.table.payload(slot: row.slot, db) else {
            throw EngineError.storage("The row of point \(row.id) is missing from the database")
        }
        return payload
    }

    func insert(
        _ row: PointRow, checksum: UInt64, _ payload: Payload, parsed: JSONValue? = nil, _ db: GRDB.Database
    ) throws {
        if let old = self.row(row.id) { try removeRow(old, db) }
        try generation.table.insert(row, checksum: checksum, payload: payload, db)
        if let parsed { parsedPayloads[events.count] = parsed }
        events.append(.insert(row, payload))
        set(row.id, .stored(row, payload))
    }

    func remove(_ row: PointRow, _ db: GRDB.Database) throws {
        try removeRow(row, db)
        set(row.id, .deleted)
    }

    func setPayload(_ row: PointRow, _ payload: Payload, version: UInt64, _ db: GRDB.Database) throws {
        let old = try self.payload(row, db)
        try generation.table.setPayload(slot: row.slot, version: version, payload: payload, db)
        var row = row
        row.version = version
        events.append(.payload(row, old: old, new: payload))
        set(row.id, .stored(row, payload))
    }

    private func removeRow(_ row: PointRow, _ db: GRDB.Database) throws {
        try generation.table.delete(slot: row.slot, db)
        events.append(.remove(slot: row.slot))
    }

    private func set(_ id: PointID, _ state: State) {
        undo.append((id, states[id]))
        states[id] = state
    }

    /// Records the version and slot count; with the commit they make the new rows part of the collection. `isSynced`:
    /// the vector files are synced before the commit.
    func finish(_ db: GRDB.Database, isSynced: Bool) throws {
        for field in generation.fields { try field.reserve(slotCount: slotCount) }
        // A start opens them with all slots, too.
        for field in generation.leaving { try field.skip(slotCount: slotCount) }
        let assignments = "version = ?1, slots = ?2" + (isSynced ? ", synced = ?2" : "")
        try db.cachedStatement(sql: "UPDATE collections SET \(assignments) WHERE id = ?3")
            .execute(arguments: [Int64(bitPattern: version), slotCount, collection.id])
    }

    /// Brings memory up to what was committed.
    func publish() {
        guard !collection.isDropped else { return }
        // The indexes first, without the lock: slots that nobody knows yet are in no answer.
        guard collection.lock.read({ generation.needsPayloads }) else { return publishPoints() }
        generation.payloadIndexes.apply(
            events.enumerated().compactMap { Self.payloadChange($0.element, parsedPayloads[$0.offset]) },
            publishing: publishPoints)
    }

    private func publishPoints() {
        collection.lock.write {
            collection.version = version
            generation.publish(events, slotCount: slotCount)
            collection.noteChanges(events)
        }
    }

    /// What an event changes for payload indexes.
    ///
    /// - Parameter parsed: the new payload, if the caller has parsed it.
    private static func payloadChange(_ event: Event, _ parsed: JSONValue?) -> PayloadChange? {
        switch event {
        case .insert(let row, let payload): PayloadChange(slot: row.slot, new: parsed ?? payload.value)
        // The slot is in no answer from then on.
        case .remove: nil
        case .payload(let row, let old, let new): PayloadChange(slot: row.slot, old: old.value, new: new.value)
        }
    }
}
