/// The points of a query without a vector: which they are, how they are found, and where the next page begins.
struct QueryPage {
    let plan: QueryPlan
    private(set) var slots: [(slot: UInt32, value: OrderValue?)] = []
    private(set) var next: PointID?

    /// Takes the shared lock for a query by id.
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
            view.collection.lock.read { find(query, view.generation.points, among: words, idOrder) }
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
    private mutating func find(_ query: Query, _ points: PointTable, among words: [UInt64], _ order: [UInt32]) {
        var index = 0
        if case .byID(let first?) = query.ranking {
            var end = order.count
            while index < end {
                let middle = (index + end) / 2
                if points.id(order[middle]) < first { index = middle + 1 } else { end = middle }
            }
        }
        var skipped = 0
        for slot in order[index...] {
            guard slot >> 6 < words.count, words[Int(slot >> 6)] >> UInt64(slot & 63) & 1 == 1 else { continue }
            if skipped < query.offset {
                skipped += 1
            } else if slots.count == query.limit {
                next = points.id(slot)
                return
            } else {
                slots.append((slot, nil))
            }
        }
    }
}
