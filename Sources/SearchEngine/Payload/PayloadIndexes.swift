import JSON
import OrderedCollections
import Synchronization

/// The payload indexes of one collection: they turn filters into sets of slots, and order points by a value.
///
/// They are *field indexes*, each of which answers one kind of condition on one path. Those of a payload index that somebody
/// asked for (`createIndex`) are kept; those that a filter merely needs are made on first use and kept within a budget, the least
/// recently used going first.
/// Answers don't depend on which index exists, but for text: a text index brings its own tokens.
///
/// Not locked inside. `insert`, `replace`, `install`, `createIndex` and `dropIndex` are called under the owner's exclusive
/// lock; everything else under its shared lock, by any number of threads at once. A filter is evaluated under the same
/// hold of the shared lock in which `missing` was found empty; if something is missing, the owner releases the lock, builds
/// (see `FieldIndexBuilder`), installs, and begins again. Deleted points need no call: the owner masks them with `live`.
package final class PayloadIndexes: @unchecked Sendable {
    private(set) var table = FieldIndexTable()
    package private(set) var schemas: OrderedDictionary<PayloadPath, PayloadFieldSchema> = [:]
    /// Of the paths with a text index.
    package private(set) var textSettings: [PayloadPath: TextSettings] = [:]
    private var explicitKeys: Set<FieldIndexKey> = []
    let implicitBudgetBytes: Int
    private let clock = Atomic<UInt64>(0)
    private let builders = Mutex<[WeakBuilder]>([])
    private var writesSinceCheck = 0
    /// Goes up when a field index goes, or when text is cut into other tokens: an evaluation in parts has to begin anew.
    private(set) var revision = 0

    private struct WeakBuilder {
        weak var builder: FieldIndexBuilder?
    }

    package init(implicitBudgetBytes: Int) {
        self.implicitBudgetBytes = implicitBudgetBytes
    }

    // MARK: Writes (exclusive)

    /// Adds the payload of a new slot. Complexity: O(field indexes), and a merge now and then.
    package func insert(slot: UInt32, payload: JSONValue) {
        table.insert(slot, payload)
        forEachBuilder { $0.logInsert(slot, payload) }
        checkBudget()
    }

    /// Exchanges the payload of a slot. `old` must be what was given last for it.
    package func replace(slot: UInt32, old: JSONValue, new: JSONValue) {
        table.replace(slot, old, new)
        forEachBuilder { $0.logReplace(slot, old, new) }
        checkBudget()
    }

    private func forEachBuilder(_ body: (FieldIndexBuilder) -> Void) {
        builders.withLock { builders in
            guard !builders.isEmpty else { return }
            builders.removeAll { $0.builder == nil }
            for weak in builders {
                if let builder = weak.builder { body(builder) }
            }
        }
    }

    // MARK: Explicit indexes

    /// Registers a payload index, replacing the one that the path had. Its field indexes are then `missing(for:at:)`, unless some
    /// filter has had them made; without them everything works, on first use a little later. (Exclusive.)
    package func createIndex(_ path: PayloadPath, _ schema: PayloadFieldSchema) {
        schemas[path] = schema
        schemasChanged()
        for key in explicitKeys {
            if let entry = table.entries[key], !isComplete(entry) { table.remove(key) }
        }
    }

    /// Whether the index has all that one of its key is to have: one that a filter has had made has no order.
    private func isComplete(_ entry: FieldIndexEntry) -> Bool {
        guard explicitKeys.contains(entry.key), let index = entry.index as? any OrderIndex else { return true }
        return index.values.column != nil
    }

    /// Answers whether there was an index. What filters need of it stays within the budget. (Exclusive.)
    @discardableResult
    package func dropIndex(_ path: PayloadPath) -> Bool {
        guard schemas.removeValue(forKey: path) != nil else { return false }
        schemasChanged()
        evict(keeping: [])
        return true
    }

    private func schemasChanged() {
        revision += 1
        explicitKeys = Set(schemas.flatMap { path, schema in schema.fieldIndexKeys(path) })
        textSettings = [:]
        for (path, schema) in schemas where schema.type == .text { textSettings[path] = TextSettings(schema) }
    }

    /// The text settings that hold on a path.
    func settings(_ path: PayloadPath) -> TextSettings { textSettings[path] ?? .unindexed }

    /// Evaluates conditions on single points as the indexes would.
    package var matcher: PayloadMatcher { PayloadMatcher(textSettings: textSettings) }

    // MARK: Missing field indexes

    /// What must be there before the filter can be evaluated: empty if it is, otherwise everything that the filter needs,
    /// of which `makeBuilder` leaves out what exists. (That way `install` knows what not to evict.)
    package func missing(for filter: Filter) -> [FieldIndexKey] { missing(for: [filter]) }

    /// As `missing(for:)`, for several filters, and keys that points are ordered by, at once. What is evaluated together must
    /// be asked for together: field indexes asked for one by one may evict one another.
    package func missing(for filters: [Filter], orders: [PayloadPath] = []) -> [FieldIndexKey] {
        var collector = FieldIndexKeyCollector(textSettings: settings)
        for filter in filters { collector.collect(filter) }
        return missing(collector.keys + orders.flatMap(orderKeys))
    }

    /// What must be built for an index of this kind.
    package func missing(for schema: PayloadFieldSchema, at path: PayloadPath) -> [FieldIndexKey] {
        missing(schema.fieldIndexKeys(path))
    }

    private func missing(_ keys: [FieldIndexKey]) -> [FieldIndexKey] {
        keys.allSatisfy { table.entries[$0] != nil } ? [] : keys
    }

    func orderKeys(_ path: PayloadPath) -> [FieldIndexKey] {
        switch schemas[path]?.type {
        case .integer, .float: [.numbers(path)]
        case .datetime: [.datetimes(path)]
        default: []
        }
    }

    // MARK: Explaining

    /// What the filter's conditions are answered from. (Shared lock.)
    func summary(of filter: Filter, matching: Int) -> Explanation.FilterSummary {
        var summary = Explanation.FilterSummary(
            matching: matching, conditions: 0, byDeclaredIndex: 0, byImplicitIndex: 0)
        filter.forEachLeaf { condition in
            summary.conditions += 1
            var collector = FieldIndexKeyCollector(textSettings: settings)
            collector.collect(condition)
            guard !collector.keys.isEmpty else { return }
            // Where a key has values is told by no index that can be declared.
            let declarable = collector.keys.filter { key in if case .presence = key { false } else { true } }
            let decisive = declarable.isEmpty ? collector.keys : declarable
            if decisive.allSatisfy(explicitKeys.contains) {
                summary.byDeclaredIndex += 1
            } else {
                summary.byImplicitIndex += 1
            }
        }
        return summary
    }

    // MARK: Building

    /// A builder for those of the field indexes that don't exist. It logs all writes from now on. (Shared lock at least.)
    ///
    /// - Parameter budget: from which the log takes what it keeps.
    package func makeBuilder(for keys: [FieldIndexKey], budget: ByteBudget? = nil) -> FieldIndexBuilder {
        let builder = FieldIndexBuilder(
            keys.filter { table.entries[$0] == nil }, needed: keys, declared: explicitKeys, budget: budget)
        builders.withLock { $0.append(WeakBuilder(builder: builder)) }
        return builder
    }

    /// Takes over a builder's field indexes, as of now, and evicts others if they are too many. (Exclusive.)
    ///
    /// What the builder was made for can be evaluated then, even if that alone exceeds the budget; when more than one
    /// such builder may be under way, evaluate before the exclusive lock is released.
    package func install(_ builder: FieldIndexBuilder) {
        builders.withLock { builders in builders.removeAll { $0.builder == nil || $0.builder === builder } }
        builder.finish()
        builder.replay()
        for key in builder.keys where table.entries[key] == nil {
            // What was declared meanwhile is asked for once more.
            guard let built = builder.table.entries[key], isComplete(built) else { continue }
            let entry = FieldIndexEntry(key, built.index)
            entry.lastUse.store(tick(), ordering: .relaxed)
            table.add(entry)
        }
        evict(keeping: Set(builder.needed))
    }

    private func tick() -> UInt64 { clock.wrappingAdd(1, ordering: .relaxed).newValue }

    private func checkBudget() {
        writesSinceCheck += 1
        guard writesSinceCheck >= 16_384 else { return }
        writesSinceCheck = 0
        evict(keeping: [])
    }

    private func evict(keeping kept: Set<FieldIndexKey>) {
        let implicit = table.entries.values.filter { !explicitKeys.contains($0.key) }
        var sizes = implicit.map {
            (entry: $0, bytes: $0.index.residentBytes, use: $0.lastUse.load(ordering: .relaxed))
        }
        var total = sizes.reduce(0) { $0 + $1.bytes }
        guard total > implicitBudgetBytes else { return }
        sizes.sort { $0.use < $1.use }
        for (entry, bytes, _) in sizes where total > implicitBudgetBytes && !kept.contains(entry.key) {
            table.remove(entry.key)
            revision += 1
            total -= bytes
        }
    }

    // MARK: Reads (shared)

    /// The field index of a key, which must not be missing.
    func fieldIndex<Kind: FieldIndex>(_ key: FieldIndexKey, as kind: Kind.Type = Kind.self) -> Kind {
        guard let entry = table.entries[key], let index = entry.index as? Kind else {
            preconditionFailure("a field index is missing: check missing(for:) under the same lock")
        }
        entry.lastUse.store(tick(), ordering: .relaxed)
        return index
    }

    /// How many field indexes there are.
    package var fieldIndexCount: Int { table.entries.count }

    /// Bytes of all field indexes. Complexity: O(distinct values).
    package var residentBytes: Int { residentBytesByKey.values.reduce(0, +) }

    /// Bytes of the field indexes by the payload key that they index. Complexity: O(distinct values).
    package var residentBytesByKey: OrderedDictionary<ByteString, Int> {
        table.entries.values.reduce(into: [:]) { bytes, entry in
            bytes[ByteString(entry.key.indexedKey), default: 0] += entry.index.residentBytes
        }
    }

    /// How many live points have a value that the index of the path takes; `nil` if there is no index, or if it is not
    /// built yet. `universe` and `live` are as in `evaluate`. Complexity: O(indexed values).
    package func pointCount(_ path: PayloadPath, universe: Int, live: UnsafePointer<UInt64>) -> Int? {
        guard let schema = schemas[path], missing(for: schema, at: path).isEmpty else { return nil }
        var bits = SlotBits(universe: universe)
        switch schema.type {
        case .keyword: fieldIndex(.keywords(path), as: KeywordIndex.self).slots.formUnionOfAll(into: &bits)
        case .uuid:
            for (value, slots) in fieldIndex(.keywords(path), as: KeywordIndex.self).slots.postings {
                if case .uuid = value { bits.formUnion(slots) }
            }
        case .integer where schema.lookup || !schema.range:
            fieldIndex(.integers(path), as: IntegerIndex.self).slots.formUnionOfAll(into: &bits)
        case .integer:
            fieldIndex(.numbers(path), as: NumberIndex.self).values.sorted.forEach(in: .min ... .max) { entry in
                if NumberIndex.integer(entry) != nil { bits.insert(entry.slot) }
            }
        case .float: fieldIndex(.numbers(path), as: NumberIndex.self).values.sorted.select(.min ... .max, into: &bits)
        case .bool: fieldIndex(.bools(path), as: BoolIndex.self).slots.formUnionOfAll(into: &bits)
        case .datetime:
            fieldIndex(.datetimes(path), as: DatetimeIndex.self).values.sorted.select(.min ... .max, into: &bits)
        case .geo: fieldIndex(.geo(path), as: GeoIndex.self).selectAll(into: &bits)
        case .text: fieldIndex(.text(path, TextSettings(schema)), as: TextIndex.self).selectEverything(into: &bits)
        }
        bits.formIntersection(words: live)
        return bits.count
    }
}
