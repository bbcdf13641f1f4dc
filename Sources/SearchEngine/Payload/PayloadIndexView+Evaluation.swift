import JSON

/// What a filter may ask of a collection beside its payloads.
package struct FilterContext {
    /// The slot of a point, if it exists.
    package var slot: (PointID) -> UInt32?
    /// The slots that have a vector of this name, one bit each, as many words as the universe has; `nil` if no point
    /// has one.
    package var vectorSlots: (String) -> UnsafePointer<UInt64>?

    package init(
        slot: @escaping (PointID) -> UInt32?, vectorSlots: @escaping (String) -> UnsafePointer<UInt64>?
    ) {
        self.slot = slot
        self.vectorSlots = vectorSlots
    }
}

extension PayloadIndexView {
    /// The live slots that fulfil a filter, and how many they are, exactly.
    ///
    /// `universe` is the number of slots; `live` has one bit for each of them, zero past the last. No index that it needs may be
    /// missing. Complexity: O(conditions · universe / 64 + postings and range entries of the conditions).
    ///
    /// - Parameters:
    ///   - mayWait: whether it may wait for a change of an index; otherwise it throws `FieldIndexBusy`.
    ///   - step: called before each condition, while nothing of the indexes is held; what it throws ends the evaluation.
    package func evaluate(
        _ filter: Filter, universe: Int, live: UnsafePointer<UInt64>, context: FilterContext, mayWait: Bool = true,
        step: () throws -> Void = {}
    ) throws -> (words: [UInt64], count: Int) {
        let evaluation = FilterEvaluation(indexes: self, universe: universe, context: context, mayWait: mayWait)
        var bits = try evaluation.bits(filter, step)
        let count = bits.formIntersection(words: live)
        return (bits.words, count)
    }
}

/// One evaluation of a filter; recursion is as deep as the filter, which its parser bounds.
private struct FilterEvaluation {
    let indexes: PayloadIndexView
    let universe: Int
    let context: FilterContext
    let mayWait: Bool

    func bits(_ filter: Filter, _ step: () throws -> Void) throws -> SlotBits {
        var result: SlotBits?
        func intersect(_ bits: SlotBits) {
            if result == nil { result = bits } else { result?.formIntersection(bits) }
        }
        for condition in filter.must { intersect(try bits(condition, step)) }
        if !filter.should.isEmpty {
            var union = SlotBits(universe: universe)
            for condition in filter.should { try add(condition, to: &union, step) }
            intersect(union)
        }
        if let minShould = filter.minShould { intersect(try atLeast(minShould.minCount, minShould.conditions, step)) }
        var bits = result ?? SlotBits(allOf: universe)
        if !filter.mustNot.isEmpty {
            var union = SlotBits(universe: universe)
            for condition in filter.mustNot { try add(condition, to: &union, step) }
            bits.subtract(union)
        }
        return bits
    }

    func bits(_ condition: Condition, _ step: () throws -> Void) throws -> SlotBits {
        if case .filter(let filter) = condition { return try bits(filter, step) }
        var bits = SlotBits(universe: universe)
        try add(condition, to: &bits, step)
        return bits
    }

    /// The slots that fulfil at least `minCount` of the conditions.
    func atLeast(_ minCount: Int, _ conditions: [Condition], _ step: () throws -> Void) throws -> SlotBits {
        guard minCount > 0 else { return SlotBits(allOf: universe) }
        guard minCount <= conditions.count else { return SlotBits(universe: universe) }
        // One binary counter a slot, its digits spread over planes, the lowest first.
        var planes: [SlotBits] = []
        for condition in conditions {
            var carry = try bits(condition, step)
            for index in planes.indices {
                var next = carry
                next.formIntersection(planes[index])
                planes[index].formSymmetricDifference(carry)
                carry = next
            }
            if carry.count > 0 { planes.append(carry) }
        }
        // Compares all counters with `minCount`, from the highest digit down.
        var greater = SlotBits(universe: universe)
        var equal = SlotBits(allOf: universe)
        for index in planes.indices.reversed() {
            if index < Int.bitWidth - 1, minCount >> index & 1 == 1 {
                equal.formIntersection(planes[index])
            } else {
                var above = equal
                above.formIntersection(planes[index])
                greater.formUnion(above)
                equal.subtract(planes[index])
            }
        }
        // Digits of `minCount` above all planes: no counter gets there.
        if planes.count < Int.bitWidth - minCount.leadingZeroBitCount { return SlotBits(universe: universe) }
        greater.formUnion(equal)
        return greater
    }

