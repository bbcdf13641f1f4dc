import JSON
import SearchEngine

/// Reads the filters of `filters.json`: `must`, `should` and `must_not` with `match` and `range` conditions, and filters
/// inside of them, in the syntax of Qdrant's REST interface. Anything else is refused, never left out.
package enum FilterReader {
    package static func filter(_ json: JSONValue) throws -> Filter {
        guard let members = json.objectValue else { throw BenchError("filter \(json): is not an object") }
        var filter = Filter()
        for (key, value) in members {
            switch key {
            case "must": filter.must = try conditions(value)
            case "should": filter.should = try conditions(value)
            case "must_not": filter.mustNot = try conditions(value)
            default: throw BenchError("filter: \(key) is not supported by the benchmark")
            }
        }
        return filter
    }

    private static func conditions(_ json: JSONValue) throws -> [Condition] {
        try (json.arrayValue ?? [json]).map { condition in
            guard let key = condition["key"]?.stringValue else { return .filter(try filter(condition)) }
            guard let members = condition.objectValue, members.count == 2 else {
                throw BenchError("condition \(condition): needs a key and one of match and range")
            }
            let path = try PayloadPath(key)
            guard path.steps == [.key(ByteString(key))] else {
                throw BenchError("key \(key): paths of several steps aren't supported")
            }
            if let match = condition["match"] { return .field(path, try predicate(match: match)) }
            if let range = condition["range"] { return .field(path, try predicate(range: range)) }
            throw BenchError("condition \(condition): only match and range are supported by the benchmark")
        }
    }

    private static func predicate(match: JSONValue) throws -> FieldPredicate {
        let unsupported = BenchError("match \(match): not supported by the benchmark")
        guard let members = match.objectValue, members.count == 1 else { throw unsupported }
        if let value = match["value"] {
            if let text = value.stringValue { return .match(.keyword(Keyword(text))) }
            if let number = value.integerValue { return .match(.integer(number)) }
            if let truth = value.boolValue { return .match(.bool(truth)) }
        } else if let values = match["any"]?.arrayValue {
            let texts = values.compactMap(\.stringValue)
            if texts.count == values.count { return .matchAny(.keywords(Set(texts.map { Keyword($0) }))) }
            let numbers = values.compactMap(\.integerValue)
            if numbers.count == values.count { return .matchAny(.integers(Set(numbers))) }
        }
        throw unsupported
    }

    private static func predicate(range: JSONValue) throws -> FieldPredicate {
        guard let members = range.objectValue, !members.isEmpty else {
            throw BenchError("range \(range): needs lt, lte, gt or gte")
        }
        let isDatetime = members.values.contains { $0.stringValue != nil }
        var numbers = RangeBounds()
        var times = DatetimeBounds()
        for (bound, value) in members {
            let number = value.doubleValue
            let time = value.stringValue.flatMap(Timestamp.microseconds)
            guard isDatetime ? time != nil : number != nil else { throw BenchError("range \(range): unreadable bound") }
            switch bound {
            case "lt": (numbers.lt, times.lt) = (number, time)
            case "lte": (numbers.lte, times.lte) = (number, time)
            case "gt": (numbers.gt, times.gt) = (number, time)
            case "gte": (numbers.gte, times.gte) = (number, time)
            default: throw BenchError("range \(range): \(bound) is unknown")
            }
        }
        return isDatetime ? .datetimeRange(times) : .range(numbers)
    }
}

/// RFC 3339 times, such as `2025-02-09T08:13:07Z`.
package enum Timestamp {
    /// Microseconds since 1970-01-01T00:00:00Z; `nil` for what isn't such a time.
    package static func microseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count, bytes[range].allSatisfy({ (0x30...0x39).contains($0) }) else {
                return nil
            }
            return bytes[range].reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }
        guard bytes.count >= 20, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[13] == 0x3A, bytes[16] == 0x3A,
            bytes[10] == 0x54 || bytes[10] == 0x20, let year = number(0..<4), let month = number(5..<7),
            let day = number(8..<10), let hour = number(11..<13), let minute = number(14..<16),
            let second = number(17..<19), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var at = 19
        var fraction: Int64 = 0
        if bytes[at] == 0x2E {
            var scale: Int64 = 100_000
            at += 1
            while at < bytes.count, let digit = number(at..<at + 1) {
                fraction += digit * scale
                scale /= 10
                at += 1
            }
        }
        var offset: Int64 = 0
        if at < bytes.count, bytes[at] == 0x2B || bytes[at] == 0x2D {
            guard at + 6 == bytes.count, let hours = number(at + 1..<at + 3), let minutes = number(at + 4..<at + 6)
            else { return nil }
            offset = (hours * 60 + minutes) * (bytes[at] == 0x2D ? -1 : 1)
        } else {
            guard at + 1 == bytes.count, bytes[at] == 0x5A else { return nil }
        }
        // Days of the proleptic Gregorian calendar, with the year begun in March.
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
        return (((days * 24 + hour) * 60 + minute - offset) * 60 + second) * 1_000_000 + fraction
    }
}
