import Glibc
import JSON
import SearchEngine
import Synchronization
import TestSupport
import Testing

/// Filters are evaluated while payloads are changed.
@Suite struct PayloadIndexViewTests {
    private static func payload(_ number: Int) -> JSONValue {
        [
            "k": .string("w\(number % 7)"), "n": .integer(Int64(number)), "t": .string("a b\(number % 5)"),
            "g": ["lat": .double(Double(number % 80)), "lon": 1],
        ]
    }

    private func filters() throws -> [Filter] {
        [
            Filter(must: [.field(try PayloadPath("k"), .match(.keyword(Keyword("w3"))))]),
            Filter(must: [.field(try PayloadPath("n"), .range(RangeBounds(lt: 900, gte: 100)))]),
            Filter(mustNot: [.field(try PayloadPath("k"), .matchAny(.keywords([Keyword("w1"), Keyword("w2")])))]),
            Filter(must: [.isEmpty(try PayloadPath("missing"))]),
        ]
    }

    /// A view's answers are those of its universe, whatever is added while they are found.
    @Test func pointsThatComeLaterAreNotSeen() throws {
        let collection = IndexedCollection()
        for number in 0..<1_000 { collection.append(Self.payload(number)) }
        let filters = try filters()
        let expected = try filters.map(collection.matches)
        let live = [UInt64](repeating: .max, count: 15) + [(1 << 40) - 1]
        let indexes = collection.indexes
        let isDone = Atomic(false)
        let evaluations = Atomic(0)
        let wrong = Mutex<[Int]>([])
        onThreads(3) { thread in
            if thread == 0 {
                for number in stride(from: 1_000, to: 9_000, by: 10) {
                    indexes.apply((number..<number + 10).map { PayloadChange(slot: UInt32($0), new: Self.payload($0)) })
                    // A reader is at it all the while.
                    while evaluations.load(ordering: .relaxed) < (number - 1_000) / 100 { sched_yield() }
                }
                return isDone.store(true, ordering: .releasing)
            }
            while !isDone.load(ordering: .acquiring) {
                let view = indexes.view()
                evaluations.wrappingAdd(1, ordering: .relaxed)
                for (place, filter) in filters.enumerated() {
                    let stamps = view.stamps(view.keys(for: [filter]))
                    let found = live.withUnsafeBufferPointer { words in
                        try? view.evaluate(
                            filter, universe: 1_000, live: words.baseAddress!,
                            context: FilterContext(slot: { _ in nil }, vectorSlots: { _ in nil }))
                    }
                    if found?.count != expected[place].count || !stamps.isCurrent {
                        wrong.withLock { $0.append(place) }
                    }
                }
            }
        }
        #expect(wrong.withLock { $0 } == [])
    }

    /// Two keys of each payload always have the same value, and are exchanged again and again: a view that is current never finds
    /// them different.
    @Test func anExchangeIsSeenWholeOrTold() throws {
        let count = 640
        let indexes = PayloadIndexes(implicitBudgetBytes: .max)
        @Sendable func payload(_ value: Int) -> JSONValue {
            ["a": .integer(Int64(value)), "b": .integer(Int64(value))]
        }
        let (a, b) = (try PayloadPath("a"), try PayloadPath("b"))
        let filter = Filter(must: [.field(a, .match(.integer(0)))], mustNot: [.field(b, .match(.integer(0)))])
        let builder = indexes.makeBuilder(for: indexes.view().missing(for: filter))
        for slot in 0..<UInt32(count) { builder.feed(slot, payload(0)) }
        indexes.install(builder)
        let live = [UInt64](repeating: .max, count: count / 64)
        let rounds = 300
        let isDone = Atomic(false)
        let seen = Mutex((current: 0, torn: 0))
        onThreads(3) { thread in
            if thread == 0 {
                for round in 0..<rounds {
                    let (old, new) = (payload(round % 2), payload((round + 1) % 2))
                    indexes.apply((0..<UInt32(count)).map { PayloadChange(slot: $0, old: old, new: new) })
                    // Each time somebody has seen what came of it.
                    while seen.withLock({ $0.current }) < round { sched_yield() }
                }
                return isDone.store(true, ordering: .releasing)
            }
            while !isDone.load(ordering: .acquiring) {
                let view = indexes.view()
                let stamps = view.stamps(view.keys(for: [filter]))
                let found = live.withUnsafeBufferPointer { words in
                    try? view.evaluate(
                        filter, universe: count, live: words.baseAddress!,
                        context: FilterContext(slot: { _ in nil }, vectorSlots: { _ in nil }))
                }
                guard stamps.isCurrent else { continue }
                seen.withLock { seen in
                    seen.current += 1
                    if found?.count != 0 { seen.torn += 1 }
                }
            }
        }
        #expect(seen.withLock { $0.torn } == 0)
        let view = indexes.view()
        let found = try live.withUnsafeBufferPointer { words in
            try view.evaluate(
                Filter(must: [.field(a, .match(.integer(Int64(rounds % 2))))]), universe: count,
                live: words.baseAddress!, context: FilterContext(slot: { _ in nil }, vectorSlots: { _ in nil }))
        }
        #expect(found.count == count)
    }

    /// An exchange is over once its points are published, and holds up those alone who look at what it changes.
    @Test func anExchangeEndsWithPublication() throws {
        let indexes = PayloadIndexes(implicitBudgetBytes: .max)
        let (a, b) = (
            Filter(must: [.field(try PayloadPath("a"), .match(.integer(1)))]),
            Filter(must: [.isEmpty(try PayloadPath("b"))])
        )
        let builder = indexes.makeBuilder(for: indexes.view().missing(for: [a, b]))
        builder.feed(0, ["a": 1])
        indexes.install(builder)
        let view = indexes.view()
        let (ofA, ofB) = (view.stamps(view.keys(for: [a])), view.stamps(view.keys(for: [b])))
        indexes.apply(
            [PayloadChange(slot: 0, old: ["a": 1], new: ["a": 2]), PayloadChange(slot: 1, new: ["a": 1, "b": 3])],
            publishing: {
                #expect(!ofA.isCurrent && ofB.isCurrent)
                #expect(!view.stamps(view.keys(for: [a])).isCurrent)
            })
        #expect(!ofA.isCurrent && view.stamps(view.keys(for: [a])).isCurrent)
    }

    /// An index that is evicted serves the views that have it.
    @Test func anEvictedIndexStaysWithItsView() throws {
        let collection = IndexedCollection(budget: 1)
        for number in 0..<300 { collection.append(Self.payload(number)) }
        let filters = try filters()
        collection.build(collection.view.missing(for: filters[0]))
        let view = collection.view
        collection.build(collection.view.missing(for: filters[1]))
        #expect(!collection.view.missing(for: filters[0]).isEmpty)
        let found = try collection.words { _ in true }.withUnsafeBufferPointer { words in
            try view.evaluate(
                filters[0], universe: 300, live: words.baseAddress!,
                context: FilterContext(slot: { _ in nil }, vectorSlots: { _ in nil }))
        }
        #expect(found.count == 43)
    }
}
