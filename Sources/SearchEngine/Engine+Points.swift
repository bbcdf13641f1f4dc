import Foundation
import GRDB
import JSON

extension Engine {
    /// Operations whose vectors are checked, normalised and rounded: what takes time and no turn on the writer.
    public struct PreparedUpdate: Sendable {
        let collection: PointCollection
        /// What the vectors were prepared for.
        let configuration: CollectionConfiguration
        let operations: [PreparedOperation]

        /// Whether nothing is added or grows.
        var onlyFrees: Bool { operations.allSatisfy(\.onlyFrees) }
        /// Whether nothing is added but what points that lose a vector are written anew with.
        var isDeletion: Bool { operations.allSatisfy(\.isDeletion) }

        /// What it takes of memory while it waits, about.
        var bytes: Int { operations.reduce(0) { $0 + $1.bytes } }
    }

    /// Does the caller's share of an update, on its thread. Throws `.invalid` for vectors that can't be stored.
    public func prepare(_ collection: String, _ operations: [UpdateOperation]) throws -> PreparedUpdate {
        let collection = try self.collection(collection)
        let (configuration, needsPayloads) = collection.lock.read {
            (collection.configuration, collection.generation.needsPayloads)
        }
        return PreparedUpdate(
            collection: collection, configuration: configuration,
            operations: try operations.map {
                try PreparedOperation(
                    $0, configuration: configuration, kinds: self.configuration.fieldKinds,
                    parsingPayloads: needsPayloads)
            })
    }

    /// Applies the operations in order, durably and visibly to every later search; all of them or none.
    ///
    /// When the deadline comes first, the answer is `.waitTimeout`: the operations stay in the queue, and are applied
    /// or refused later, as if nobody had waited.
    public func update(_ update: PreparedUpdate, deadline: Deadline? = nil) async throws -> [UpdateResult] {
        try await withCheckedThrowingContinuation { continuation in
            self.update(update, deadline: deadline) { continuation.resume(with: $0) }
        }
    }

    /// `update` with a callback, which is called once, on a thread that must not be kept.
    public func update(
        _ update: PreparedUpdate, deadline: Deadline?,
        completion: @escaping @Sendable (Result<[UpdateResult], any Error>) -> Void
    ) {
        let answer = FirstAnswer(completion)
        let count = update.operations.count
        let gate = makeGate(update.collection)
        let timer = deadline.map { deadline in
            environment.executor.schedule(at: deadline) {
                gate.noteAnswered()
                answer.give(.success(Array(repeating: .waitTimeout, count: count)))
            }
        }
        nonisolated(unsafe) var results: [UpdateResult] = []
        if let refusal = refusal(of: update) {
            timer?.cancel()
            return answer.give(.failure(refusal))
        }
        queue.submit(freeing: freeing(update) { results = $0 }, bytes: update.bytes, gate: gate) { [self] transaction in
            results = try apply(update, mayScan: gate.mayScan, transaction)
        } completion: { outcome in
            timer?.cancel()
            answer.give(outcome.map { results })
        }
    }

    /// On the writer thread.
    private func apply(_ update: PreparedUpdate, mayScan: Bool, _ transaction: WriteTransaction) throws
        -> [UpdateResult]
    {
        let update = try current(update)
        let results = try transaction.apply(update, mayScan: mayScan)
        try follow(update.collection, transaction)
        return results
    }

    /// Why the update can't be taken now: index builds and the compaction of its collection keep too much of earlier changes.
    private func refusal(of update: PreparedUpdate) -> EngineError? {
        let memory = update.collection.changeMemory
        guard memory.isUsedUp, !update.onlyFrees else { return nil }
        return EngineError.busy(
            """
            Index builds or a compaction of collection `\(update.collection.name)` keep \(memory.usedBytes >> 20) MiB of changes; \
            try again when they are done
            """)
    }

    /// The update in parts, for a full disk, if it only takes things away.
    private func freeing(
        _ update: PreparedUpdate, _ note: @escaping ([UpdateResult]) -> Void
    ) -> FreeingJob? {
        guard update.isDeletion else { return nil }
        guard update.onlyFrees else {
            return FreeingJob(growth: { [self] in try $0.growth(of: current(update)) })
        }
        let progress = FreeingProgress()
        return FreeingJob { [self] transaction, rows in
            let update = try current(update)
            let isLast = try transaction.applyPart(update, progress, rows: rows)
            try follow(update.collection, transaction)
            note(
                Array(
                    repeating: UpdateResult(operationID: update.collection.version), count: update.operations.count))
            return isLast
        }
    }

