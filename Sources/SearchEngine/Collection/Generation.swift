import JSON
import Synchronization
import VectorIndex

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
        var spaces: [VectorSpace]
        var leaving: [VectorSpace]
        var successors: [VectorID: VectorIndex] = [:]
    }

    /// In the order of their bits.
    package var spaces: [VectorSpace] { vectors.withLock { $0.spaces } }
    /// Deleted ones whose bits rows of the table may still have; points have them no more. In the order of their bits.
    var leaving: [VectorSpace] { vectors.withLock { $0.leaving } }
    /// Indexes over the same rows that are built with settings which have changed, and take the places of those in `spaces`.
    var successors: [VectorID: VectorIndex] { vectors.withLock { $0.successors } }
    package var points: PointTable
    package let payloadIndexes: PayloadIndexes
    /// Builds under way, whose builders log all writes. Goes up while publication is held, and down once the built indexes
    /// are installed.
    let payloadIndexBuilds = Atomic(0)
    /// The live slots in the order of their ids, made by the first scroll.
    package let idOrder = IDOrder()

    package init(
        number: Int, table: PointsTable, spaces: [VectorSpace], leaving: [VectorSpace], points: PointTable,
        payloadIndexes: PayloadIndexes
    ) {
        self.number = number
        self.table = table
        vectors = Mutex(
            Vectors(spaces: spaces.sorted { $0.bit < $1.bit }, leaving: leaving.sorted { $0.bit < $1.bit }))
        self.points = points
        self.payloadIndexes = payloadIndexes
    }

    /// Whether publication must hand payloads to the indexes. Under the lock; while publication is held it can't
    /// become true.
    var needsPayloads: Bool { payloadIndexes.fieldIndexCount > 0 || payloadIndexBuilds.load(ordering: .relaxed) > 0 }

    package func row(_ slot: UInt32) -> PointRow {
        PointRow(slot: slot, id: points.id(slot), version: points.version(slot), vectors: points.vectors(slot))
    }

    /// The space of a vector name; `nil` for an unknown one.
    package func space(_ name: String) -> VectorSpace? { spaces.first { $0.name.hasSameBytes(as: name) } }

    /// The bits of vectors that points can have.
    var bits: UInt64 { spaces.reduce(0) { $0 | $1.bit } }

    /// The spaces of all bits that rows of the table can have, in the order of their bits.
    var storedSpaces: [VectorSpace] {
        vectors.withLock { ($0.spaces + $0.leaving).sorted { $0.bit < $1.bit } }
    }

    /// Shows an index all points that have a vector. Complexity: O(slots).
    func publish(_ space: VectorSpace, to index: VectorIndex) {
        let slots = 0..<UInt32(points.slotCount)
        let absent = slots.filter { !points.isLive($0) || points.vectors($0) & space.bit == 0 }
        index.publish(rows: space.file.matrix, count: slots.count, absent: absent)
    }

    /// Adds a space that no point has. Under the exclusive lock.
    func add(_ space: VectorSpace) {
        publish(space, to: space.index)
        vectors.withLock { vectors in
            vectors.spaces.append(space)
            vectors.spaces.sort { $0.bit < $1.bit }
        }
    }

    /// Begins an index with other settings beside a vector's. Under the exclusive lock. Complexity: O(slots).
    func beginSuccessor(of space: VectorSpace, _ parameters: IndexParameters) {
        var parameters = parameters
        parameters.limits = space.index.parameters.limits
        let index = VectorIndex(parameters)
        publish(space, to: index)
        vectors.withLock { $0.successors[space.id] = index }
    }

    /// Under the exclusive lock.
    func dropSuccessor(of id: VectorID) { vectors.withLock { $0.successors[id] = nil } }

    /// Puts the index that was built with other settings in the place of a vector's. Under the exclusive lock.
    func adoptSuccessor(of id: VectorID) {
        guard let index = vectors.withLock({ $0.successors.removeValue(forKey: id) }) else { return }
        replaceIndex(of: id, with: index)
    }

    /// Puts an index over the same rows in the place of a vector's. Under the exclusive lock, or before the generation is shared.
    func replaceIndex(of id: VectorID, with index: VectorIndex) {
        vectors.withLock { vectors in
            guard let place = vectors.spaces.firstIndex(where: { $0.id == id }) else { return }
            vectors.spaces[place] = vectors.spaces[place].with(index)
        }
    }

    /// Takes a vector away from all points. Under the exclusive lock. Complexity: O(slots).
    func retire(_ id: VectorID) {
        let bit = vectors.withLock { vectors -> UInt64? in
            guard let place = vectors.spaces.firstIndex(where: { $0.id == id }) else { return nil }
            let space = vectors.spaces.remove(at: place)
            vectors.successors[id] = nil
            vectors.leaving.append(space)
            vectors.leaving.sort { $0.bit < $1.bit }
            return space.bit
        }
        if let bit { points.clear(bit) }
    }

    /// Under the exclusive lock.
    func forget(_ id: VectorID) { vectors.withLock { $0.leaving.removeAll { $0.id == id } } }

    /// Replays committed changes. Under the exclusive lock. The payload indexes have them by then.
    func publish(_ events: [StagedChanges.Event], slotCount: Int) {
        let (spaces, successors) = vectors.withLock { ($0.spaces, $0.successors) }
        let firstNew = UInt32(points.slotCount)
        points.extend(to: slotCount)
        var removed: [UInt32] = []
        var absent: [[UInt32]] = Array(repeating: [], count: spaces.count)
        let bits = spaces.map(\.bit)
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
        for (place, space) in spaces.enumerated() {
            for index in [space.index, successors[space.id]].compactMap(\.self) {
                if slotCount > Int(firstNew) {
                    index.publish(rows: space.file.matrix, count: slotCount, absent: absent[place])
                }
                if !removed.isEmpty { index.remove(removed) }
            }
        }
    }
}
