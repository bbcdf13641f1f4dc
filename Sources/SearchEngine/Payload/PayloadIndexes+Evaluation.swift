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

extension PayloadIndexes {
    /// The live slots that fulfil a filter, and how many they are, exactly.
    ///
    /// `universe` is the number of slots; `live` has one bit for each of them, zero past the last. `missing(for:)` must be
    /// empty. Complexity: O(conditions · universe / 64 + postings and range entries of the conditions).
    ///
    /// - Parameter step: called before each condition, while nothing of the indexes is held; what it throws ends the evaluation.
    package func evaluate(
        _ filter: Filter, universe: Int, live: UnsafePointer<UInt64>, context: FilterContext, step: () throws -> Void
    ) rethrows -> (words: [UInt64], count: Int) {
        let evaluation = FilterEvaluation(indexes: self, universe: universe, context: context)
        var bits = try evaluation.bits(filter, step)
        let count = bits.formIntersection(words: live)
        return (bits.words, count)
    }
}

extension PayloadIndexes {
    /// The same in one go.
    package func evaluate(
        _ filter: Filter, universe: Int, live: UnsafePointer<UInt64>, context: FilterContext
    ) -> (words: [UInt64], count: Int) {
        evaluate(filter, universe: universe, live: live, context: context, step: {})
    }
}

/// One evaluation of a filter; recursion is as deep as the filter, which its parser bounds.
private struct FilterEvaluation {
    let indexes: PayloadIndexes
    let universe: Int
    let context: FilterContext

    func bits(_ filter: Filter, _ step: () throws -> Void) rethrows -> SlotBits {
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

    func bits(_ condition: Condition, _ step: () throws -> Void) rethrows -> SlotBits {
        if case .filter(let filter) = condition { return try bits(filter, step) }
        var bits = SlotBits(universe: universe)
        try add(condition, to: &bits, step)
        return bits
    }

    /// The slots that fulfil at least `minCount` of the conditions.
    func atLeast(_ minCount: Int, _ conditions: [Condition], _ step: () throws -> Void) rethrows -> SlotBits {
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
    func add(_ condition: Condition, to bits: inout SlotBits, _ step: () throws -> Void) rethrows {
        try step()
        switch condition {
        case .field(let path, let predicate): add(path, predicate, to: &bits)
        case .isEmpty(let path): presence(path).select(.allEmpty, into: &bits)
        case .isNull(let path): presence(path).select(.someNull, into: &bits)
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
        case .nested: bits.formUnion(indexes.fieldIndex(.predicate(condition), as: PredicateIndex.self).slots)
        case .filter(let filter): bits.formUnion(try self.bits(filter, step))
        }
    }

    private func add(_ path: PayloadPath, _ predicate: FieldPredicate, to bits: inout SlotBits) {
        switch predicate {
        case .match(.keyword(let value)): bits.formUnion(keywords(path)[value])
        case .match(.integer(let value)): bits.formUnion(integers(path)[value])
        case .match(.bool(let value)): bits.formUnion(indexes.fieldIndex(.bools(path), as: BoolIndex.self).slots[value])
        case .matchAny(.keywords(let values)): keywords(path).formUnion(of: values, into: &bits)
        case .matchAny(.integers(let values)): integers(path).formUnion(of: values, into: &bits)
        case .matchExcept(let set):
            let postings =
                switch set {
                case .keywords(let values): values.map { keywords(path)[$0] }
                case .integers(let values): values.map { integers(path)[$0] }
                }
            var others = SlotBits(universe: universe)
            presence(path).selectExcept(postings, into: &others)
            bits.formUnion(others)
        case .matchText, .matchTextAny, .matchPhrase:
            indexes.fieldIndex(.text(path, indexes.settings(path)), as: TextIndex.self).select(predicate, into: &bits)
        case .range(let bounds):
            indexes.fieldIndex(.numbers(path), as: NumberIndex.self).select(bounds, into: &bits)
        case .datetimeRange(let bounds):
            indexes.fieldIndex(.datetimes(path), as: DatetimeIndex.self).select(bounds, into: &bits)
        case .geoBoundingBox, .geoRadius, .geoPolygon:
            if let shape = GeoShape(predicate) {
                indexes.fieldIndex(.geo(path), as: GeoIndex.self).select(shape, into: &bits)
            }
        case .valuesCount(let bounds): presence(path).select(bounds, into: &bits)
        case .isEmpty(let isEmpty): presence(path).select(isEmpty ? .someEmpty : .someFilled, into: &bits)
        case .isNull(let isNull): presence(path).select(isNull ? .someNull : .someNotNull, into: &bits)
        }
    }

    private func keywords(_ path: PayloadPath) -> ValuePostings<Keyword> {
        indexes.fieldIndex(.keywords(path), as: KeywordIndex.self).slots
    }

    private func integers(_ path: PayloadPath) -> ValuePostings<Int64> {
        indexes.fieldIndex(.integers(path), as: IntegerIndex.self).slots
    }

    private func presence(_ path: PayloadPath) -> PresenceIndex {
        indexes.fieldIndex(.presence(path), as: PresenceIndex.self)
    }
}
