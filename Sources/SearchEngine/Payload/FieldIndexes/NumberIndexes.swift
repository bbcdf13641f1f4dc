import JSON

/// Integers and floats by value: ranges, and order.
final class NumberIndex: OrderIndex {
    var values: OrderedValues

    /// - Parameter isOrder: whether points may be ordered by it, which reads values by slot.
    init(isOrder: Bool) { values = OrderedValues(hasColumn: isOrder) }

    /// The tag of a float. An integer's tag is what rounding it to a double took away, at most 512.
    static let floatTag = Int32.max

    /// An integer that orders as the number does.
    static func key(_ number: Double) -> Int64 {
        // -0 equals 0. Of a negative double's bits a greater value means a smaller number.
        let bits = Int64(bitPattern: (number + 0).bitPattern)
        return bits ^ ((bits >> 63) & .max)
    }

    static func number(_ key: Int64) -> Double {
        Double(bitPattern: UInt64(bitPattern: key ^ ((key >> 63) & .max)))
    }

    static func keys(_ bounds: RangeBounds) -> ClosedRange<Int64>? {
        guard [bounds.gte, bounds.gt, bounds.lte, bounds.lt].allSatisfy({ $0.map { !$0.isNaN } ?? true }) else {
            return nil
        }
        var low = Int64.min
        var high = Int64.max
        // Keys are finite doubles or infinities, so that one more or less never overflows.
        if let gte = bounds.gte { low = max(low, key(gte)) }
        if let gt = bounds.gt { low = max(low, key(gt) + 1) }
        if let lte = bounds.lte { high = min(high, key(lte)) }
        if let lt = bounds.lt { high = min(high, key(lt) - 1) }
        return low <= high ? low...high : nil
    }

    /// Calls `body` with one entry for each different number.
    func forEachEntry(_ slot: UInt32, _ view: PayloadView, _ body: (SortedSlots.Entry) -> Void) {
        let elements = view.values.elements
        if elements.count == 1 {
            if let entry = Self.entry(elements[0], slot) { body(entry) }
            return
        }
        var seen: Set<Int64> = []
        for element in elements {
            guard let entry = Self.entry(element, slot), seen.insert(entry.key).inserted else { continue }
            body(entry)
        }
    }

    private static func entry(_ value: JSONValue, _ slot: UInt32) -> SortedSlots.Entry? {
        switch value {
        case .integer(let integer):
            let number = Double(integer)
            let rest = integer.magnitude <= 1 << 53 ? 0 : Int32(truncatingIfNeeded: Int128(integer) - Int128(number))
            return SortedSlots.Entry(key: key(number), tag: rest, slot: slot)
        case .unsigned(let integer): return SortedSlots.Entry(key: key(Double(integer)), tag: floatTag, slot: slot)
        case .double(let number): return SortedSlots.Entry(key: key(number), tag: floatTag, slot: slot)
        default: return nil
        }
    }

    static func orderValue(_ entry: SortedSlots.Entry) -> OrderValue {
        let number = number(entry.key)
        if entry.tag == floatTag { return .float(number) }
        return .integer(Int64(truncatingIfNeeded: Int128(number) + Int128(entry.tag)))
    }

    /// The entry's value if it is an integer, which a float without a fraction is as well.
    static func integer(_ entry: SortedSlots.Entry) -> Int64? {
        switch orderValue(entry) {
        case .integer(let value): value
        case .float(let number): Int64(exactly: number)
        }
    }
}

/// Strings that are points in time.
final class DatetimeIndex: OrderIndex {
    var values: OrderedValues

    /// - Parameter isOrder: whether points may be ordered by it, which reads values by slot.
    init(isOrder: Bool) { values = OrderedValues(hasColumn: isOrder) }

    static func keys(_ bounds: DatetimeBounds) -> ClosedRange<Int64>? {
        var low = Int64.min
        var high = Int64.max
        if let gte = bounds.gte { low = max(low, gte) }
        if let gt = bounds.gt {
            guard gt < .max else { return nil }
            low = max(low, gt + 1)
        }
        if let lte = bounds.lte { high = min(high, lte) }
        if let lt = bounds.lt {
            guard lt > .min else { return nil }
            high = min(high, lt - 1)
        }
        return low <= high ? low...high : nil
    }

    func forEachEntry(_ slot: UInt32, _ view: PayloadView, _ body: (SortedSlots.Entry) -> Void) {
        var seen: Set<Int64> = []
        let isSingle = view.values.elements.count == 1
        for case .string(let text) in view.values.elements {
            guard let time = Datetime.parse(text), isSingle || seen.insert(time).inserted else { continue }
            body(SortedSlots.Entry(key: time, tag: 0, slot: slot))
        }
    }
}
