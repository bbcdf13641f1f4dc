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
/// Any thread may call anything. Readers take a ``PayloadIndexView``, which says what is missing and evaluates filters; while
/// one is used, changes go on. If something is missing, it is built (see `FieldIndexBuilder`), installed, and the reader takes
/// another view. Deleted points need no call: the owner masks them with `live`. Payloads of new slots may be given before the
/// slots are shown to anyone: an evaluation leaves out what is past its universe.
package final class PayloadIndexes: Sendable {
    struct State {
        var table = FieldIndexTable()
        var schemas: OrderedDictionary<PayloadPath, PayloadFieldSchema> = [:]
        /// Of the paths with a text index.
        var textSettings: [PayloadPath: TextSettings] = [:]
        var explicitKeys: Set<FieldIndexKey> = []
        /// What views show; `nil` once something has changed.
        var shown: PayloadIndexView.Contents?
    }

    /// Held for moments, to look or to put something in its place.
    private let state = Mutex(State())
    /// Held for a whole change, as builders must see all changes or none. Taken before `state`, and before the lock under which
    /// points are published.
    private let changing = TimedLock()
    private let changesSinceCheck = Atomic(0)
    private let builders = Mutex<[WeakBuilder]>([])
    let implicitBudgetBytes: Int
    private let clock = UseClock()

    private struct WeakBuilder {
        weak var builder: FieldIndexBuilder?
    }

    package init(implicitBudgetBytes: Int) {
        self.implicitBudgetBytes = implicitBudgetBytes
    }

    /// What there is now. Complexity: O(1).
    package func view() -> PayloadIndexView {
        state.withLock { state in
            if let shown = state.shown { return PayloadIndexView(shown) }
            let contents = PayloadIndexView.Contents(state, clock)
            state.shown = contents
            return PayloadIndexView(contents)
        }
    }

    package var schemas: OrderedDictionary<PayloadPath, PayloadFieldSchema> { state.withLock { $0.schemas } }

    // MARK: Payloads

    /// Takes changes of payloads in, in order, and then has the points published that they belong to.
    ///
    /// Complexity: O(changes · field indexes), and a merge now and then. An evaluation that overlaps an exchange of values which it
    /// reads isn't current (``PayloadIndexView/Stamps/isCurrent``).
    package func apply(_ changes: [PayloadChange], publishing publish: () -> Void = {}) {
        changing.withLock {
            let parts = state.withLock { $0.table }.parts(of: changes)
            for part in parts { part.begin() }
            for part in parts { part.apply() }
            publish()
            for part in parts { part.end() }
            forEachBuilder { $0.log(changes) }
            let count = changesSinceCheck.wrappingAdd(changes.count, ordering: .relaxed).newValue
            guard count >= Self.changesPerCheck else { return }
            changesSinceCheck.store(0, ordering: .relaxed)
            evict(keeping: [])
        }
    }

    /// Waits until no change is under way. While `body` runs none begins, if that is asked for; otherwise it runs right after.
    ///
    /// - Returns: what `body` does; `nil` when the wait would be longer than the limit.
    func betweenChanges<T>(within limit: Duration?, holding: Bool, _ body: () throws -> T) rethrows -> T? {
        guard changing.lock(within: limit) else { return nil }
        guard holding else {
            changing.unlock()
            return try body()
        }
        defer { changing.unlock() }
        return try CoreTurn.suspended(body)
    }

    /// Changes after which what filters have had made is held against its budget again.
    private static let changesPerCheck = 16_384

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
    /// filter has had them made; without them everything works, on first use a little later.
    package func createIndex(_ path: PayloadPath, _ schema: PayloadFieldSchema) {
        changing.withLock {
            let gone = state.withLock { state -> [FieldIndexEntry] in
                state.schemas[path] = schema
                state.schemasChanged()
                return state.explicitKeys.compactMap { key in
                    guard let entry = state.table.entries[key], !state.isComplete(entry) else { return nil }
                    return state.table.remove(key)
                }
            }
            withExtendedLifetime(gone) {}
        }
    }

    /// Answers whether there was an index. What filters need of it stays within the budget.
    @discardableResult
    package func dropIndex(_ path: PayloadPath) -> Bool {
        changing.withLock {
            let existed = state.withLock { state in
                guard state.schemas.removeValue(forKey: path) != nil else { return false }
                state.schemasChanged()
                return true
            }
            if existed { evict(keeping: []) }
            return existed
        }
    }

    // MARK: Building

    /// A builder for those of the field indexes that don't exist. It logs all changes from now on.
    ///
    /// - Parameter budget: from which the log takes what it keeps.
    package func makeBuilder(for keys: [FieldIndexKey], budget: ByteBudget? = nil) -> FieldIndexBuilder {
        changing.withLock {
            let builder = state.withLock { state in
                FieldIndexBuilder(
                    keys.filter { state.table.entries[$0] == nil }, needed: keys, declared: state.explicitKeys,
                    budget: budget)
            }
            builders.withLock { $0.append(WeakBuilder(builder: builder)) }
            return builder
        }
    }

    /// Takes over a builder's field indexes, as of now, and evicts others if they are too many.
    ///
    /// What the builder was made for can be evaluated then, even if that alone exceeds the budget; the next builder's may take
    /// its place.
    package func install(_ builder: FieldIndexBuilder) {
        changing.withLock {
            builders.withLock { builders in builders.removeAll { $0.builder == nil || $0.builder === builder } }
            builder.finish()
            builder.replay()
            state.withLock { state in
                state.shown = nil
                for key in builder.keys where state.table.entries[key] == nil {
                    // What was declared meanwhile is asked for once more.
                    guard let built = builder.table.entries[key], state.isComplete(built) else { continue }
                    built.lastUse.store(clock.tick(), ordering: .relaxed)
                    state.table.add(built)
                }
            }
            evict(keeping: Set(builder.needed))
        }
    }

    /// While `changing` is held.
    private func evict(keeping kept: Set<FieldIndexKey>) {
        let implicit = state.withLock { state in
            state.table.entries.values.filter { !state.explicitKeys.contains($0.key) }
        }
        var sizes = implicit.map { entry in
            (key: entry.key, bytes: entry.read(\.residentBytes), use: entry.lastUse.load(ordering: .relaxed))
        }
        var total = sizes.reduce(0) { $0 + $1.bytes }
        guard total > implicitBudgetBytes else { return }
        sizes.sort { $0.use < $1.use }
        // What goes is large, and is let go of when others may look again.
        let (gone, shown) = state.withLock { state in
            let shown = state.shown
            state.shown = nil
            let gone = sizes.compactMap { size -> FieldIndexEntry? in
                guard total > implicitBudgetBytes, !kept.contains(size.key) else { return nil }
                total -= size.bytes
                return state.table.remove(size.key)
            }
            return (gone, shown)
        }
        withExtendedLifetime((gone, shown, implicit)) {}
    }

    // MARK: Sizes

    /// How many field indexes there are.
    package var fieldIndexCount: Int { state.withLock { $0.table.entries.count } }

    /// Bytes of all field indexes. Complexity: O(distinct values).
    package var residentBytes: Int { residentBytesByKey.values.reduce(0, +) }

    /// Bytes of the field indexes by the payload key that they index. Complexity: O(distinct values).
    package var residentBytesByKey: OrderedDictionary<ByteString, Int> {
        state.withLock { Array($0.table.entries.values) }.reduce(into: [:]) { bytes, entry in
            bytes[ByteString(entry.key.indexedKey), default: 0] += entry.read(\.residentBytes)
        }
    }
}

extension PayloadIndexes.State {
    fileprivate mutating func schemasChanged() {
        shown = nil
        explicitKeys = Set(schemas.flatMap { path, schema in schema.fieldIndexKeys(path) })
        textSettings = [:]
        for (path, schema) in schemas where schema.type == .text { textSettings[path] = TextSettings(schema) }
    }

    /// Whether the index has all that one of its key is to have: one that a filter has had made has no order.
    fileprivate func isComplete(_ entry: FieldIndexEntry) -> Bool {
        guard explicitKeys.contains(entry.key) else { return true }
        return entry.read { index in (index as? any OrderIndex).map { $0.values.column != nil } ?? true }
    }
}

/// Tells which of two uses was later.
final class UseClock: Sendable {
    private let count = Atomic<UInt64>(0)

    func tick() -> UInt64 { count.wrappingAdd(1, ordering: .relaxed).newValue }
}
