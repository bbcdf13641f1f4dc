import GRDB
import JSON

/// An operation whose vectors are ready to be stored.
enum PreparedOperation: Sendable {
    case upsert(PreparedPoints, mode: UpdateOperation.UpsertMode, condition: Filter?)
    case updateVectors(PreparedPoints, condition: Filter?)
    case other(UpdateOperation)

    /// What it takes of memory, about.
    var bytes: Int {
        switch self {
        case .upsert(let points, _, _), .updateVectors(let points, _): points.bytes
        case .other(let operation): operation.bytes
        }
    }

    /// Whether nothing is added or grows.
    var onlyFrees: Bool {
        if case .other(let operation) = self { operation.freedSelection != nil } else { false }
    }

    /// Whether it only takes away. A point that loses a vector moves to another slot, so that something grows for a while.
    var isDeletion: Bool {
        if case .other(.deleteVectors) = self { true } else { onlyFrees }
    }

    /// Does the caller's share of the work. Throws `.invalid` for vectors that can't be stored.
    init(
        _ operation: UpdateOperation, configuration: CollectionConfiguration, kinds: FieldKinds, parsingPayloads: Bool
    ) throws {
        switch operation {
        case .upsert(let points, let mode, let condition):
            let prepared = try PreparedPoints(
                points.map { ($0.id, $0.vectors, $0.payload) }, configuration: configuration, kinds: kinds,
                parsingPayloads: parsingPayloads)
            self = .upsert(prepared, mode: mode, condition: condition)
        case .updateVectors(let points, let condition):
            let prepared = try PreparedPoints(
                points.map { ($0.id, $0.vectors, .empty) }, configuration: configuration, kinds: kinds,
                parsingPayloads: false)
            self = .updateVectors(prepared, condition: condition)
        default: self = .other(operation)
        }
    }
}

extension Engine {
    /// How far an update is that is made in parts.
    final class FreeingProgress {
        var operation = 0
        /// Rows at slots below are done.
        var slot: UInt32 = 0
    }
}

extension UpdateOperation {
    /// Of its ids and payload, about.
    fileprivate var bytes: Int {
        func bytes(_ selection: PointSelection) -> Int {
            if case .ids(let ids) = selection { ids.count * MemoryLayout<PointID>.stride } else { 1_024 }
        }
        return switch self {
        case .delete(let selection), .deleteVectors(let selection, _), .deletePayload(let selection, _),
            .clearPayload(let selection):
            bytes(selection)
        case .setPayload(let selection, let payload, _), .overwritePayload(let selection, let payload, _):
            bytes(selection) + payload.serialized().count
        // Prepared by then.
        case .upsert, .updateVectors: 0
        }
    }

    /// The points of an operation by which nothing grows; `nil` for others.
    fileprivate var freedSelection: PointSelection? {
        switch self {
        case .delete(let selection), .deletePayload(let selection, _), .clearPayload(let selection): selection
        default: nil
        }
    }

    /// The same for other points.
    fileprivate func selecting(_ selection: PointSelection) -> UpdateOperation {
        switch self {
        case .delete: .delete(selection)
        case .deletePayload(_, let keys): .deletePayload(selection, keys: keys)
        case .clearPayload: .clearPayload(selection)
        default: self
        }
    }
}

extension WriteTransaction {
    /// Throws `PayloadIndexesMissing`, unless it may scan, when a filter needs indexes that are not there.
    func apply(_ update: Engine.PreparedUpdate, mayScan: Bool) throws -> [UpdateResult] {
        self.mayScan = mayScan
        return try update.operations.map { try apply($0, to: update.collection) }
    }

    /// Bytes of vectors that a deletion writes anew.
    func growth(of update: Engine.PreparedUpdate) throws -> Int {
        let changes = try changes(update.collection)
        let rowBytes = changes.generation.fields.reduce(0) { $0 + $1.copyBytes(rowCount: 1) }
        return try update.operations.reduce(0) { sum, operation in
            guard case .other(.deleteVectors(let selection, _)) = operation else { return sum }
            return sum + (try rows(selection, changes, missing: .skipped).count) * rowBytes
        }
    }

    /// Applies the next part of an update that only frees, so many rows of it. Returns whether nothing was left.
    func applyPart(_ update: Engine.PreparedUpdate, _ progress: Engine.FreeingProgress, rows count: Int) throws -> Bool
    {
        while progress.operation < update.operations.count {
            guard case .other(let operation) = update.operations[progress.operation],
                let selection = operation.freedSelection
            else { preconditionFailure("an update that doesn't only free") }
            let changes = try changes(update.collection)
            let left = try rows(selection, changes, missing: .skipped).filter { $0.slot >= progress.slot }
                .sorted { $0.slot < $1.slot }.prefix(count)
            guard let last = left.last else {
                progress.operation += 1
                progress.slot = 0
                continue
            }
            let part = operation.selecting(.ids(left.map(\.id)))
            _ = try apply(.other(part), to: update.collection)
            progress.slot = last.slot + 1
            return false
        }
        return true
    }

