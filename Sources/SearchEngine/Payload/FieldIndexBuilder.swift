import JSON
import Synchronization

/// Field indexes under construction, fed by a scan of all points while writes go on.
///
/// 1. `PayloadIndexes.makeBuilder`.
/// 2. Begin the scan: it must see every write that was applied to the `PayloadIndexes` before step 1. Feed each live
///    point once. One thread at a time.
/// 3. `finish`, which sorts, and then `PayloadIndexes.install`.
///
/// Writes between steps 1 and 3 are logged by the `PayloadIndexes` and replayed by `install`, whether the scan has seen
/// them or not. A builder that is just dropped leaves nothing behind.
package final class FieldIndexBuilder: @unchecked Sendable {
    // The table is touched by the one thread that feeds, and then by the one that installs; the log has its lock.
    let keys: [FieldIndexKey]
    /// What must not be evicted when the builder is installed.
    let needed: [FieldIndexKey]
    /// Those of the keys that belong to declared indexes.
    let declared: Set<FieldIndexKey>
    private(set) var table = FieldIndexTable()
    private var isFinished = false
    /// What was fed, but isn't in the table yet.
    private var fed: [PayloadChange] = []
    private struct Log {
        /// Every payload that a slot had since the builder was made, in order.
        var payloads: [UInt32: [JSONValue]] = [:]
        var bytes = 0
    }

    private let log = Mutex(Log())
    /// From which the log takes what it keeps.
    private let budget: ByteBudget?

    init(_ keys: [FieldIndexKey], needed: [FieldIndexKey], declared: Set<FieldIndexKey>, budget: ByteBudget?) {
        self.keys = keys
        self.needed = needed
        self.declared = declared
        self.budget = budget
        for key in keys where table.entries[key] == nil {
            table.add(FieldIndexEntry(key, key.makeIndex(isDeclared: declared.contains(key))))
        }
    }

    deinit { forgetLog() }

    /// Adds one point of the scan.
    package func feed(_ slot: UInt32, _ payload: JSONValue) {
        precondition(!isFinished, "a finished builder takes no more points")
        fed.append(PayloadChange(slot: slot, new: payload))
        if fed.count >= Self.changesPerStep { flush() }
    }

    private static let changesPerStep = 256

    private func flush() {
        table.apply(fed)
        fed.removeAll(keepingCapacity: true)
    }

    /// Sorts what was fed. `install` does it otherwise, while the writer waits.
    package func finish() {
        guard !isFinished else { return }
        flush()
        for entry in table.entries.values { entry.change { $0.finish() } }
        isFinished = true
    }

    func log(_ changes: [PayloadChange]) {
        log.withLock { log in
            for change in changes {
                if let old = change.old, log.payloads[change.slot] == nil { add(old, of: change.slot, to: &log) }
                if let new = change.new { add(new, of: change.slot, to: &log) }
            }
        }
    }

    private func add(_ payload: JSONValue, of slot: UInt32, to log: inout Log) {
        log.payloads[slot, default: []].append(payload)
        count(payload, in: &log)
    }

    private func count(_ payload: JSONValue, in log: inout Log) {
        let bytes = payload.approximateBytes
        log.bytes += bytes
        budget?.add(bytes)
    }

    /// The scan has seen one of a slot's payloads or none: all are taken out, and the last one comes in.
    func replay() {
        log.withLock { log in
            var changes: [PayloadChange] = []
            for (slot, payloads) in log.payloads {
                changes += payloads.map { PayloadChange(slot: slot, old: $0, new: nil) }
                if let last = payloads.last { changes.append(PayloadChange(slot: slot, new: last)) }
                guard changes.count >= Self.changesPerStep else { continue }
                table.apply(changes)
                changes.removeAll(keepingCapacity: true)
            }
            table.apply(changes)
        }
        forgetLog()
    }

    private func forgetLog() {
        log.withLock { log in
            budget?.give(log.bytes)
            log = Log()
        }
    }
}

extension JSONValue {
    /// What it takes of memory, about. Complexity: O(values).
    fileprivate var approximateBytes: Int {
        switch self {
        case .string(let text): 32 + text.utf8.count
        case .array(let values): values.reduce(48) { $0 + $1.approximateBytes }
        case .object(let members): members.reduce(64) { $0 + 48 + $1.value.approximateBytes }
        default: 16
        }
    }
}
