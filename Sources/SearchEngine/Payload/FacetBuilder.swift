import JSON
import Synchronization

/// Facets under construction, fed by a scan of all points while writes go on.
///
/// 1. `PayloadIndexes.makeBuilder`.
/// 2. Begin the scan: it must see every write that was applied to the `PayloadIndexes` before step 1. Feed each live
///    point once. One thread at a time.
/// 3. `finish`, which sorts, and then `PayloadIndexes.install`.
///
/// Writes between steps 1 and 3 are logged by the `PayloadIndexes` and replayed by `install`, whether the scan has seen
/// them or not. A builder that is just dropped leaves nothing behind.
package final class FacetBuilder: @unchecked Sendable {
    // The table is touched by the one thread that feeds, and then by the one that installs; the log has its lock.
    let keys: [FacetKey]
    /// What must not be evicted when the builder is installed.
    let needed: [FacetKey]
    private(set) var table = FacetTable()
    private var isFinished = false
    /// Every payload that a slot had since the builder was made, in order.
    private let log = Mutex<[UInt32: [JSONValue]]>([:])

    init(_ keys: [FacetKey], needed: [FacetKey]) {
        self.keys = keys
        self.needed = needed
        for key in keys where table.entries[key] == nil { table.add(FacetEntry(key, key.makeFacet())) }
    }

    /// Adds one point of the scan.
    package func feed(_ slot: UInt32, _ payload: JSONValue) {
        precondition(!isFinished, "a finished builder takes no more points")
        table.insert(slot, payload)
    }

    /// Sorts what was fed. `install` does it otherwise, but under its caller's exclusive lock.
    package func finish() {
        guard !isFinished else { return }
        for entry in table.entries.values { entry.facet.finish() }
        isFinished = true
    }

    func logInsert(_ slot: UInt32, _ payload: JSONValue) {
        log.withLock { $0[slot, default: []].append(payload) }
    }

    func logReplace(_ slot: UInt32, _ old: JSONValue, _ new: JSONValue) {
        log.withLock { log in
            if log[slot] == nil { log[slot] = [old] }
            log[slot]?.append(new)
        }
    }

    /// The scan has seen one of a slot's payloads or none: all are taken out, and the last one comes in.
    func replay() {
        log.withLock { log in
            for (slot, payloads) in log {
                for payload in payloads { table.remove(slot, payload) }
                if let last = payloads.last { table.insert(slot, last) }
            }
            log = [:]
        }
    }
}