    /// Applies one operation to a collection; the change is part of this transaction.
    func apply(_ operation: PreparedOperation, to collection: PointCollection) throws -> UpdateResult {
        let changes = try changes(collection)
        let version = changes.nextVersion()
        switch operation {
        case .upsert(let points, let mode, let condition):
            try upsert(points, mode, condition, version, changes)
        case .updateVectors(let points, let condition):
            try updateVectors(points, condition, version, changes)
        case .other(.delete(let selection)):
            for row in try rows(selection, changes, missing: .skipped) { try changes.remove(row, database) }
        case .other(.deleteVectors(let selection, let names)):
            try deleteVectors(selection, names, version, changes)
        case .other(.setPayload(let selection, let payload, let key)):
            guard case .object(let object) = payload else { throw EngineError.invalid("A payload must be an object") }
            try editPayloads(selection, version, changes) { value in
                PayloadEdit.merge(object, at: key?.steps[...] ?? [], in: &value)
            }
        case .other(.overwritePayload(let selection, let payload, _)):
            // As in Qdrant, the whole payload is replaced, also when a key is given.
            guard case .object = payload else { throw EngineError.invalid("A payload must be an object") }
            try editPayloads(selection, version, changes) { $0 = payload }
        case .other(.deletePayload(let selection, let keys)):
            try editPayloads(selection, version, changes) { value in
                for key in keys { PayloadEdit.remove(key.steps[...], from: &value) }
            }
        case .other(.clearPayload(let selection)):
            try editPayloads(selection, version, changes) { $0 = .object([:]) }
        case .other(.upsert), .other(.updateVectors): preconditionFailure("prepared above")
        }
        return UpdateResult(operationID: version)
    }

    private func upsert(
        _ points: PreparedPoints, _ mode: UpdateOperation.UpsertMode, _ condition: Filter?, _ version: UInt64,
        _ changes: StagedChanges
    ) throws {
        let accepted = try points.points.indices.filter { index in
            let existing = changes.row(points.points[index].id)
            switch (mode, existing) {
            case (.insertOnly, .some), (.updateOnly, nil): return false
            case (_, .some(let row)): return try condition.map { try matches($0, row, changes) } ?? true
            case (_, nil): return true
            }
        }
        let columns = try columns(points, changes)
        guard !accepted.isEmpty else { return }
        let first = try changes.takeSlots(accepted.count)
        for (field, column) in columns {
            if accepted.count == points.points.count {
                try field.write(column.rows, at: Int(first))
            } else {
                for (offset, index) in accepted.enumerated() {
                    try column.rows.withRow(index) { try field.write($0, at: Int(first) + offset) }
                }
            }
        }
        for (offset, index) in accepted.enumerated() {
            let point = points.points[index]
            var checksum = Checksum()
            for (_, column) in columns where point.vectors & column.bit != 0 {
                column.rows.withRow(index) { checksum.add($0) }
            }
            let row = PointRow(
                slot: first + UInt32(offset), id: point.id, version: version, vectors: point.vectors)
            try changes.insert(row, checksum: checksum.value, point.payload, parsed: point.parsed, database)
        }
    }

    /// The fields of prepared vectors, in the order of their bits. Throws for a vector that was deleted after the points were
    /// prepared.
    private func columns(
        _ points: PreparedPoints, _ changes: StagedChanges
    ) throws -> [(field: any VectorField, column: PreparedPoints.Column)] {
        try points.columns.map { column in
            guard let field = changes.generation.fields.first(where: { $0.id == column.id }) else {
                throw unknownVector(column.name.string)
            }
            return (field, column)
        }
    }

    private func updateVectors(
        _ points: PreparedPoints, _ condition: Filter?, _ version: UInt64, _ changes: StagedChanges
    ) throws {
        _ = try columns(points, changes)
        for (index, point) in points.points.enumerated() {
            guard let row = changes.row(point.id) else { throw missingPoint(point.id) }
            if let condition, try !matches(condition, row, changes) { continue }
            try rewrite(row, vectors: row.vectors | point.vectors, version, changes) { field, body in
                guard point.vectors & field.bit != 0, let column = points.column(field.id) else { return nil }
                return try column.rows.withRow(index, body)
            }
        }
    }

