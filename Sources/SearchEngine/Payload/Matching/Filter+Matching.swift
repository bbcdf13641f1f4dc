import JSON

/// What a filter may ask of a point beside its payload.
package struct PointFacts {
    package var id: PointID
    package var hasVector: (String) -> Bool

    package init(id: PointID, hasVector: @escaping (String) -> Bool) {
        self.id = id
        self.hasVector = hasVector
    }
}

/// Evaluates conditions on one payload, without any index. It is what indexes are checked against, what the conditions
/// that no index answers are computed with, and what decides about a single point.
package struct PayloadMatcher {
    /// How text is looked at, for the paths that have a text index.
    package var textSettings: [PayloadPath: TextSettings] = [:]

    package init(textSettings: [PayloadPath: TextSettings] = [:]) {
        self.textSettings = textSettings
    }

    /// `point` is `nil` inside of nested conditions, where `hasID` and `hasVector` hold for nothing.
    ///
    /// Complexity: O(conditions · values). Recursion is as deep as the filter, which its parser bounds.
    package func matches(_ filter: Filter, _ payload: JSONValue, _ point: PointFacts?) -> Bool {
        for condition in filter.must where !matches(condition, payload, point) { return false }
        for condition in filter.mustNot where matches(condition, payload, point) { return false }
        if !filter.should.isEmpty, !filter.should.contains(where: { matches($0, payload, point) }) { return false }
        guard let minShould = filter.minShould else { return true }
        var count = 0
        for condition in minShould.conditions where count < minShould.minCount {
            if matches(condition, payload, point) { count += 1 }
        }
        return count >= minShould.minCount
    }

    package func matches(_ condition: Condition, _ payload: JSONValue, _ point: PointFacts?) -> Bool {
        switch condition {
        case .field(let path, let predicate):
            return matches(predicate, PathValues(path, in: payload), textSettings[path] ?? .unindexed)
        case .isEmpty(let path): return path.forEachValue(in: payload) { $0.isEmptyValue }
        case .isNull(let path): return !path.forEachValue(in: payload) { !$0.holdsNull }
        case .hasID(let ids): return point.map { ids.contains($0.id) } ?? false
        case .hasVector(let name): return point?.hasVector(name) ?? false
        case .filter(let filter): return matches(filter, payload, point)
        case .nested(let path, let filter):
            // Paths are relative to an element here, so that the indexes' paths mean nothing.
            let inner = PayloadMatcher()
            return !path.forEachArrayElement(in: payload) { element in
                guard case .object = element else { return true }
                return !inner.matches(filter, element, nil)
            }
        }
    }

    /// Whether the values at a path fulfil a condition.
    package func matches(_ predicate: FieldPredicate, _ values: PathValues, _ text: TextSettings) -> Bool {
        let elements = values.elements
        switch predicate {
        case .match(let value): return elements.contains { value.matches($0) }
        case .matchAny(let set): return elements.contains(where: set.contains)
        case .matchExcept(let set): return elements.contains { $0 != .null && !set.contains($0) }
        case .matchText, .matchTextAny, .matchPhrase:
            return text.matches(predicate, elements.compactMap(\.stringValue))
        case .range(let bounds): return elements.contains { $0.doubleValue.map(bounds.contains) ?? false }
        case .datetimeRange(let bounds):
            return elements.contains { $0.stringValue.flatMap { Datetime.parse($0) }.map(bounds.contains) ?? false }
        case .geoBoundingBox, .geoRadius, .geoPolygon:
            guard let shape = GeoShape(predicate) else { return false }
            return elements.contains { GeoPoint($0).map(shape.contains) ?? false }
        case .valuesCount(let bounds):
            return values.values.isEmpty
                ? bounds.contains(0) : values.values.contains { bounds.contains($0.valuesCount) }
        case .isEmpty(let isEmpty):
            return values.values.isEmpty ? isEmpty : values.values.contains { $0.isEmptyValue == isEmpty }
        case .isNull(let isNull):
            return values.values.isEmpty ? !isNull : values.values.contains { $0.holdsNull == isNull }
        }
    }
}

extension Filter {
    /// Whether a point fulfils the filter, when its payload has no text index.
    package func matches(_ payload: JSONValue, point: PointFacts) -> Bool {
        PayloadMatcher().matches(self, payload, point)
    }
}

extension JSONValue {
    /// An integer, or a float without a fraction: Qdrant's integer indexes take both for the same.
    var integralValue: Int64? {
        switch self {
        case .integer(let value): value
        case .double(let value): Int64(exactly: value)
        default: nil
        }
    }
}

extension MatchValue {
    func matches(_ element: JSONValue) -> Bool {
        switch (self, element) {
        case (.keyword(let keyword), .string(let text)): keyword == Keyword(text)
        case (.integer(let number), _): number == element.integralValue
        case (.bool(let flag), .bool(let other)): flag == other
        default: false
        }
    }
}

extension MatchSet {
    func contains(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (.keywords(let set), .string(let text)): set.contains(Keyword(text))
        case (.integers(let set), _): value.integralValue.map(set.contains) ?? false
        default: false
        }
    }
}

extension RangeBounds {
    package func contains(_ value: Double) -> Bool {
        if let lt, !(value < lt) { return false }
        if let lte, !(value <= lte) { return false }
        if let gt, !(value > gt) { return false }
        if let gte, !(value >= gte) { return false }
        return true
    }
}

extension DatetimeBounds {
    package func contains(_ value: Int64) -> Bool {
        if let lt, value >= lt { return false }
        if let lte, value > lte { return false }
        if let gt, value <= gt { return false }
        if let gte, value < gte { return false }
        return true
    }
}

extension CountBounds {
    package func contains(_ value: Int) -> Bool {
        if let lt, value >= lt { return false }
        if let lte, value > lte { return false }
        if let gt, value <= gt { return false }
        if let gte, value < gte { return false }
        return true
    }
}
