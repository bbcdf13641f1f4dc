import JSON

/// Distinct values, each with the slots that have it.
struct ValuePostings<Value: Hashable> {
    private(set) var postings: [Value: SlotSet] = [:]

    subscript(value: Value) -> SlotSet { postings[value] ?? .none }

    mutating func insert(_ value: Value, _ slot: UInt32) {
        postings[value, default: .none].insert(slot)
    }

    mutating func remove(_ value: Value, _ slot: UInt32) {
        guard let index = postings.index(forKey: value) else { return }
        postings.values[index].remove(slot)
        if postings.values[index].isEmpty { postings.remove(at: index) }
    }

    func formUnion(of values: some Sequence<Value>, into bits: inout SlotBits) {
        for value in values {
            if let slots = postings[value] { bits.formUnion(slots) }
        }
    }

    func formUnionOfAll(into bits: inout SlotBits) {
        for slots in postings.values { bits.formUnion(slots) }
    }

    /// `valueBytes` is what a value allocates by itself.
    func allocatedBytes(_ valueBytes: (Value) -> Int) -> Int {
        var bytes = hashTableBytes(
            capacity: postings.capacity, entry: MemoryLayout<Value>.stride + MemoryLayout<SlotSet>.stride)
        for (value, slots) in postings { bytes += valueBytes(value) + slots.allocatedBytes }
        return bytes
    }
}

/// Bytes of a dictionary that has room for so many entries: a quarter of its places stays free, and each has a bit.
func hashTableBytes(capacity: Int, entry: Int) -> Int {
    let places = (capacity * 4 + 2) / 3
    return places * entry + places / 8
}

/// Strings by equality of keywords.
final class KeywordIndex: FieldIndex {
    private(set) var slots = ValuePostings<Keyword>()

    func insert(_ slot: UInt32, _ view: PayloadView) {
        for case .string(let value) in view.values.elements { slots.insert(Keyword(value), slot) }
    }

    func remove(_ slot: UInt32, _ view: PayloadView) {
        for case .string(let value) in view.values.elements { slots.remove(Keyword(value), slot) }
    }

    var residentBytes: Int {
        slots.allocatedBytes { keyword in
            if case .text(let text) = keyword, text.utf8.count > 15 { text.utf8.count + 32 } else { 0 }
        }
    }
}

/// Integers by equality, floats without a fraction among them.
final class IntegerIndex: FieldIndex {
    private(set) var slots = ValuePostings<Int64>()

    func insert(_ slot: UInt32, _ view: PayloadView) {
        for element in view.values.elements { if let value = element.integralValue { slots.insert(value, slot) } }
    }

    func remove(_ slot: UInt32, _ view: PayloadView) {
        for element in view.values.elements { if let value = element.integralValue { slots.remove(value, slot) } }
    }

    var residentBytes: Int { slots.allocatedBytes { _ in 0 } }
}

final class BoolIndex: FieldIndex {
    private(set) var slots = ValuePostings<Bool>()

    func insert(_ slot: UInt32, _ view: PayloadView) {
        for case .bool(let value) in view.values.elements { slots.insert(value, slot) }
    }

    func remove(_ slot: UInt32, _ view: PayloadView) {
        for case .bool(let value) in view.values.elements { slots.remove(value, slot) }
    }

    var residentBytes: Int { slots.allocatedBytes { _ in 0 } }
}

/// The points that fulfil one condition, which is evaluated on every write.
final class PredicateIndex: FieldIndex {
    private let condition: Condition
    private(set) var slots = SlotSet()

    init(_ condition: Condition) { self.condition = condition }

    func insert(_ slot: UInt32, _ view: PayloadView) {
        if PayloadMatcher().matches(condition, view.payload, nil) { slots.insert(slot) }
    }

    func remove(_ slot: UInt32, _ view: PayloadView) { slots.remove(slot) }

    var residentBytes: Int { slots.allocatedBytes }
}