    /// The update for the collection that has taken the place of the one that it was prepared for. Throws `.conflict` when that
    /// has other vectors. On the writer thread.
    private func current(_ update: PreparedUpdate) throws -> PreparedUpdate {
        let collection = try current(update.collection)
        guard collection !== update.collection else { return update }
        // The same names may stand for other ids there.
        guard collection.configuration.vectors == update.configuration.vectors,
            collection.configuration.vectorRegistry.entries == update.configuration.vectorRegistry.entries
        else {
            throw EngineError.conflict(
                "Collection `\(collection.name)` was replaced meanwhile by one with other vectors; try again"
            )
        }
        return PreparedUpdate(
            collection: collection, configuration: update.configuration, operations: update.operations)
    }

    private func makeGate(_ collection: PointCollection) -> WriteGate {
        WriteGate(collection) { [indexBuilds] missing, completion in
            indexBuilds.request(missing.keys, of: missing.collection) { _ in completion() }
        }
    }

    /// `prepare` and `update` in one.
    public func update(_ collection: String, _ operations: [UpdateOperation]) async throws -> [UpdateResult] {
        try await update(prepare(collection, operations))
    }

    /// `update`, waiting on this thread.
    public func updateBlocking(_ collection: String, _ operations: [UpdateOperation]) throws -> [UpdateResult] {
        let prepared = try prepare(collection, operations)
        if let refusal = refusal(of: prepared) { throw refusal }
        let gate = makeGate(prepared.collection)
        nonisolated(unsafe) var partial: [UpdateResult]?
        let results = try queue.perform(
            freeing: freeing(prepared) { partial = $0 }, bytes: prepared.bytes, gate: gate
        ) {
            try self.apply(prepared, mayScan: gate.mayScan, $0)
        }
        return partial ?? results
    }

    /// Runs `body` in one durable transaction. What it changes in collections (through
    /// `WriteTransaction.update`) and in tables of its own (through `WriteTransaction.database`) is committed
    /// together or, when it throws, not at all. Blocks; must not be called from inside another transaction.
    ///
    /// - Parameters:
    ///   - mayUseReserve: whether it is done on a full disk as well, by the space that is set aside for deletions: for what
    ///     deletes, and for little that a start can't do without.
    ///   - bytes: what `body` holds while it waits, about; `.busy` is thrown where all that waits takes too much.
    ///   - deadline: how long this waits; then `.timeout` is thrown, and `body` may be done later all the same.
    public func write<T>(
        mayUseReserve: Bool = false, bytes: Int = 0, deadline: Deadline? = nil,
        _ body: @escaping (WriteTransaction) throws -> T
    ) throws -> T {
        let freeing = mayUseReserve ? FreeingJob() : nil
        return try queue.perform(freeing: freeing, bytes: bytes, until: deadline) { [self] transaction in
            transaction.engine = self
            return try body(transaction)
        }
    }

    /// Reads tables beside the points, in one consistent snapshot. Blocks.
    public func read<T>(_ body: (GRDB.Database) throws -> T) throws -> T { try database.read(body) }

    /// The points of the ids that exist, in the order asked. Throws `.timeout` once `deadline` has passed.
    public func retrieve(
        _ collection: String, ids: [PointID], payload: PayloadSelector, vectors: VectorSelector,
        deadline: Deadline? = nil
    ) throws -> [Record] {
        try withCollection(collection) { collection in
            try retrying("Retrieve", deadline) {
                let (found, generation) = try collection.lock.read {
                    guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
                    let generation = collection.generation
                    let found = try ids.compactMap { id in
                        try generation.points.slot(of: id).map { slot in
                            Found(
                                slot: slot,
                                record: Record(
                                    id: id, version: generation.points.version(slot),
                                    vectors: try generation.vectors(vectors, slot)))
                        }
                    }
                    return (found, generation)
                }
                return try withPayloads(found, payload, generation, "Retrieve", deadline)
            }
        }
    }

    /// The number of points that match. Always exact, also when an estimate would do. Throws `.timeout` once `deadline`
    /// has passed.
    public func count(_ collection: String, filter: Filter?, exact: Bool, deadline: Deadline? = nil) throws -> Int {
        try environment.time.check(deadline, "Count")
        return try withCollection(collection) { collection in
            try reader.reading(collection, filter: filter, "Count", deadline: deadline) { view, pace in
                guard let filter, !filter.isEmpty else { return view.pointCount }
                return try view.matchingSlots(filter, &pace).count
            }
        }
    }

    private struct Found {
        var slot: UInt32
        var record: Record
    }

    private func withPayloads(
        _ found: [Found], _ selector: PayloadSelector, _ generation: Generation, _ operation: String,
        _ deadline: Deadline?
    ) throws -> [Record] {
        if selector == .none { return found.map(\.record) }
        let payloads = try payloads(found.map(\.slot), selector, generation, operation, deadline)
        return zip(found, payloads).map { found, payload in
            var record = found.record
            record.payload = payload
            return record
        }
    }

