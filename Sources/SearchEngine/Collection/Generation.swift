import JSON
import Synchronization
import VectorIndex

/// A collection's points between two compactions: the table, the rows, the indexes, all by the same slots.
///
/// Mutated on the writer thread under the collection's exclusive lock; read under its shared lock.
package final class Generation: @unchecked Sendable {
    package let number: Int
    package let table: PointsTable
    package let spaces: [VectorSpace]
    package var points: PointTable
    package var payloadIndexes: PayloadIndexes
    /// Builds under way, whose builders log all writes. Goes up while publication is held, and down once the built indexes
    /// are installed.
    let payloadIndexBuilds = Atomic(0)
    /// The live slots in the order of their ids, made by the first scroll.
    package let idOrder = IDOrder()

    package init(
        number: Int, table: PointsTable, spaces: [VectorSpace], points: PointTable, payloadIndexes: PayloadIndexes
    ) {
        self.number = number
        self.table = table
        self.spaces = spaces
        self.points = points
        self.payloadIndexes = payloadIndexes
    }

    /// Whether publication must hand payloads to the indexes. Under the lock; while publication is held it can't
    /// become true.
    var needsPayloads: Bool { payloadIndexes.facetCount > 0 || payloadIndexBuilds.load(ordering: .relaxed) > 0 }

    package func row(_ slot: UInt32) -> PointRow {
        PointRow(slot: slot, id: points.id(slot), version: points.version(slot), vectors: points.vectors(slot))
    }

    /// The space of a vector name; `nil` for an unknown one.
    package func space(_ name: String) -> VectorSpace? { spaces.first { $0.name.hasSameBytes(as: name) } }

    /// Replays committed changes. Under the exclusive lock.
    func publish(_ events: [StagedChanges.Event], parsed: [StagedChanges.ParsedEvent]?, slotCount: Int) {
        let firstNew = UInt32(points.slotCount)
        points.extend(to: slotCount)
        var removed: [UInt32] = []
        var absent: [[UInt32]] = Array(repeating: [], count: spaces.count)
        for (index, event) in events.enumerated() {
            switch event {
            case .insert(let row, _):
                points.insert(row)
                for space in spaces where row.vectors & space.bit == 0 { absent[space.number].append(row.slot) }
                if let payload = parsed?[index].new {
                    payloadIndexes.insert(slot: row.slot, payload: payload)
                }
            case .remove(let slot):
                points.remove(slot)
                removed.append(slot)
            case .payload(let row, _, _):
                points.setVersion(row.slot, row.version)
                if let parsed, let old = parsed[index].old, let new = parsed[index].new {
                    payloadIndexes.replace(slot: row.slot, old: old, new: new)
                }
            }
        }
        for space in spaces {
            if slotCount > Int(firstNew) {
                space.index.publish(rows: space.file.matrix, count: slotCount, absent: absent[space.number])
            }
            if !removed.isEmpty { space.index.remove(removed) }
        }
    }
}
