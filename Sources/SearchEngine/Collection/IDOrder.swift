import Synchronization

/// The slots of a generation in the order of their ids, kept from scroll to scroll.
///
/// Slots only ever come behind the ones before, and a slot's id never changes, so the order is extended,
/// not remade: ids that grow with their slots (the usual case) are appended, others are merged in.
package final class IDOrder: Sendable {
    private struct State {
        var slots: [UInt32] = []
        var covered = 0
    }

    private let state = Mutex(State())

    package var residentBytes: Int { state.withLock { $0.slots.count * 4 } }

    /// Slots [0, points.slotCount) by id, dead ones among them. Under the collection's shared lock.
    ///
    /// Complexity: O(new · log new + all) when slots came, else O(1).
    package func slots(_ points: PointTable) -> [UInt32] {
        state.withLock { state in
            guard state.covered < points.slotCount else { return state.slots }
            // Dead slots may be shared by an id; they are left out here and skipped by the caller later on.
            let new = (UInt32(state.covered)..<UInt32(points.slotCount)).filter { points.isLive($0) }
                .map { ($0, points.id($0)) }.sorted { $0.1 < $1.1 }
            state.covered = points.slotCount
            guard let first = new.first else { return state.slots }
            if let last = state.slots.last, !(points.id(last) < first.1) {
                var merged: [UInt32] = []
                merged.reserveCapacity(state.slots.count + new.count)
                var index = 0
                for slot in state.slots where points.isLive(slot) {
                    let id = points.id(slot)
                    while index < new.count, new[index].1 < id {
                        merged.append(new[index].0)
                        index += 1
                    }
                    merged.append(slot)
                }
                merged.append(contentsOf: new[index...].map(\.0))
                state.slots = merged
            } else {
                state.slots.append(contentsOf: new.map(\.0))
            }
            return state.slots
        }
    }
}
