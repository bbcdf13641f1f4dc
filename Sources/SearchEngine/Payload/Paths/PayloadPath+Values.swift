import JSON

extension PayloadPath {
    /// Calls `body` with every value at the path, until it answers `false`.
    ///
    /// A key looks into objects alone and never into an array's elements: that is what `[]` and `[3]` are for.
    /// Answers `false` if `body` did.
    @discardableResult
    package func forEachValue(in payload: JSONValue, _ body: (JSONValue) -> Bool) -> Bool {
        Self.walk(steps[...], payload, body)
    }

    private static func walk(_ steps: ArraySlice<Step>, _ value: JSONValue, _ body: (JSONValue) -> Bool) -> Bool {
        guard let step = steps.first else { return body(value) }
        switch (step, value) {
        case (.key(let key), .object(let members)):
            guard let member = members[key] else { return true }
            return walk(steps.dropFirst(), member, body)
        case (.index(let index), .array(let elements)):
            guard index < elements.count else { return true }
            return walk(steps.dropFirst(), elements[index], body)
        case (.all, .array(let elements)):
            for element in elements where !walk(steps.dropFirst(), element, body) { return false }
            return true
        default: return true
        }
    }

    /// The values at the path, in order.
    package func values(in payload: JSONValue) -> [JSONValue] {
        var values: [JSONValue] = []
        forEachValue(in: payload) { value in
            values.append(value)
            return true
        }
        return values
    }

    /// The path whose values are the elements of the arrays at this one; itself, if it ends in `[]`.
    func elementSteps() -> [Step] { steps.last == .all ? steps : steps + [.all] }

    /// Calls `body` with every element of the arrays at the path, until it answers `false`.
    @discardableResult
    func forEachArrayElement(in payload: JSONValue, _ body: (JSONValue) -> Bool) -> Bool {
        Self.walk(elementSteps()[...], payload, body)
    }
}

/// The values of one payload at one path, as conditions look at them.
package struct PathValues {
    /// What stands at the path.
    package var values: [JSONValue]
    /// The same, with each array replaced by its elements (one level): what most conditions look at.
    package var elements: [JSONValue]

    init(values: [JSONValue], elements: [JSONValue]) {
        self.values = values
        self.elements = elements
    }

    package init(_ path: PayloadPath, in payload: JSONValue) {
        // One key, and no array there, is by far the commonest.
        if path.steps.count == 1, case .key(let key) = path.steps[0], case .object(let members) = payload {
            values = members[key].map { [$0] } ?? []
        } else {
            values = path.values(in: payload)
        }
        guard values.contains(where: { if case .array = $0 { true } else { false } }) else {
            elements = values
            return
        }
        elements = []
        for value in values {
            if case .array(let inner) = value { elements += inner } else { elements.append(value) }
        }
    }
}

extension JSONValue {
    /// `null` or an array without elements.
    var isEmptyValue: Bool {
        switch self {
        case .null: true
        case .array(let elements): elements.isEmpty
        default: false
        }
    }

    /// `null` or an array that holds a `null`.
    var holdsNull: Bool {
        switch self {
        case .null: true
        case .array(let elements): elements.contains(.null)
        default: false
        }
    }

    /// How many values `values_count` sees here.
    var valuesCount: Int {
        switch self {
        case .null: 0
        case .array(let elements): elements.count
        default: 1
        }
    }
}
