import JSON
import SearchEngine

/// Decides by plain reading of a payload whether it fulfils a filter, to judge the engine's own indexes.
///
/// Only what `FilterReader` reads; paths of one key.
package enum FilterEvaluator {
    package static func matches(_ filter: Filter, _ payload: JSONValue) -> Bool {
        filter.must.allSatisfy { matches($0, payload) } && !filter.mustNot.contains { matches($0, payload) }
            && (filter.should.isEmpty || filter.should.contains { matches($0, payload) })
    }

    private static func matches(_ condition: Condition, _ payload: JSONValue) -> Bool {
        switch condition {
        case .filter(let filter): return matches(filter, payload)
        case .field(let path, let predicate):
            guard let value = payload[path.text] else { return false }
            return (value.arrayValue ?? [value]).contains { matches(predicate, $0) }
        default: preconditionFailure("the reader makes no other conditions")
        }
    }

    private static func matches(_ predicate: FieldPredicate, _ value: JSONValue) -> Bool {
        switch predicate {
        case .match(.keyword(let text)): return value.stringValue.map { Keyword($0) } == text
        case .match(.integer(let number)): return value.integerValue == number
        case .match(.bool(let truth)): return value.boolValue == truth
        case .matchAny(.keywords(let texts)): return value.stringValue.map { texts.contains(Keyword($0)) } ?? false
        case .matchAny(.integers(let numbers)): return value.integerValue.map(numbers.contains) ?? false
        case .range(let bounds):
            return value.doubleValue.map { within($0, bounds.lt, bounds.lte, bounds.gt, bounds.gte) } ?? false
        case .datetimeRange(let bounds):
            guard let time = value.stringValue.flatMap(Timestamp.microseconds) else { return false }
            return within(time, bounds.lt, bounds.lte, bounds.gt, bounds.gte)
        default: preconditionFailure("the reader makes no other predicates")
        }
    }

    private static func within<Value: Comparable>(
        _ value: Value, _ lt: Value?, _ lte: Value?, _ gt: Value?, _ gte: Value?
    ) -> Bool {
        lt.map { value < $0 } ?? true && lte.map { value <= $0 } ?? true && gt.map { value > $0 } ?? true
            && gte.map { value >= $0 } ?? true
    }
}