    /// Adds the slots that fulfil a condition.
    func add(_ condition: Condition, to bits: inout SlotBits, _ step: () throws -> Void) throws {
        try step()
        switch condition {
        case .field(let path, let predicate): try add(path, predicate, to: &bits)
        case .isEmpty(let path): try presence(path) { $0.select(.allEmpty, into: &bits) }
        case .isNull(let path): try presence(path) { $0.select(.someNull, into: &bits) }
        case .hasID(let ids):
            for id in ids {
                if let slot = context.slot(id), slot < universe { bits.insert(slot) }
            }
        case .hasVector(let name):
            if let words = context.vectorSlots(name) {
                var slots = SlotBits(allOf: universe)
                slots.formIntersection(words: words)
                bits.formUnion(slots)
            }
        case .nested: bits.formUnion(try read(.predicate(condition), as: PredicateIndex.self) { $0.slots })
        case .filter(let filter): bits.formUnion(try self.bits(filter, step))
        }
    }

    // What is short is copied out of an index and used without it: slots of one value, entries in order.
    private func add(_ path: PayloadPath, _ predicate: FieldPredicate, to bits: inout SlotBits) throws {
        switch predicate {
        case .match(.keyword(let value)): bits.formUnion(try keywords(path) { $0[value] })
        case .match(.integer(let value)): bits.formUnion(try integers(path) { $0[value] })
        case .match(.bool(let value)): bits.formUnion(try read(.bools(path), as: BoolIndex.self) { $0.slots[value] })
        case .matchAny(.keywords(let values)): try keywords(path) { $0.formUnion(of: values, into: &bits) }
        case .matchAny(.integers(let values)): try integers(path) { $0.formUnion(of: values, into: &bits) }
        case .matchExcept(let set):
            let postings =
                switch set {
                case .keywords(let values): try keywords(path) { slots in values.map { slots[$0] } }
                case .integers(let values): try integers(path) { slots in values.map { slots[$0] } }
                }
            var others = SlotBits(universe: universe)
            try presence(path) { $0.selectExcept(postings, into: &others) }
            bits.formUnion(others)
        case .matchText, .matchTextAny, .matchPhrase:
            try read(.text(path, indexes.settings(path)), as: TextIndex.self) { $0.select(predicate, into: &bits) }
        case .range(let bounds):
            guard let keys = NumberIndex.keys(bounds) else { break }
            try read(.numbers(path), as: NumberIndex.self) { $0.values.sorted }.select(keys, into: &bits)
        case .datetimeRange(let bounds):
            guard let keys = DatetimeIndex.keys(bounds) else { break }
            try read(.datetimes(path), as: DatetimeIndex.self) { $0.values.sorted }.select(keys, into: &bits)
        case .geoBoundingBox, .geoRadius, .geoPolygon:
            guard let shape = GeoShape(predicate) else { break }
            try read(.geo(path), as: GeoIndex.self) { $0.select(shape, into: &bits) }
        case .valuesCount(let bounds): try presence(path) { $0.select(bounds, into: &bits) }
        case .isEmpty(let isEmpty): try presence(path) { $0.select(isEmpty ? .someEmpty : .someFilled, into: &bits) }
        case .isNull(let isNull): try presence(path) { $0.select(isNull ? .someNull : .someNotNull, into: &bits) }
        }
    }

    private func read<Kind: FieldIndex, T>(
        _ key: FieldIndexKey, as kind: Kind.Type, _ body: (Kind) throws -> T
    ) throws -> T {
        try indexes.read(key, as: kind, mayWait: mayWait, body)
    }

    private func keywords<T>(_ path: PayloadPath, _ body: (ValuePostings<Keyword>) -> T) throws -> T {
        try read(.keywords(path), as: KeywordIndex.self) { body($0.slots) }
    }

    private func integers<T>(_ path: PayloadPath, _ body: (ValuePostings<Int64>) -> T) throws -> T {
        try read(.integers(path), as: IntegerIndex.self) { body($0.slots) }
    }

    private func presence<T>(_ path: PayloadPath, _ body: (PresenceIndex) -> T) throws -> T {
        try read(.presence(path), as: PresenceIndex.self, body)
    }
}