    private func deleteVectors(
        _ selection: PointSelection, _ names: [String], _ version: UInt64, _ changes: StagedChanges
    ) throws {
        var mask: UInt64 = 0
        for name in names {
            guard let field = changes.generation.field(name) else { throw unknownVector(name) }
            mask |= field.bit
        }
        for row in try rows(selection, changes, missing: .refused) where row.vectors & mask != 0 {
            try rewrite(row, vectors: row.vectors & ~mask, version, changes) { _, _ in nil }
        }
    }

    /// Moves a point to a new slot with the vectors of `vectors`: those that `replacement` gives, the others copied.
    private func rewrite(
        _ row: PointRow, vectors: UInt64, _ version: UInt64, _ changes: StagedChanges,
        replacement: (_ field: any VectorField, _ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Void?
    ) throws {
        let payload = try changes.payload(row, database)
        let slot = try changes.takeSlots(1)
        var checksum = Checksum()
        for field in changes.generation.fields where vectors & field.bit != 0 {
            let store = { (bytes: UnsafeRawBufferPointer) in
                checksum.add(bytes)
                try field.write(bytes, at: Int(slot))
            }
            if try replacement(field, store) == nil {
                try field.withRow(row.slot, store)
            }
        }
        let moved = PointRow(slot: slot, id: row.id, version: version, vectors: vectors)
        try changes.insert(moved, checksum: checksum.value, payload, database)
    }

    private func editPayloads(
        _ selection: PointSelection, _ version: UInt64, _ changes: StagedChanges,
        _ edit: (inout JSONValue) -> Void
    ) throws {
        for row in try rows(selection, changes, missing: .refused) {
            var value = try changes.payload(row, database).parsed()
            edit(&value)
            let payload = Payload(value)
            // What is stored must be readable again: a key path may have made it too deep.
            do { _ = try JSONValue(parsing: payload.json) } catch {
                throw EngineError.invalid("the payload of point \(row.id) can't be stored: \(error)")
            }
            try changes.setPayload(row, payload, version: version, database)
        }
    }

    private enum Missing { case skipped, refused }

    /// The rows that a selection names, as this transaction sees them, each once.
    private func rows(
        _ selection: PointSelection, _ changes: StagedChanges, missing: Missing
    ) throws -> [PointRow] {
        switch selection {
        case .ids(let ids):
            var seen = Set<PointID>()
            return try ids.compactMap { id in
                guard seen.insert(id).inserted else { return nil }
                if let row = changes.row(id) { return row }
                if missing == .refused { throw missingPoint(id) }
                return nil
            }
        case .filter(let filter):
            let (collection, generation) = (changes.collection, changes.generation)
            var rows: [PointRow] = []
            // Memory answers for what this transaction hasn't touched, the naive evaluator for what it has. No payload is
            // exchanged meanwhile: this thread alone does that.
            let view = try collection.lock.read { try CollectionView(collection, filters: [filter]) }
            if view.missing.isEmpty {
                forEachSetBit(try view.matchingSlots(filter).words) { slot in
                    let row = generation.row(slot)
                    if changes.states[row.id] == nil { rows.append(row) }
                }
            }
            guard view.missing.isEmpty else {
                guard mayScan else { throw PayloadIndexesMissing(collection: collection, keys: view.missing) }
                // The table shows what this transaction has done so far.
                try generation.table.forEachRecord(database) { row, _, payload in
                    if matches(filter, row, payload, generation) { rows.append(row) }
                }
                return rows
            }
            var touched: [PointRow] = []
            for state in changes.states.values {
                if case .stored(let row, _) = state, try matches(filter, row, changes) { touched.append(row) }
            }
            rows += touched.sorted { $0.slot < $1.slot }
            return rows
        }
    }

    private func matches(_ filter: Filter, _ row: PointRow, _ changes: StagedChanges) throws -> Bool {
        matches(filter, row, try changes.payload(row, database), changes.generation)
    }

    private func matches(_ filter: Filter, _ row: PointRow, _ payload: Payload, _ generation: Generation) -> Bool {
        let facts = PointFacts(
            id: row.id, hasVector: { name in generation.field(name).map { row.vectors & $0.bit != 0 } ?? false })
        return generation.payloadIndexes.view().matcher.matches(filter, payload.value, facts)
    }
}

func missingPoint(_ id: PointID) -> EngineError { .notFound("No point with id \(id) found") }

/// Calls `body` with each slot whose bit is set, in order.
func forEachSetBit(_ words: [UInt64], _ body: (UInt32) -> Void) {
    for (index, word) in words.enumerated() where word != 0 {
        var rest = word
        while rest != 0 {
            body(UInt32(index * 64 + rest.trailingZeroBitCount))
            rest &= rest - 1
        }
    }
}
