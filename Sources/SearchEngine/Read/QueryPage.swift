/// The points of a query without a vector: which they are, how they are found, and where the next page begins.
struct QueryPage {
    let plan: QueryPlan
    private(set) var slots: [(slot: UInt32, value: OrderValue?)] = []
    private(set) var next: PointID?

    /// Takes the shared lock for moments.
    ///
    /// - Parameters:
    ///   - words: the live slots that match, one bit each, and how many they are.
    ///   - idOrder: all slots in the order of their ids, for a query by id; it leaves out what has died by now.
    init(
        _ query: Query, _ view: CollectionView, among words: [UInt64], matching: Int, idOrder: [UInt32]
    ) throws {
        var facts = QueryPlan.Facts(points: view.pointCount, matching: matching)
        guard case .byValue(let asked) = query.ranking else {
            plan = QueryPlan.decide(query, facts)
            find(query, view, among: words, idOrder)
            return
        }
        let order = try view.indexes.ordered(asked)
        if order.isSortable { facts.values = order.count }
        plan = QueryPlan.decide(query, facts)
        if plan.method == .valueSort {
            let sorted = order.sort(words, most: query.mostLookedFor)
            slots = sorted.dropFirst(query.offset).map { ($0.slot, $0.value) }
        } else {
            slots = order.walk(among: words).lazy.dropFirst(query.offset).prefix(query.limit).map {
                ($0.slot, $0.value)
            }
        }
    }

    /// By id.
    private mutating func find(_ query: Query, _ view: CollectionView, among words: [UInt64], _ order: [UInt32]) {
        let lock = view.collection.lock
        let generation = view.generation
        var index = 0
        if case .byID(let first?) = query.ranking {
            index = lock.read {
                var (low, end) = (0, order.count)
                while low < end {
                    let middle = (low + end) / 2
                    if generation.points.id(order[middle]) < first { low = middle + 1 } else { end = middle }
                }
                return low
            }
        }
        var skipped = 0
        for slot in order[index...] {
            guard slot >> 6 < words.count, words[Int(slot >> 6)] >> UInt64(slot & 63) & 1 == 1 else { continue }
            if skipped < query.offset {
                skipped += 1
            } else if slots.count == query.limit {
                next = lock.read { generation.points.id(slot) }
                return
            } else {
                slots.append((slot, nil))
            }
        }
    }
}
