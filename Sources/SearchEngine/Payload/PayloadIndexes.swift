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
    /// Held for a whole change, as builders must see all changes or none. Taken before `state`.
    private let changing = Mutex(ChangeCounts())
    private let builders = Mutex<[WeakBuilder]>([])
    let implicitBudgetBytes: Int
    private let clock: UseClock
    private let exchanges = ExchangeCount()

    private struct ChangeCounts { var sinceCheck = 0 }

    private struct WeakBuilder {
        weak var builder: FieldIndexBuilder?
    }

    package init(implicitBudgetBytes: Int) {
        self.implicitBudgetBytes = implicitBudgetBytes
        clock = UseClock()
    }

    /// What there is now. Complexity: O(1).
    package func view() -> PayloadIndexView {
        let exchanged = exchanges.now
        let contents = state.withLock { state in
            if let shown = state.shown { return shown }
            let contents = PayloadIndexView.Contents(state, clock, exchanges)
            state.shown = contents
            return contents
        }
        return PayloadIndexView(contents, exchanged: exchanged)
    }

    package var schemas: OrderedDictionary<PayloadPath, PayloadFieldSchema> { state.withLock { $0.schemas } }

    // MARK: Payloads

    /// Takes changes of payloads in, in order.
    ///
    /// Complexity: O(changes · field indexes), and a merge now and then. An evaluation that sees a part of an exchange of a
    /// slot's payload is told by ``PayloadIndexView/isCurrent``.
    package func apply(_ changes: [PayloadChange]) {
        if changes.isEmpty { return }
        changing.withLock { counts in
            let exchanges = changes.contains { $0.old != nil }
            if exchanges { self.exchanges.begin() }
            state.withLock { $0.table }.apply(changes)
            if exchanges { self.exchanges.end() }
            forEachBuilder { $0.log(changes) }
            counts.sinceCheck += changes.count
            guard counts.sinceCheck >= Self.changesPerCheck else { return }
            counts.sinceCheck = 0
            evict(keeping: [])
        }
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
        changing.withLock { _ in
            state.withLock { state in
                state.schemas[path] = schema
                state.schemasChanged()
                for key in state.explicitKeys {
                    if let entry = state.table.entries[key], !state.isComplete(entry) { state.table.remove(key) }
                }
            }
        }
    }

    /// Answers whether there was an index. What filters need of it stays within the budget.
    @discardableResult
    package func dropIndex(_ path: PayloadPath) -> Bool {
        changing.withLock { _ in
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
        changing.withLock { _ in
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
    /// - Returns: a view in which what the builder was made for can be evaluated, even if that alone exceeds the budget: the next
    ///   builder's may take its place.
    @discardableResult
    package func install(_ builder: FieldIndexBuilder) -> PayloadIndexView {
        changing.withLock { _ in
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
            return view()
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
        state.withLock { state in
            state.shown = nil
            for (key, bytes, _) in sizes where total > implicitBudgetBytes && !kept.contains(key) {
                state.table.remove(key)
                total -= bytes
            }
        }
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

/// Counts the beginnings and ends of changes that exchange payloads of slots which readers may know: odd while one is under way.
final class ExchangeCount: Sendable {
    private let count = Atomic<UInt64>(0)

    var now: UInt64 { count.load(ordering: .acquiring) }
    func begin() { count.wrappingAdd(1, ordering: .acquiringAndReleasing) }
    func end() { count.wrappingAdd(1, ordering: .acquiringAndReleasing) }
}
