import JSON

/// An element as `match` tells it from others: by its number, its UUID, or as it is.
private enum MatchedElement: Hashable {
    case integer(Int64)
    case keyword(Keyword)
    case other(JSONValue)

    init(_ element: JSONValue) {
        if let integer = element.integralValue {
            self = .integer(integer)
        } else if case .string(let text) = element {
            self = .keyword(Keyword(text))
        } else {
            self = .other(element)
        }
    }
}

/// Whether there are values at a path, nulls, empty arrays, and how many.
final class PresenceIndex: FieldIndex {
    /// What holds of one payload.
    struct Profile: OptionSet {
        let rawValue: Int
        /// No value, or each of them is `null` or an empty array.
        static let allEmpty = Profile(rawValue: 1)
        /// No value, or one of them is empty; and one of them is not.
        static let someEmpty = Profile(rawValue: 2)
        static let someFilled = Profile(rawValue: 4)
        /// A value is `null` or an array that holds one; no value, or one of them is no such thing.
        static let someNull = Profile(rawValue: 8)
        static let someNotNull = Profile(rawValue: 16)
        /// Some element is not `null`.
        static let hasElement = Profile(rawValue: 32)
        static let count = 64

        init(rawValue: Int) { self.rawValue = rawValue }

        init(_ view: PayloadView) {
            self = view.values.values.isEmpty ? [.allEmpty, .someEmpty, .someNotNull] : .allEmpty
            for value in view.values.values {
                insert(value.isEmptyValue ? .someEmpty : .someFilled)
                insert(value.holdsNull ? .someNull : .someNotNull)
            }
            if contains(.someFilled) { remove(.allEmpty) }
            if view.values.elements.contains(where: { $0 != .null }) { insert(.hasElement) }
        }
    }

    /// By profile; a slot is in one of them.
    private var profiles = [SlotSet](repeating: .none, count: Profile.count)
    /// By the number of values; a slot may be in several, if there are several arrays.
    private var counts = ValuePostings<Int>()
    /// How many distinct elements that are not null a slot has, if more than one.
    private(set) var distinctElements: [UInt32: Int] = [:]

    func insert(_ slot: UInt32, _ view: PayloadView) {
        profiles[Profile(view).rawValue].insert(slot)
        if view.values.values.isEmpty { counts.insert(0, slot) }
        for value in view.values.values { counts.insert(value.valuesCount, slot) }
        if view.values.elements.count > 1 {
            let distinct = Set(view.values.elements.lazy.filter { $0 != .null }.map(MatchedElement.init)).count
            if distinct > 1 { distinctElements[slot] = distinct }
        }
    }

    func remove(_ slot: UInt32, _ view: PayloadView) {
        profiles[Profile(view).rawValue].remove(slot)
        if view.values.values.isEmpty { counts.remove(0, slot) }
        for value in view.values.values { counts.remove(value.valuesCount, slot) }
        if view.values.elements.count > 1 { distinctElements[slot] = nil }
    }

    func select(_ part: Profile, into bits: inout SlotBits) {
        for raw in profiles.indices where Profile(rawValue: raw).isSuperset(of: part) { bits.formUnion(profiles[raw]) }
    }

    func select(_ bounds: CountBounds, into bits: inout SlotBits) {
        for (count, slots) in counts.postings where bounds.contains(count) { bits.formUnion(slots) }
    }

    /// The slots with an element that is not null and not one of `values`, whose slots `postings` are.
    func selectExcept(_ postings: [SlotSet], into bits: inout SlotBits) {
        var excluded = SlotBits(universe: bits.universe)
        for slots in postings { excluded.formUnion(slots) }
        select(.hasElement, into: &bits)
        bits.subtract(excluded)
        for (slot, distinct) in distinctElements where excluded.contains(slot) {
            // Each value that a slot has takes one of its distinct elements away.
            if distinct > postings.count || distinct > postings.count(where: { $0.contains(slot) }) {
                bits.insert(slot)
            }
        }
    }

    var residentBytes: Int {
        profiles.reduce(0) { $0 + $1.allocatedBytes + MemoryLayout<SlotSet>.stride } + counts.allocatedBytes { _ in 0 }
            + hashTableBytes(capacity: distinctElements.capacity, entry: 12)
    }
}
