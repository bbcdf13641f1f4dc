import JSON
import OrderedCollections

/// The payload indexes that there are at one time. Whoever has it evaluates filters without any lock of a collection, while
/// changes go on; those of slots past the evaluation's universe aren't seen.
package struct PayloadIndexView: Sendable {
    /// Shared by all views until an index comes or goes.
    final class Contents: Sendable {
        let entries: [FieldIndexKey: FieldIndexEntry]
        let schemas: OrderedDictionary<PayloadPath, PayloadFieldSchema>
        let textSettings: [PayloadPath: TextSettings]
        let explicitKeys: Set<FieldIndexKey>
        let clock: UseClock

        init(_ state: PayloadIndexes.State, _ clock: UseClock) {
            entries = state.table.entries
            schemas = state.schemas
            textSettings = state.textSettings
            explicitKeys = state.explicitKeys
            self.clock = clock
        }
    }

    private let contents: Contents

    init(_ contents: Contents) { self.contents = contents }

    package var schemas: OrderedDictionary<PayloadPath, PayloadFieldSchema> { contents.schemas }

    /// How many exchanges some indexes had seen when it was taken.
    package struct Stamps {
        private let entries: [(entry: FieldIndexEntry, count: UInt64)]

        fileprivate init(_ entries: [FieldIndexEntry]) {
            self.entries = entries.map { ($0, $0.exchanges.load(ordering: .acquiring)) }
        }

        /// Whether none was under way then, and none has begun since: what was evaluated meanwhile belongs to one state.
        package var isCurrent: Bool {
            entries.allSatisfy { $0.count % 2 == 0 && $0.entry.exchanges.load(ordering: .acquiring) == $0.count }
        }
    }

    /// Of the indexes of these keys, none of which may be missing.
    package func stamps(_ keys: [FieldIndexKey]) -> Stamps { Stamps(keys.compactMap { contents.entries[$0] }) }

    /// The text settings that hold on a path.
    func settings(_ path: PayloadPath) -> TextSettings { contents.textSettings[path] ?? .unindexed }

    /// Evaluates conditions on single points as the indexes would.
    package var matcher: PayloadMatcher { PayloadMatcher(textSettings: contents.textSettings) }

    /// Of all field indexes.
    var keys: [FieldIndexKey] { Array(contents.entries.keys) }

    // MARK: Missing field indexes

    /// The field indexes that filters, and keys that points are ordered by, need. What is evaluated together must be asked for
    /// together: field indexes asked for one by one may evict one another.
    package func keys(for filters: [Filter], orders: [PayloadPath] = []) -> [FieldIndexKey] {
        if filters.isEmpty && orders.isEmpty { return [] }
        var collector = FieldIndexKeyCollector(textSettings: settings)
        for filter in filters { collector.collect(filter) }
        return orders.isEmpty ? collector.keys : collector.keys + orders.flatMap(orderKeys)
    }

    /// What must be built for an index of this kind.
    package func missing(for schema: PayloadFieldSchema, at path: PayloadPath) -> [FieldIndexKey] {
        missing(schema.fieldIndexKeys(path))
    }

    /// What must be built before the indexes of these keys can be read: empty if all are there, otherwise all of them, of which
    /// `makeBuilder` leaves out what exists. (That way `install` knows what not to evict.)
    package func missing(_ keys: [FieldIndexKey]) -> [FieldIndexKey] {
        keys.allSatisfy { contents.entries[$0] != nil } ? [] : keys
    }

    func orderKeys(_ path: PayloadPath) -> [FieldIndexKey] {
        switch schemas[path]?.type {
        case .integer, .float: [.numbers(path)]
        case .datetime: [.datetimes(path)]
        default: []
        }
    }

    // MARK: Reading

    /// Reads the field index of a key, which must not be missing. What `body` gives back is best copied out of the index: the
    /// index is held meanwhile. Throws `FieldIndexBusy` where the thread must not wait and the index is being changed.
    func read<Kind: FieldIndex, T>(
        _ key: FieldIndexKey, as kind: Kind.Type, mayWait: Bool = true, _ body: (Kind) throws -> T
    ) throws -> T {
        guard let entry = contents.entries[key] else {
            preconditionFailure("a field index is missing: check missing(_:) of the same view")
        }
        entry.lastUse.store(contents.clock.tick(), ordering: .relaxed)
        return try entry.read(kind, mayWait: mayWait, body)
    }

    // MARK: Explaining

    /// What the filter's conditions are answered from.
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
            if decisive.allSatisfy(contents.explicitKeys.contains) {
                summary.byDeclaredIndex += 1
            } else {
                summary.byImplicitIndex += 1
            }
        }
        return summary
    }

    /// How many live points have a value that the index of the path takes; `nil` if there is no index, or if it is not
    /// built yet. `universe` and `live` are as in `evaluate`. Complexity: O(indexed values).
    package func pointCount(_ path: PayloadPath, universe: Int, live: UnsafePointer<UInt64>) throws -> Int? {
        guard let schema = schemas[path], missing(for: schema, at: path).isEmpty else { return nil }
        var bits = SlotBits(universe: universe)
        switch schema.type {
        case .keyword: try read(.keywords(path), as: KeywordIndex.self) { $0.slots.formUnionOfAll(into: &bits) }
        case .uuid:
            try read(.keywords(path), as: KeywordIndex.self) { index in
                for case (.uuid, let slots) in index.slots.postings { bits.formUnion(slots) }
            }
        case .integer where schema.lookup || !schema.range:
            try read(.integers(path), as: IntegerIndex.self) { $0.slots.formUnionOfAll(into: &bits) }
        case .integer:
            try read(.numbers(path), as: NumberIndex.self) { $0.values.sorted }.forEach(in: .min ... .max) { entry in
                if NumberIndex.integer(entry) != nil { bits.insert(entry.slot) }
            }
        case .float:
            try read(.numbers(path), as: NumberIndex.self) { $0.values.sorted }.select(.min ... .max, into: &bits)
        case .bool: try read(.bools(path), as: BoolIndex.self) { $0.slots.formUnionOfAll(into: &bits) }
        case .datetime:
            try read(.datetimes(path), as: DatetimeIndex.self) { $0.values.sorted }.select(.min ... .max, into: &bits)
        case .geo: try read(.geo(path), as: GeoIndex.self) { $0.selectAll(into: &bits) }
        case .text:
            try read(.text(path, TextSettings(schema)), as: TextIndex.self) { $0.selectEverything(into: &bits) }
        }
        bits.formIntersection(words: live)
        return bits.count
    }
}
