import JSON
import Synchronization

/// A field index in use.
final class FieldIndexEntry {
    let key: FieldIndexKey
    let index: any FieldIndex
    /// When it was used last, on the table's own clock. Readers set it while others read.
    let lastUse = Atomic<UInt64>(0)

    init(_ key: FieldIndexKey, _ index: any FieldIndex) {
        self.key = key
        self.index = index
    }
}

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

    func insert(_ slot: UInt32, _ payload: JSONValue) {
        for group in groups {
            let view = PayloadView(payload: payload, values: PathValues(group.path, in: payload))
            for entry in group.entries { entry.index.insert(slot, view) }
        }
        insertIntoPredicates(slot, payload)
    }

    func remove(_ slot: UInt32, _ payload: JSONValue) {
        for group in groups {
            let view = PayloadView(payload: payload, values: PathValues(group.path, in: payload))
            for entry in group.entries { entry.index.remove(slot, view) }
        }
        removeFromPredicates(slot, payload)
    }

    /// `remove` and `insert`, without the paths whose values stay as they are.
    func replace(_ slot: UInt32, _ old: JSONValue, _ new: JSONValue) {
        for group in groups {
            let before = PathValues(group.path, in: old)
            let after = PathValues(group.path, in: new)
            if before.values == after.values { continue }
            for entry in group.entries {
                entry.index.remove(slot, PayloadView(payload: old, values: before))
                entry.index.insert(slot, PayloadView(payload: new, values: after))
            }
        }
        removeFromPredicates(slot, old)
        insertIntoPredicates(slot, new)
    }

    private func insertIntoPredicates(_ slot: UInt32, _ payload: JSONValue) {
        for entry in predicates { entry.index.insert(slot, PayloadView(payload: payload)) }
    }

    private func removeFromPredicates(_ slot: UInt32, _ payload: JSONValue) {
        for entry in predicates { entry.index.remove(slot, PayloadView(payload: payload)) }
    }
}

extension PayloadView {
    /// For a field index without a path.
    init(payload: JSONValue) {
        self.init(payload: payload, values: PathValues(values: [], elements: []))
    }
}
