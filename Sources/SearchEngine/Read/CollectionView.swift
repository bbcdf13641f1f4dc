import JSON
import OrderedCollections

/// What a reader sees of a collection: one committed state, fixed under the shared lock and used without it, while writers go on.
///
/// Most writes give points new slots, which the state leaves out, and a slot's vectors never change. A payload that is
/// exchanged in place is the exception: `isCurrent` tells that none was which the filters look at.
final class CollectionView {
    let collection: PointCollection
    let generation: Generation
    let live: LivePoints
    /// Live ones.
    let pointCount: Int
    let indexes: PayloadIndexView
    /// The field indexes that must be built before the filters can be evaluated.
    let missing: [FieldIndexKey]
    private let stamps: PayloadIndexView.Stamps
    /// The slots of points that filters name by their ids.
    private let slots: [PointID: UInt32]

    /// Under the shared lock. Throws `.notFound` when the collection was dropped.
    ///
    /// - Parameters:
    ///   - filters: what will be evaluated.
    ///   - orderKeys: that points will be ordered by.
    init(_ collection: PointCollection, filters: [Filter] = [], orderKeys: [PayloadPath] = []) throws {
        guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
        self.collection = collection
        let generation = collection.generation
        self.generation = generation
        live = LivePoints(generation.points)
        pointCount = generation.points.liveCount
        indexes = generation.payloadIndexes.view()
        let keys = indexes.keys(for: filters, orders: orderKeys)
        missing = indexes.missing(keys)
        stamps = indexes.stamps(keys)
        var slots: [PointID: UInt32] = [:]
        for filter in filters {
            filter.forEachLeaf { condition in
                guard case .hasID(let ids) = condition else { return }
                for id in ids { slots[id] = generation.points.slot(of: id) }
            }
        }
        self.slots = slots
    }

    /// Whether what the filters look at is of one state until now.
    var isCurrent: Bool { stamps.isCurrent }

    /// The live slots that match a filter, which is one of those that the view was made for. What it needs of indexes must not
    /// be missing. Without any lock.
    ///
    /// - Parameters:
    ///   - mayWait: whether it may wait for a change of an index; otherwise it throws `FieldIndexBusy`.
    ///   - step: called between conditions.
    func matchingSlots(
        _ filter: Filter, mayWait: Bool = true, step: () throws -> Void = {}
    ) throws -> (words: [UInt64], count: Int) {
        // Words made for one evaluation, kept until it ends.
        var made: [UnsafeMutablePointer<UInt64>] = []
        defer { for words in made { words.deallocate() } }
        let context = FilterContext(
            slot: { [slots] in slots[$0] },
            vectorSlots: { name in
                guard let words = self.words(with: name) else { return nil }
                made.append(words)
                return UnsafePointer(words)
            })
        return try live.words.withUnsafeBufferPointer { words in
            guard let base = words.baseAddress else { return ([], 0) }
            return try indexes.evaluate(
                filter, universe: live.slotCount, live: base, context: context, mayWait: mayWait, step: step)
        }
    }

    /// The same, keeping the pace.
    func matchingSlots(_ filter: Filter, _ pace: inout FilterPace) throws -> (words: [UInt64], count: Int) {
        try matchingSlots(filter, step: { try pace.step() })
    }

    /// What an explanation tells of a filter that `matching` points fulfil; `nil` for none.
    func summary(of filter: Filter?, matching: Int?) -> Explanation.FilterSummary? {
        guard let filter, let matching else { return nil }
        return indexes.summary(of: filter, matching: matching)
    }

    /// The declared payload indexes, and how many points each has. Complexity: O(indexed values).
    func payloadSchema() throws -> OrderedDictionary<ByteString, PayloadFieldInfo> {
        var schema: OrderedDictionary<ByteString, PayloadFieldInfo> = [:]
        for (path, declared) in indexes.schemas {
            let count = try live.words.withUnsafeBufferPointer { words in
                try words.baseAddress.flatMap { try indexes.pointCount(path, universe: live.slotCount, live: $0) }
            }
            schema[path.text] = PayloadFieldInfo(schema: declared, points: count ?? 0)
        }
        return schema
    }

    /// Slots whose vectors are looked at in one hold of the lock.
    private static let slotsPerHold = 1 << 14

    /// One bit a slot: whether it has the vector; `nil` for an unknown one. The caller deallocates it. Takes the lock now and
    /// then. Complexity: O(slots).
    private func words(with name: String) -> UnsafeMutablePointer<UInt64>? {
        guard let bit = collection.lock.read({ generation.field(name)?.bit }) else { return nil }
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: live.words.count)
        words.initialize(repeating: 0, count: live.words.count)
        for start in stride(from: 0, to: live.slotCount, by: Self.slotsPerHold) {
            collection.lock.read {
                for slot in start..<min(start + Self.slotsPerHold, live.slotCount)
                where generation.points.vectors(UInt32(slot)) & bit != 0 {
                    words[slot >> 6] |= 1 << UInt64(slot & 63)
                }
            }
        }
        return words
    }
}

/// The points of a generation at one time: which slots there were, and which of them lived.
struct LivePoints {
    let slotCount: Int
    let words: [UInt64]

    /// Under the shared lock.
    init(_ points: PointTable) {
        slotCount = points.slotCount
        words = points.live
    }
}
