import Synchronization

/// A collection's points between two compactions: the table, the rows, the indexes, all by the same slots.
///
/// Mutated on the writer thread under the collection's exclusive lock; read under its shared lock. Payload indexes and vectors
/// have locks of their own.
package final class Generation: @unchecked Sendable {
    package let number: Int
    package let table: PointsTable
    /// Changed under the exclusive lock, but by more than the writer thread, which reads without that lock.
    private let vectors: Mutex<Vectors>

    private struct Vectors {
        var fields: [any VectorField]
        var leaving: [any VectorField]
        /// Grows with each vector that comes or goes.
        var revision = 0
    }

    /// In the order of their bits.
    package var fields: [any VectorField] { vectors.withLock { $0.fields } }
    /// Deleted ones whose bits rows of the table may still have; points have them no more. In the order of their bits.
    var leaving: [any VectorField] { vectors.withLock { $0.leaving } }
    /// Another one, when vectors have come or gone.
    package var vectorsRevision: Int { vectors.withLock { $0.revision } }
    package var points: PointTable
    package let payloadIndexes: PayloadIndexes
    /// Builds under way, whose builders log all writes. Goes up while publication is held, and down once the built indexes
    /// are installed.
    let payloadIndexBuilds = Atomic(0)
    /// The live slots in the order of their ids, made by the first scroll.
    package let idOrder = IDOrder()

    package init(
        number: Int, table: PointsTable, fields: [any VectorField], leaving: [any VectorField], points: PointTable,
        payloadIndexes: PayloadIndexes
    ) {
        self.number = number
        self.table = table
        vectors = Mutex(
            Vectors(fields: fields.sorted { $0.bit < $1.bit }, leaving: leaving.sorted { $0.bit < $1.bit }))
        self.points = points
        self.payloadIndexes = payloadIndexes
    }

    /// Whether publication must hand payloads to the indexes. Under the lock; while publication is held it can't
    /// become true.
    var needsPayloads: Bool { payloadIndexes.fieldIndexCount > 0 || payloadIndexBuilds.load(ordering: .relaxed) > 0 }

    package func row(_ slot: UInt32) -> PointRow { points.row(slot) }

    /// The field of a vector name; `nil` for an unknown one.
    package func field(_ name: String) -> (any VectorField)? { fields.first { $0.name.hasSameBytes(as: name) } }

    /// The bits of vectors that points can have.
    var bits: UInt64 { fields.reduce(0) { $0 | $1.bit } }

    /// The fields of all bits that rows of the table can have, in the order of their bits.
    package var storedFields: [any VectorField] {
        vectors.withLock { ($0.fields + $0.leaving).sorted { $0.bit < $1.bit } }
    }

    /// The slots without a vector. Complexity: O(slots).
    func absentSlots(_ field: any VectorField) -> [UInt32] {
        (0..<UInt32(points.slotCount)).filter { !points.isLive($0) || points.vectors($0) & field.bit == 0 }
    }

    /// Shows a field's searches all points that have the vector. Complexity: O(slots).
    func publishAll(_ field: any VectorField) {
        field.publish(slotCount: points.slotCount, absent: absentSlots(field))
    }

    /// Adds a field that no point has. Under the exclusive lock.
    func add(_ field: any VectorField) {
        publishAll(field)
        vectors.withLock { vectors in
            vectors.fields.append(field)
            vectors.fields.sort { $0.bit < $1.bit }
            vectors.revision += 1
        }
    }

    /// Has each field follow the settings that now hold. Returns whether there is more to be done for them, or something was put
    /// in place. Under the exclusive lock.
    func follow(_ settings: CollectionConfiguration) -> Bool {
        var hasChanged = false
        for field in fields {
            switch field.follow(settings, slotCount: points.slotCount, absent: { absentSlots(field) }) {
            case .none: continue
            case .begun: break
            case .replaced(let new): replace(new)
            }
            hasChanged = true
        }
        return hasChanged
    }

    /// Puts a field over the same rows in the place of the one with its id. Under the exclusive lock, or before the generation is
    /// shared.
    func replace(_ field: any VectorField) {
        vectors.withLock { vectors in
            guard let place = vectors.fields.firstIndex(where: { $0.id == field.id }) else { return }
            vectors.fields[place] = field
        }
    }

    /// Takes a vector away from all points. Under the exclusive lock. Complexity: O(slots).
    func retire(_ id: VectorID) {
        let bit = vectors.withLock { vectors -> UInt64? in
            guard let place = vectors.fields.firstIndex(where: { $0.id == id }) else { return nil }
            let field = vectors.fields.remove(at: place)
            field.retire()
            vectors.leaving.append(field)
            vectors.leaving.sort { $0.bit < $1.bit }
            vectors.revision += 1
            return field.bit
        }
        if let bit { points.clear(bit) }
    }

    /// Under the exclusive lock.
    func forget(_ id: VectorID) { vectors.withLock { $0.leaving.removeAll { $0.id == id } } }

    /// Replays committed changes. Under the exclusive lock. The payload indexes have them by then.
    func publish(_ events: [StagedChanges.Event], slotCount: Int) {
        let fields = self.fields
        let firstNew = UInt32(points.slotCount)
        points.extend(to: slotCount)
        var removed: [UInt32] = []
        var absent: [[UInt32]] = Array(repeating: [], count: fields.count)
        let bits = fields.map(\.bit)
        for event in events {
            switch event {
            case .insert(let row, _):
                points.insert(row)
                for (place, bit) in bits.enumerated() where row.vectors & bit == 0 { absent[place].append(row.slot) }
            case .remove(let slot):
                points.remove(slot)
                removed.append(slot)
            case .payload(let row, _, _): points.setVersion(row.slot, row.version)
            }
        }
        for (place, field) in fields.enumerated() {
            if slotCount > Int(firstNew) { field.publish(slotCount: slotCount, absent: absent[place]) }
            if !removed.isEmpty { field.remove(removed) }
        }
    }
}
