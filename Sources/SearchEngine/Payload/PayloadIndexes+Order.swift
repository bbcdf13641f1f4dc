extension PayloadIndexes {
    /// The slots of a set by their value at a path, with that value.
    ///
    /// A slot comes once for each of its different numbers (or points in time); one without any doesn't come at all. Under
    /// an integer index integral floats are integers and other floats are left out; under a float index every number
    /// is a float. `from` is the first value, inclusive. Equal values come by slot, ascending or descending as the values
    /// do.
    ///
    /// `matching` has one bit a slot. `missing(forOrder:)` must be empty. Throws `.invalid` when no declared index tells
    /// what the order is.
    /// Complexity: O(log values) to begin, beside the unsorted recent ones, and O(1) a step through the values.
    package func ordered(
        _ path: PayloadPath, _ direction: OrderBy.Direction, from: OrderValue?, matching words: [UInt64]
    ) throws -> OrderedSlots {
        let schema = schemas[path]
        switch schema?.type {
        case .datetime: return datetimes(path, direction, from, words)
        case .integer where schema?.range == true: return numbers(path, .integers, direction, from, words)
        case .float: return numbers(path, .floats, direction, from, words)
        default:
            throw EngineError.invalid(
                """
                No range index for `order_by` key: `\(path.text)`. Please create one to use `order_by`. \
                Integer, float and datetime indexes are such
                """)
        }
    }

    private func numbers(
        _ path: PayloadPath, _ kind: OrderedSlots.Kind, _ direction: OrderBy.Direction, _ from: OrderValue?,
        _ words: [UInt64]
    ) -> OrderedSlots {
        let facet = facet(.numbers(path), as: NumberFacet.self)
        let key: Int64? =
            switch from {
            case .integer(let value): NumberFacet.key(Double(value))
            case .float(let value): NumberFacet.key(value)
            case nil: nil
            }
        return OrderedSlots(facet.slots, kind, direction, from: key, exact: from, words)
    }

    private func datetimes(
        _ path: PayloadPath, _ direction: OrderBy.Direction, _ from: OrderValue?, _ words: [UInt64]
    ) -> OrderedSlots {
        let facet = facet(.datetimes(path), as: DatetimeFacet.self)
        let key: Int64? =
            switch from {
            case .integer(let value): value
            case .float(let value):
                // The first microsecond at or past it, in the direction of the order.
                Int64(exactly: value.rounded(direction == .ascending ? .up : .down)) ?? (value > 0 ? .max : .min)
            case nil: nil
            }
        return OrderedSlots(facet.slots, .datetimes, direction, from: key, exact: nil, words)
    }
}

/// Slots in the order of their values, computed step by step.
package struct OrderedSlots: Sequence, IteratorProtocol {
    enum Kind { case integers, floats, datetimes }

    private let sorted: [SortedSlots.Entry]
    private let dead: [UInt64]
    /// In order, and only those from the first value on.
    private let recent: [SortedSlots.Entry]
    private let kind: Kind
    private let isAscending: Bool
    /// Compared once more with integers that a double can't hold.
    private let exact: OrderValue?
    private let words: [UInt64]
    /// The next index of `sorted`: on the way down, one more than that.
    private var position: Int
    private var nextRecent = 0

    init(
        _ slots: SortedSlots, _ kind: Kind, _ direction: OrderBy.Direction, from key: Int64?, exact: OrderValue?,
        _ words: [UInt64]
    ) {
        sorted = slots.sorted
        dead = slots.dead
        self.kind = kind
        self.exact = exact
        self.words = words
        isAscending = direction == .ascending
        if isAscending {
            position = key.map { key in slots.lowerBound { $0.key < key } } ?? 0
            recent = slots.recent.filter { $0.key >= key ?? .min }.sorted()
        } else {
            position = key.map { key in slots.lowerBound { $0.key <= key } } ?? sorted.count
            recent = slots.recent.filter { $0.key <= key ?? .max }.sorted { $1 < $0 }
        }
    }

    package mutating func next() -> (value: OrderValue, slot: UInt32)? {
        while let entry = nextEntry() {
            let word = Int(entry.slot >> 6)
            guard word < words.count, words[word] & (1 << UInt64(entry.slot & 63)) != 0 else { continue }
            if let value = value(entry) { return (value, entry.slot) }
        }
        return nil
    }

    private mutating func nextEntry() -> SortedSlots.Entry? {
        while let index = nextIndex, !dead.isEmpty, dead[index >> 6] & (1 << UInt64(index & 63)) != 0 {
            position += isAscending ? 1 : -1
        }
        guard nextRecent < recent.count else { return takeSorted() }
        guard let index = nextIndex else { return takeRecent() }
        let isRecentFirst = isAscending ? recent[nextRecent] < sorted[index] : sorted[index] < recent[nextRecent]
        return isRecentFirst ? takeRecent() : takeSorted()
    }

    private var nextIndex: Int? {
        if isAscending { return position < sorted.count ? position : nil }
        return position > 0 ? position - 1 : nil
    }

    private mutating func takeSorted() -> SortedSlots.Entry? {
        guard let index = nextIndex else { return nil }
        position += isAscending ? 1 : -1
        return sorted[index]
    }

    private mutating func takeRecent() -> SortedSlots.Entry {
        nextRecent += 1
        return recent[nextRecent - 1]
    }

    /// The value to show; `nil` leaves the entry out.
    private func value(_ entry: SortedSlots.Entry) -> OrderValue? {
        if kind == .datetimes { return .integer(entry.key) }
        let value = NumberFacet.orderValue(entry)
        if case .integer(let integer) = value, case .integer(let first) = exact,
            isAscending ? integer < first : integer > first
        {
            return nil
        }
        switch (kind, value) {
        case (.integers, .float): return NumberFacet.integer(entry).map { .integer($0) }
        case (.floats, .integer(let integer)): return .float(Double(integer))
        default: return value
        }
    }
}
