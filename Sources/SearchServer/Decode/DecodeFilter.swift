import JSON
import SearchEngine
import Services

/// Filters. Their nesting is bounded by the reader's depth limit.
extension JSONReader {
    mutating func readFilter() throws -> Filter {
        var filter = Filter()
        try readMembers { reader, key in
            if try !reader.readClause(key, into: &filter) {
                throw reader.error(
                    "unknown field `\(key.string.prefix(100))`, expected one of `should`, `min_should`, `must`, `must_not`"
                )
            }
        }
        return filter
    }

    /// Reads the member if it is a clause of a filter.
    private mutating func readClause(_ key: JSONKey, into filter: inout Filter) throws -> Bool {
        switch key {
        case "must": filter.must = try readConditions()
        case "should": filter.should = try readConditions()
        case "must_not": filter.mustNot = try readConditions()
        case "min_should": filter.minShould = try optional { try $0.readMinShould() }
        default: return false
        }
        return true
    }

    /// A list of conditions, a single one, or null.
    private mutating func readConditions() throws -> [Condition] {
        switch try peek() {
        case .null:
            try readNull()
            return []
        case .object: return [try readCondition()]
        default:
            var conditions: [Condition] = []
            try readArray { conditions.append(try $0.readCondition()) }
            return conditions
        }
    }

    private mutating func readMinShould() throws -> Filter.MinShould {
        var conditions: [Condition]?
        var minCount: Int?
        try readMembers { reader, key in
            switch key {
            case "conditions": conditions = try reader.readConditions()
            case "min_count": minCount = try reader.readCount()
            default: try reader.skipValue()
            }
        }
        guard let conditions else { throw missing("conditions") }
        guard let minCount else { throw missing("min_count") }
        guard minCount >= 1 else {
            throw ServiceError.outOfRange("min_should.min_count", "value 0 invalid, must be 1 or larger")
        }
        return Filter.MinShould(conditions: conditions, minCount: minCount)
    }

    /// A condition's kind shows in its members; where several kinds fit, Qdrant takes the first in this order: field,
    /// is_empty, is_null, has_id, has_vector, nested, filter.
    private mutating func readCondition() throws -> Condition {
        var key: PayloadPath?
        var predicates: [FieldPredicate] = []
        var isEmptyPath: PayloadPath?
        var isNullPath: PayloadPath?
        var ids: [PointID]?
        var vector: String?
        var nested: (path: PayloadPath, filter: Filter)?
        var filter = Filter()
        var hasClause = false
        var unknown: String?
        try readMembers { reader, name in
            switch name {
            case "key": key = try reader.readPath()
            case "is_empty" where try reader.peek() == .object: isEmptyPath = try reader.readPayloadField()
            case "is_null" where try reader.peek() == .object: isNullPath = try reader.readPayloadField()
            case "has_id": ids = try reader.readPointIDs()
            case "has_vector": vector = try reader.readString()
            case "nested": nested = try reader.readNested()
            case "slice": throw ServiceError.unsupported("the condition `slice`")
            default:
                if let predicate = try reader.readPredicate(name) {
                    predicates.append(contentsOf: predicate)
                } else if try reader.readClause(name, into: &filter) {
                    hasClause = true
                } else {
                    unknown = name.string
                    try reader.skipValue()
                }
            }
        }
        if let key {
            guard let first = predicates.first else {
                throw ServiceError.outOfRange("filter", "at least one field condition must be specified")
            }
            // Several predicates in one condition hold if one of them does.
            guard predicates.count > 1 else { return .field(key, first) }
            return .filter(Filter(should: predicates.map { .field(key, $0) }))
        }
        if let isEmptyPath { return .isEmpty(isEmptyPath) }
        if let isNullPath { return .isNull(isNullPath) }
        if let ids { return .hasID(Set(ids)) }
        if let vector { return .hasVector(vector) }
        if let nested { return .nested(nested.path, nested.filter) }
        if hasClause || (unknown == nil && predicates.isEmpty) {
            if let unknown { throw error("unknown field `\(unknown.prefix(100))` in a filter") }
            return .filter(filter)
        }
        throw error("expected some form of condition, which can be a field condition (with `key`), or a filter")
    }

    private mutating func readPayloadField() throws -> PayloadPath {
        var path: PayloadPath?
        try readMembers { reader, key in
            if key == "key" { path = try reader.readPath() } else { try reader.skipValue() }
        }
        guard let path else { throw missing("key") }
        return path
    }

    private mutating func readNested() throws -> (PayloadPath, Filter) {
        var path: PayloadPath?
        var filter: Filter?
        try readMembers { reader, key in
            switch key {
            case "key": path = try reader.readPath()
            case "filter": filter = try reader.readFilter()
            default: try reader.skipValue()
            }
        }
        guard let path else { throw missing("key") }
        guard let filter else { throw missing("filter") }
        return (path, filter)
    }
}
