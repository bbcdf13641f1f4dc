extension PayloadIndexView {
    /// The values that points are ordered by under a path. The index that it needs must not be missing.
    ///
    /// A slot comes once for each of its different numbers (or points in time); one without any doesn't come at all. Under
    /// an integer index integral floats are integers and other floats are left out; under a float index every number
    /// is a float. The order's first value is inclusive. Equal values come by slot, ascending or descending as the values do.
    ///
    /// Throws `.invalid` when no declared index tells what the order is.
    package func ordered(_ order: OrderBy) throws -> ValueOrder {
        let path = order.key
        let schema = schemas[path]
        switch schema?.type {
        case .datetime:
            return ValueOrder(try read(.datetimes(path), as: DatetimeIndex.self) { $0.values }, .datetimes, order)
        case .integer where schema?.range == true:
            return ValueOrder(try read(.numbers(path), as: NumberIndex.self) { $0.values }, .integers, order)
        case .float: return ValueOrder(try read(.numbers(path), as: NumberIndex.self) { $0.values }, .floats, order)
        default:
            throw EngineError.invalid(
                """
                No range index for `order_by` key: `\(path.text)`. Please create one to use `order_by`. \
                Integer, float and datetime indexes are such
                """)
        }
    }
}

/// An order of slots by their values.
package struct ValueOrder {
    enum Kind { case integers, floats, datetimes }

    private let values: OrderedValues
    private let kind: Kind
    fileprivate let isAscending: Bool
    /// The first value.
    fileprivate let first: Int64?
    /// The same, compared once more with integers that a double can't hold.
    private let exact: OrderValue?

    fileprivate init(_ values: OrderedValues, _ kind: Kind, _ order: OrderBy) {
        self.values = values
        self.kind = kind
        isAscending = order.direction == .ascending
        exact = kind == .datetimes ? nil : order.startFrom
        first = order.startFrom.map { Self.key($0, kind, isAscending: order.direction == .ascending) }
    }

    private static func key(_ value: OrderValue, _ kind: Kind, isAscending: Bool) -> Int64 {
        switch (kind, value) {
        case (.datetimes, .integer(let time)): time
        case (.datetimes, .float(let time)):
            // The first microsecond at or past it, in the direction of the order.
            Int64(exactly: time.rounded(isAscending ? .up : .down)) ?? (time > 0 ? .max : .min)
        case (_, .integer(let number)): NumberIndex.key(Double(number))
        case (_, .float(let number)): NumberIndex.key(number)
        }
    }

    /// How many values there are, of all slots.
    package var count: Int { values.sorted.count }

    /// Whether `sort` can be used: it is there once the index that was declared is.
    package var isSortable: Bool { values.column != nil }

    /// The slots of a set one after another, from the first value on. `words` has one bit a slot.
    ///
    /// Complexity: O(log values) to begin, beside the unsorted recent ones, and O(1) a step through the values.
    package func walk(among words: [UInt64]) -> OrderedSlots { OrderedSlots(self, values.sorted, words) }

    /// The same in one go, from the values of the set's slots alone: at most `most`.
    ///
    /// Complexity: O(slots / 64 + values of the set · log of them).
    package func sort(_ words: [UInt64], most: Int) -> [(value: OrderValue, slot: UInt32)] {
        var entries: [SortedSlots.Entry] = []
        for (index, word) in words.enumerated() {
            var word = word
            while word != 0 {
                let slot = UInt32(index * 64 + word.trailingZeroBitCount)
                word &= word - 1
                values.column?.forEach(slot) { entry in if isPast(entry) { entries.append(entry) } }
            }
        }
        if isAscending { entries.sort() } else { entries.sort { $1 < $0 } }
        return Array(entries.lazy.compactMap { entry in shown(entry).map { ($0, entry.slot) } }.prefix(most))
    }

    fileprivate func isPast(_ entry: SortedSlots.Entry) -> Bool {
        guard let first else { return true }
        return isAscending ? entry.key >= first : entry.key <= first
    }

    /// The value to show; `nil` leaves the entry out.
    fileprivate func shown(_ entry: SortedSlots.Entry) -> OrderValue? {
        if kind == .datetimes { return .integer(entry.key) }
        let value = NumberIndex.orderValue(entry)
        if case .integer(let integer) = value, case .integer(let first) = exact,
            isAscending ? integer < first : integer > first
        {
            return nil
        }
        switch (kind, value) {
        case (.integers, .float): return NumberIndex.integer(entry).map { .integer($0) }
        case (.floats, .integer(let integer)): return .float(Double(integer))
        default: return value
        }
    }
}

/// Slots in the order of their values, computed step by step.
package struct OrderedSlots: Sequence, IteratorProtocol {
    private let order: ValueOrder
    private let slots: SortedSlots
    /// In order, and only those from the first value on.
    private let recent: [SortedSlots.Entry]
    private let words: [UInt64]
    /// The next index of the sorted entries: on the way down, one more than that.
    private var position: Int
    private var nextRecent = 0

    fileprivate init(_ order: ValueOrder, _ slots: SortedSlots, _ words: [UInt64]) {
        self.order = order
        self.slots = slots
        self.words = words
        let recent = slots.recent.filter { order.isPast($0) }
        if order.isAscending {
            position = order.first.map { first in slots.lowerBound { $0.key < first } } ?? 0
            self.recent = recent.sorted()
        } else {
            position = order.first.map { first in slots.lowerBound { $0.key <= first } } ?? slots.sorted.count
            self.recent = recent.sorted { $1 < $0 }
        }
    }

    package mutating func next() -> (value: OrderValue, slot: UInt32)? {
        while let entry = nextEntry() {
            let word = Int(entry.slot >> 6)
            guard word < words.count, words[word] & (1 << UInt64(entry.slot & 63)) != 0 else { continue }
            if let value = order.shown(entry) { return (value, entry.slot) }
        }
        return nil
    }

    private mutating func nextEntry() -> SortedSlots.Entry? {
        while let index = nextIndex, slots.isDead(index) { position += order.isAscending ? 1 : -1 }
        guard nextRecent < recent.count else { return takeSorted() }
        guard let index = nextIndex else { return takeRecent() }
        let isRecentFirst =
            order.isAscending
            ? recent[nextRecent] < slots.sorted[index] : slots.sorted[index] < recent[nextRecent]
        return isRecentFirst ? takeRecent() : takeSorted()
    }

    private var nextIndex: Int? {
        if order.isAscending { return position < slots.sorted.count ? position : nil }
        return position > 0 ? position - 1 : nil
    }

    private mutating func takeSorted() -> SortedSlots.Entry? {
        guard let index = nextIndex else { return nil }
        position += order.isAscending ? 1 : -1
        return slots.sorted[index]
    }

    private mutating func takeRecent() -> SortedSlots.Entry {
        nextRecent += 1
        return recent[nextRecent - 1]
    }
}
