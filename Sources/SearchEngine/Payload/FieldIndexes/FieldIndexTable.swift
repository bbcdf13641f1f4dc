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
    /// Counts the beginnings and ends of changes that exchange values of slots which readers may know: odd while one is under way.
    let exchanges = Atomic<UInt64>(0)

    init(_ key: FieldIndexKey, _ index: any FieldIndex) {
        self.key = key
        self.index = index
    }

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

    @discardableResult
    mutating func remove(_ key: FieldIndexKey) -> FieldIndexEntry? {
        guard let entry = entries.removeValue(forKey: key) else { return nil }
        if let path = key.path, let index = groups.firstIndex(where: { $0.path == path }) {
            groups[index].entries.removeAll { $0.key == key }
            if groups[index].entries.isEmpty { groups.remove(at: index) }
        } else {
            predicates.removeAll { $0.key == key }
        }
        return entry
    }

    /// What changes of payloads are to each index: those of an index come in order.
    func parts(of changes: [PayloadChange]) -> [EntryChange] {
        var parted: [EntryChange] = []
        for group in groups {
            let parts = changes.compactMap { $0.parts(at: group.path) }
            if !parts.isEmpty { parted += group.entries.map { EntryChange($0, parts) } }
        }
        if predicates.isEmpty || changes.isEmpty { return parted }
        let parts = changes.map(\.parts)
        return parted + predicates.map { EntryChange($0, parts) }
    }

    /// Applies changes that no reader sees.
    func apply(_ changes: [PayloadChange]) { for change in parts(of: changes) { change.apply() } }
}

/// What changes of payloads are to one index.
struct EntryChange {
    /// Changes that are made in one hold of the index: readers wait no longer.
    private static let partsPerHold = 256

    private let entry: FieldIndexEntry
    private let parts: [PayloadChange.Parts]
    /// Whether values of slots that readers may know are exchanged.
    private let exchanges: Bool

    fileprivate init(_ entry: FieldIndexEntry, _ parts: [PayloadChange.Parts]) {
        self.entry = entry
        self.parts = parts
        exchanges = parts.contains { $0.old != nil }
    }

    func apply() {
        for start in stride(from: 0, to: parts.count, by: Self.partsPerHold) {
            entry.change { $0.apply(parts[start..<min(start + Self.partsPerHold, parts.count)]) }
        }
    }

    /// Called before any index is changed.
    func begin() { if exchanges { entry.exchanges.wrappingAdd(1, ordering: .acquiringAndReleasing) } }

    /// Called once the points are published as well.
    func end() { if exchanges { entry.exchanges.wrappingAdd(1, ordering: .acquiringAndReleasing) } }
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

    struct Parts {
        fileprivate let slot: UInt32
        fileprivate let old: PayloadView?
        fileprivate let new: PayloadView?
    }
}

extension FieldIndex {
    fileprivate func apply(_ parts: ArraySlice<PayloadChange.Parts>) {
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
