import Foundation
import JSON
import SearchEngine

/// Payloads by slot with their indexes: what the engine does around `PayloadIndexes`, without its storage.
/// The point of slot `n` has the id `n`; the vector "v" is had by every third.
final class IndexedCollection {
    let indexes: PayloadIndexes
    var view: PayloadIndexView { indexes.view() }
    private(set) var payloads: [JSONValue] = []
    private(set) var isLive: [Bool] = []

    init(budget: Int = .max) { indexes = PayloadIndexes(implicitBudgetBytes: budget) }

    convenience init(_ texts: [String]) throws {
        self.init()
        for text in texts { append(try JSONValue(parsing: Array(text.utf8))) }
    }

    func append(_ payload: JSONValue) {
        indexes.apply([PayloadChange(slot: UInt32(payloads.count), new: payload)])
        payloads.append(payload)
        isLive.append(true)
    }

    func replace(_ slot: Int, _ payload: JSONValue) {
        indexes.apply([PayloadChange(slot: UInt32(slot), old: payloads[slot], new: payload)])
        payloads[slot] = payload
    }

    func delete(_ slot: Int) { isLive[slot] = false }

    func hasVector(_ slot: Int, _ name: String) -> Bool { name == "v" && slot % 3 == 0 }

    func build(_ keys: [FieldIndexKey]) {
        guard !keys.isEmpty else { return }
        let builder = indexes.makeBuilder(for: keys)
        for slot in payloads.indices where isLive[slot] { builder.feed(UInt32(slot), payloads[slot]) }
        builder.finish()
        indexes.install(builder)
    }

    func words(_ isMember: (Int) -> Bool) -> [UInt64] {
        var words = [UInt64](repeating: 0, count: (payloads.count + 63) / 64)
        for slot in payloads.indices where isMember(slot) { words[slot / 64] |= 1 << UInt64(slot % 64) }
        return words
    }

    /// The slots that the indexes find, after building what is missing.
    func matches(_ filter: Filter) throws -> [Int] {
        build(view.missing(for: filter))
        return try evaluate(filter)
    }

    func evaluate(_ filter: Filter) throws -> [Int] {
        let count = payloads.count
        return try words { hasVector($0, "v") }.withUnsafeBufferPointer { vectors in
            let context = FilterContext(
                slot: { id in
                    if case .number(let number) = id, number < UInt64(count) { UInt32(number) } else { nil }
                },
                vectorSlots: { $0 == "v" ? vectors.baseAddress : nil })
            return try words { isLive[$0] }.withUnsafeBufferPointer { live in
                guard let base = live.baseAddress else { return [] }
                let (found, size) = try view.evaluate(
                    filter, universe: count, live: base, context: context)
                let slots = (0..<count).filter { found[$0 / 64] & (1 << UInt64($0 % 64)) != 0 }
                precondition(size == slots.count, "the count is exact")
                return slots
            }
        }
    }

    /// The slots that the naive evaluator finds.
    func naiveMatches(_ filter: Filter) -> [Int] {
        let matcher = view.matcher
        return payloads.indices.filter { slot in
            let point = PointFacts(id: .number(UInt64(slot))) { self.hasVector(slot, $0) }
            return isLive[slot] && matcher.matches(filter, payloads[slot], point)
        }
    }

    func pointCount(_ path: PayloadPath) throws -> Int? {
        try words { isLive[$0] }.withUnsafeBufferPointer { live in
            try live.baseAddress.flatMap { try view.pointCount(path, universe: payloads.count, live: $0) }
        }
    }
}

extension PayloadIndexView {
    /// What a filter needs to be evaluated.
    func missing(for filter: Filter) -> [FieldIndexKey] { missing(for: [filter]) }

    /// The same of several filters, and keys that points are ordered by.
    func missing(for filters: [Filter], orders: [PayloadPath] = []) -> [FieldIndexKey] {
        missing(keys(for: filters, orders: orders))
    }
}
