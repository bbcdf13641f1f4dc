/// Values by slot, for reading the values of chosen slots without their payloads.
///
/// A slot has each value once. About 8 bytes a slot, in pieces of 1,024 slots that are made where there are values: where only
/// one in a hundred slots has any, that is 800 bytes a value.
package struct ValueColumn {
    package typealias Entry = SortedSlots.Entry

    private static let pieceSlots = 1_024

    /// The values of neighbouring slots that have one each.
    private struct Piece {
        var isPresent = [UInt64](repeating: 0, count: ValueColumn.pieceSlots / 64)
        var keys = [Int64](repeating: 0, count: ValueColumn.pieceSlots)
        /// Empty while all tags are equal.
        var tags: [Int32] = []
        var sharedTag: Int32

        func has(_ place: Int) -> Bool { isPresent[place >> 6] >> UInt64(place & 63) & 1 == 1 }
        func tag(_ place: Int) -> Int32 { tags.isEmpty ? sharedTag : tags[place] }

        mutating func set(_ place: Int, _ entry: Entry) {
            isPresent[place >> 6] |= 1 << UInt64(place & 63)
            keys[place] = entry.key
            if tags.isEmpty, entry.tag != sharedTag {
                tags = [Int32](repeating: sharedTag, count: ValueColumn.pieceSlots)
            }
            if !tags.isEmpty { tags[place] = entry.tag }
        }

        mutating func clear(_ place: Int) { isPresent[place >> 6] &= ~(1 << UInt64(place & 63)) }
    }

    private var pieces: [Piece?] = []
    /// Slots with two values or more, which are in no piece.
    private var several: [UInt32: Set<Entry>] = [:]

    package init() {}

    package mutating func insert(_ entry: Entry) {
        let (number, place) = Self.place(entry.slot)
        if number >= pieces.count {
            pieces.append(contentsOf: repeatElement(nil, count: number + 1 - pieces.count))
        }
        if !several.isEmpty, several[entry.slot] != nil {
            several[entry.slot]?.insert(entry)
        } else if let first = single(entry.slot) {
            guard first != entry else { return }
            pieces[number]?.clear(place)
            several[entry.slot] = [first, entry]
        } else {
            if pieces[number] == nil { pieces[number] = Piece(sharedTag: entry.tag) }
            pieces[number]?.set(place, entry)
        }
    }

    /// An entry that isn't there changes nothing.
    package mutating func remove(_ entry: Entry) {
        if single(entry.slot) == entry {
            let (number, place) = Self.place(entry.slot)
            pieces[number]?.clear(place)
        } else if let place = several.index(forKey: entry.slot) {
            several.values[place].remove(entry)
            guard several.values[place].count == 1 else { return }
            for last in several.remove(at: place).value { insert(last) }
        }
    }

    /// Calls `body` with each value of the slot, in no order.
    package func forEach(_ slot: UInt32, _ body: (Entry) -> Void) {
        if let entry = single(slot) {
            body(entry)
        } else if !several.isEmpty {
            several[slot]?.forEach(body)
        }
    }

    private static func place(_ slot: UInt32) -> (piece: Int, place: Int) {
        (Int(slot) / pieceSlots, Int(slot) % pieceSlots)
    }

    private func single(_ slot: UInt32) -> Entry? {
        let (number, place) = Self.place(slot)
        guard number < pieces.count, let piece = pieces[number], piece.has(place) else { return nil }
        return Entry(key: piece.keys[place], tag: piece.tag(place), slot: slot)
    }

    package var allocatedBytes: Int {
        var bytes = pieces.capacity * MemoryLayout<Piece?>.stride
        for case let piece? in pieces {
            bytes += piece.isPresent.count * 8 + piece.keys.count * 8 + piece.tags.count * 4 + 64
        }
        for entries in several.values {
            bytes += hashTableBytes(capacity: entries.capacity, entry: MemoryLayout<Entry>.stride)
        }
        return bytes
            + hashTableBytes(capacity: several.capacity, entry: MemoryLayout<(UInt32, Set<Entry>)>.stride)
    }
}

/// Values in order, and by slot where points may be ordered by them.
struct OrderedValues {
    /// Nothing is sorted before `finish`.
    private(set) var sorted = SortedSlots(isLoading: true)
    private(set) var column: ValueColumn?

    init(hasColumn: Bool) { if hasColumn { column = ValueColumn() } }

    mutating func insert(_ entry: SortedSlots.Entry) {
        sorted.insert(entry)
        column?.insert(entry)
    }

    mutating func remove(_ entry: SortedSlots.Entry) {
        sorted.remove(entry)
        column?.remove(entry)
    }

    mutating func finish() { sorted.finish() }

    var allocatedBytes: Int { sorted.allocatedBytes + (column?.allocatedBytes ?? 0) }
}
