import JSON
import Synchronization

/// A field index in use, with a lock of its own: whoever reads one holds up only those who change it, and for one condition at
/// most.
final class FieldIndexEntry: @unchecked Sendable {
    // Unchecked: the index is touched under the lock.
    let key: FieldIndexKey
    private let index: any FieldIndex
    private let lock = ReadWriteLock()
    /// When it was used last, on the table's own clock. Readers set it while others read.
    let lastUse = Atomic<UInt64>(0)

    init(_ key: FieldIndexKey, _ index: any FieldIndex) {
        self.key = key
        self.index = index
    }

    /// The same index under another owner, who begins to use it now.
    convenience init(takingOver other: FieldIndexEntry) { self.init(other.key, other.index) }

    /// Reads the index, which must be of this kind. Throws `FieldIndexBusy` where the thread must not wait and a change is under
    /// way.
    func read<Kind: FieldIndex, T>(_ kind: Kind.Type, mayWait: Bool, _ body: (Kind) throws -> T) throws -> T {
        if mayWait { return try lock.read { try body(cast()) } }
        guard let result = try lock.tryRead({ try body(cast()) }) else { throw FieldIndexBusy() }
        return result
    }

    /// Reads what every kind has.
    func read<T>(_ body: (any FieldIndex) throws -> T) rethrows -> T { try lock.read { try body(index) } }

    func change(_ body: (any FieldIndex) -> Void) { lock.write { body(index) } }

    private func cast<Kind: FieldIndex>() -> Kind {
        guard let index = index as? Kind else { preconditionFailure("a field index of another kind than its key's") }
        return index
    }
}

/// A field index is being changed.
struct FieldIndexBusy: Error {}

/// Field indexes by key, and by path for writes, so that a payload's values are looked up once for all field indexes of a path.
struct FieldIndexTable {
    private(set) var entries: [FieldIndexKey: FieldIndexEntry] = [:]
    private var groups: [(path: PayloadPath, entries: [FieldIndexEntry])] = []
    private var predicates: [FieldIndexEntry] = []

    mutating func add(_ entry: FieldIndexEntry) {
        guard entries.updateValue(entry, forKey: entry.key) == nil else { preconditionFailure("the index exists") }
        if let path = entry.key.path {
            if let index = groups.firstIndex(where: { $0.path == path }) {
                groups[index].entries.append(entry)
            } else {
                groups.append((path, [entry]))
            }
        } else {
            predicates.append(entry)
        }
    }

    mutating func remove(_ key: FieldIndexKey) {
        guard entries.removeValue(forKey: key) != nil else { return }
        if let path = key.path, let index = groups.firstIndex(where: { $0.path == path }) {
            groups[index].entries.removeAll { $0.key == key }
            if groups[index].entries.isEmpty { groups.remove(at: index) }
        } else {
            predicates.removeAll { $0.key == key }
        }
    }

    /// Applies changes of payloads, in order. Each index is held for its part of them.
    func apply(_ changes: [PayloadChange]) {
        for group in groups {
            let parts = changes.compactMap { $0.parts(at: group.path) }
            if parts.isEmpty { continue }
            for entry in group.entries { entry.change { $0.apply(parts) } }
        }
        if predicates.isEmpty { return }
        let parts = changes.map(\.parts)
        for entry in predicates { entry.change { $0.apply(parts) } }
    }
}

/// A change of one slot's payload.
package struct PayloadChange: Sendable {
    package var slot: UInt32
    /// What was given last for the slot; `nil` for a new one.
    package var old: JSONValue?
    /// `nil` takes the slot out.
    package var new: JSONValue?

    package init(slot: UInt32, old: JSONValue? = nil, new: JSONValue?) {
        self.slot = slot
        self.old = old
        self.new = new
    }

    /// The change as field indexes of a path see it; `nil` if none of the path's values changes.
    fileprivate func parts(at path: PayloadPath) -> Parts? {
        func view(_ payload: JSONValue?) -> PayloadView? {
            payload.map { PayloadView(payload: $0, values: PathValues(path, in: $0)) }
        }
        let parts = Parts(slot: slot, old: view(old), new: view(new))
        if let old = parts.old, let new = parts.new, old.values.values == new.values.values { return nil }
        return parts
    }

    fileprivate var parts: Parts {
        Parts(slot: slot, old: old.map(PayloadView.init(payload:)), new: new.map(PayloadView.init(payload:)))
    }

    fileprivate struct Parts {
        let slot: UInt32
        let old: PayloadView?
        let new: PayloadView?
    }
}

extension FieldIndex {
    fileprivate func apply(_ parts: [PayloadChange.Parts]) {
        for part in parts {
            if let old = part.old { remove(part.slot, old) }
            if let new = part.new { insert(part.slot, new) }
        }
    }
}

extension PayloadView {
    /// For a field index without a path.
    init(payload: JSONValue) {
        self.init(payload: payload, values: PathValues(values: [], elements: []))
    }
}
