import JSON
import SearchEngine
import TestSupport

/// Small random payloads and filters over the same few keys and values, so that conditions hold often enough.
struct RandomFilters {
    var generator: SeededGenerator

    static let keys = ["a", "b", "c"]
    static let paths = ["a", "b", "c", "a[]", "a[0]", "b.a", "c[].b", "c[].a[]", "a[][]", "c[1].b"]
    static let texts = [
        "red", "Red green", "green", "blue-red", "Green Blue red", "", "gr", "Зелёный лес", "2023-02-08",
        "2023-02-08T10:00:00Z",
        "2024-01-01T00:00:00+03:00", "550e8400-e29b-41d4-a716-446655440000",
        "550E8400E29B41D4A716446655440000", "urn:uuid:550e8400-e29b-41d4-a716-446655440000", "caf\u{E9}", "cafe\u{301}",
    ]
    static let numbers: [Double] = [-3, -1.5, 0, 0.5, 1, 2, 2.5, 7]

    mutating func payload() -> JSONValue {
        var members: JSONObject = [:]
        for key in Self.keys where generator.chance(0.8) { members[key] = value(depth: 0) }
        return .object(members)
    }

    mutating func value(depth: Int) -> JSONValue {
        switch Int.random(in: 0..<(depth < 3 ? 12 : 8), using: &generator) {
        case 0: return .null
        case 1: return .bool(generator.chance(0.5))
        case 2, 3: return .integer(Int64.random(in: -3...4, using: &generator))
        case 4: return .double(generator.pick(Self.numbers))
        case 5, 6: return .string(generator.pick(Self.texts))
        case 7: return geoPoint()
        case 8, 9: return .array((0..<Int.random(in: 0...3, using: &generator)).map { _ in value(depth: depth + 1) })
        default:
            var members: JSONObject = [:]
            for key in Self.keys where generator.chance(0.6) { members[key] = value(depth: depth + 1) }
            return .object(members)
        }
    }

    mutating func geoPoint() -> JSONValue {
        let place = place()
        return ["lat": .double(place.latitude), "lon": .double(place.longitude)]
    }

    mutating func place() -> GeoPoint {
        generator.chance(0.3)
            ? GeoPoint(
                latitude: .random(in: -90...90, using: &generator),
                longitude: .random(in: -180...180, using: &generator))
            : GeoPoint(
                latitude: generator.pick([-90, -10, 0, 10, 52.5, 90]),
                longitude: generator.pick([-180, -179.5, 0, 13.4, 179.5, 180]))
    }