    /// Payloads read between two looks at the clock.
    private static let payloadsPerCheck = 256

    /// The selected payloads at some slots, in one read. Throws `StaleSlot` when a slot's point was rewritten or
    /// deleted after the slots were found.
    func payloads(
        _ slots: [UInt32], _ selector: PayloadSelector, _ generation: Generation, _ operation: String,
        _ deadline: Deadline?, mayWait: Bool = true
    ) throws -> [Payload?] {
        guard !slots.isEmpty else { return [] }
        var payloads: [Payload?] = []
        payloads.reserveCapacity(slots.count)
        do {
            try database.forEachPayload(in: generation.table, at: slots, mayWait: mayWait) { payload in
                if payloads.count % Self.payloadsPerCheck == 0 {
                    CoreTurn.step()
                    try environment.time.check(deadline, operation)
                }
                guard let payload else { throw StaleSlot() }
                payloads.append(selector.apply(payload))
            }
        } catch is DatabaseError {
            // The table itself is gone: the collection was dropped or compacted.
            throw StaleSlot()
        }
        return payloads
    }

    /// Looks again when points changed between finding them and reading their payloads.
    ///
    /// A change is in the database a moment before memory shows it; whoever gets hold of publication knows that memory
    /// has caught up. A commit would have to fall into every one of many looks to end them without an answer.
    func retrying<T>(_ operation: String, _ deadline: Deadline?, _ body: () throws -> T) throws -> T {
        for _ in 0..<100 {
            try environment.time.check(deadline, operation)
            do { return try body() } catch is StaleSlot {}
            guard queue.publication.lock(within: environment.time.remaining(until: deadline)) else {
                throw timedOut(operation)
            }
            queue.publication.unlock()
        }
        throw EngineError.unavailable("The points that were found keep changing; try again")
    }
}

/// A slot that was found is no longer in the database.
struct StaleSlot: Error {}

extension WriteTransaction {
    /// Applies operations to a collection as part of this transaction. Only inside `Engine.write`.
    @discardableResult
    public func update(_ collection: String, _ operations: [UpdateOperation]) throws -> [UpdateResult] {
        guard let engine else { throw EngineError.unavailable("The transaction is over") }
        let collection = try engine.collection(collection)
        return try operations.map {
            let operation = try PreparedOperation(
                $0, configuration: collection.configuration, kinds: engine.configuration.fieldKinds,
                parsingPayloads: false)
            return try apply(operation, to: collection)
        }
    }

    /// The settings of a collection, and whether it has no point, by its own name; `nil` when there is none. An alias names
    /// nothing here.
    public func settings(of collection: String) throws -> (configuration: CollectionConfiguration, isEmpty: Bool)? {
        guard let engine else { throw EngineError.unavailable("The transaction is over") }
        guard let found = engine.catalog.withLock({ $0.collections[ByteString(collection)] }) else { return nil }
        let table: String
        do { table = try changes(found).generation.table.name } catch EngineError.notFound {
            // An earlier job of the group has dropped it.
            return nil
        }
        let hasPoints = try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM \(table))") ?? false
        return (found.configuration, !hasPoints)
    }

    /// Whether a point is there, and has a vector, as this transaction sees it.
    public func hasVector(_ id: PointID, in collection: String) throws -> Bool {
        guard let engine else { throw EngineError.unavailable("The transaction is over") }
        return try changes(engine.collection(collection)).row(id).map { $0.vectors != 0 } ?? false
    }

    /// The point's payload as this transaction sees it; `nil` when there is no such point.
    public func payload(_ id: PointID, in collection: String) throws -> Payload? {
        guard let engine else { throw EngineError.unavailable("The transaction is over") }
        let changes = try changes(engine.collection(collection))
        return try changes.row(id).map { try changes.payload($0, database) }
    }
}

extension Generation {
    /// The asked vectors of a slot; `nil` when none are asked for. Throws `.invalid` for an unknown name.
    func vectors(_ selector: VectorSelector, _ slot: UInt32) throws -> NamedVectors? {
        let wanted: [any VectorField]
        switch selector {
        case .none: return nil
        case .all: wanted = fields
        case .names(let names):
            wanted = try names.map { name in
                guard let field = field(name) else { throw unknownVector(name) }
                return field
            }
        }
        let mask = points.vectors(slot)
        var vectors: NamedVectors = [:]
        for field in wanted where mask & field.bit != 0 { vectors[field.name] = field.value(slot) }
        return vectors
    }
}