    mutating func filter(depth: Int = 0) -> Filter {
        var filter = Filter()
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let condition = condition(depth: depth)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: filter.must.append(condition)
            case 1: filter.should.append(condition)
            case 2: filter.mustNot.append(condition)
            default:
                var minShould =
                    filter.minShould
                    ?? Filter.MinShould(conditions: [], minCount: .random(in: 0...3, using: &generator))
                minShould.conditions.append(condition)
                minShould.conditions.append(self.condition(depth: depth + 1))
                filter.minShould = minShould
            }
        }
        return filter
    }

    mutating func path() -> PayloadPath {
        guard let path = try? PayloadPath(generator.pick(Self.paths)) else {
            fatalError("a path of the test is malformed")
        }
        return path
    }

    mutating func condition(depth: Int) -> Condition {
        switch Int.random(in: 0..<(depth < 3 ? 20 : 16), using: &generator) {
        case 0: return .isEmpty(path())
        case 1: return .isNull(path())
        case 2: return .hasID(Set((0..<4).map { _ in .number(.random(in: 0..<400, using: &generator)) }))
        case 3: return .hasVector(generator.pick(["v", "w"]))
        case 16, 17: return .filter(filter(depth: depth + 1))
        case 18, 19: return .nested(path(), filter(depth: depth + 1))
        default: return .field(path(), predicate())
        }
    }

    static let predicateKinds = 18

    /// A predicate of a given kind, or of any.
    mutating func predicate(kind: Int? = nil) -> FieldPredicate {
        func integers(_ generator: inout SeededGenerator) -> Set<Int64> {
            Set((0..<Int.random(in: 0...3, using: &generator)).map { _ in .random(in: -3...4, using: &generator) })
        }
        func keywords(_ generator: inout SeededGenerator) -> Set<Keyword> {
            Set((0..<Int.random(in: 0...3, using: &generator)).map { _ in Keyword(generator.pick(Self.texts)) })
        }
        let words: [ByteString] = [
            "red", "GREEN", "green blue", "blue red", "gr", "лес", "red green", "", "bl re", "зелёный л", "caf\u{E9}",
            "cafe\u{301}",
        ]
        let kind = kind ?? Int.random(in: 0..<Self.predicateKinds, using: &generator)
        switch kind {
        case 0: return .match(.keyword(Keyword(generator.pick(Self.texts))))
        case 1: return .match(.integer(.random(in: -3...4, using: &generator)))
        case 2: return .match(.bool(generator.chance(0.5)))
        case 3: return .matchAny(.keywords(keywords(&generator)))
        case 4: return .matchAny(.integers(integers(&generator)))
        case 5: return .matchExcept(.keywords(keywords(&generator)))
        case 6: return .matchExcept(.integers(integers(&generator)))
        case 7: return .matchText(generator.pick(words))
        case 8: return .matchTextAny(generator.pick(words))
        case 9: return .matchPhrase(generator.pick(words))
        case 10: return .range(range())
        case 11: return .datetimeRange(datetimeRange())
        case 12...14: return geo(kind: kind - 12)
        case 15: return .valuesCount(count())
        case 16: return .isEmpty(generator.chance(0.5))
        default: return .isNull(generator.chance(0.5))
        }
    }

    private mutating func bound() -> Double? { generator.chance(0.3) ? generator.pick(Self.numbers) : nil }

    mutating func range() -> RangeBounds { RangeBounds(lt: bound(), lte: bound(), gt: bound(), gte: bound()) }

    mutating func datetimeRange() -> DatetimeBounds {
        func bound(_ generator: inout SeededGenerator) -> Int64? {
            generator.chance(0.3)
                ? generator.pick(Self.texts.compactMap { Datetime.parse($0) } + [.min, .max]) : nil
        }
        return DatetimeBounds(
            lt: bound(&generator), lte: bound(&generator), gt: bound(&generator), gte: bound(&generator))
    }

    mutating func count() -> CountBounds {
        func bound(_ generator: inout SeededGenerator) -> Int? {
            generator.chance(0.3) ? Int.random(in: 0...3, using: &generator) : nil
        }
        return CountBounds(lt: bound(&generator), lte: bound(&generator), gt: bound(&generator), gte: bound(&generator))
    }

    mutating func geo(kind: Int) -> FieldPredicate {
        switch kind {
        case 0: return .geoBoundingBox(topLeft: place(), bottomRight: place())
        case 1:
            return .geoRadius(
                center: place(), radiusMeters: generator.pick([0, 10, 60_000, 2_000_000, 12_000_000, 1e9]))
        default:
            func ring(_ generator: inout SeededGenerator) -> [GeoPoint] {
                let south = Double.random(in: -90...0, using: &generator)
                let west = Double.random(in: -180...0, using: &generator)
                let north = south + .random(in: 1...90, using: &generator)
                let east = west + .random(in: 1...180, using: &generator)
                return [
                    (south, west), (south, east), (north, east), ((south + north) / 2, (west + east) / 2),
                    (north, west), (south, west),
                ]
                .map { GeoPoint(latitude: $0.0, longitude: $0.1) }
            }
            return .geoPolygon(exterior: ring(&generator), interiors: generator.chance(0.5) ? [ring(&generator)] : [])
        }
    }

    mutating func schema() -> PayloadFieldSchema {
        var schema = PayloadFieldSchema(type: generator.pick(PayloadFieldType.allCases))
        schema.tokenizer = generator.pick(Tokenizer.allCases)
        schema.lowercase = generator.chance(0.7)
        schema.phraseMatching = generator.chance(0.7)
        if generator.chance(0.3) { schema.minTokenLength = 2 }
        if generator.chance(0.3) { schema.maxTokenLength = 4 }
        return schema
    }
}
