import JSON
import SearchEngine
import Services

/// What field conditions ask of values.
extension JSONReader {
    /// Reads the member if it is a predicate: none for a null, otherwise one. `nil` if it is another member.
    mutating func readPredicate(_ key: JSONKey) throws -> [FieldPredicate]? {
        func list(_ predicate: FieldPredicate?) -> [FieldPredicate] { predicate.map { [$0] } ?? [] }
        switch key {
        case "match": return list(try optional { try $0.readMatch() })
        case "range": return list(try optional { try $0.readRange() })
        case "geo_bounding_box": return list(try optional { try $0.readGeoBoundingBox() })
        case "geo_radius": return list(try optional { try $0.readGeoRadius() })
        case "geo_polygon": return list(try optional { try $0.readGeoPolygon() })
        case "values_count": return list(try optional { .valuesCount(try $0.readCountBounds()) })
        case "is_empty": return list(try optional { .isEmpty(try $0.readBool()) })
        case "is_null": return list(try optional { .isNull(try $0.readBool()) })
        default: return nil
        }
    }

    private mutating func readMatch() throws -> FieldPredicate {
        var predicate: FieldPredicate?
        try readMembers { reader, key in
            switch key {
            case "value": predicate = .match(try reader.readMatchValue())
            case "any": predicate = .matchAny(try reader.readMatchSet())
            case "except": predicate = .matchExcept(try reader.readMatchSet())
            case "text": predicate = .matchText(ByteString(try reader.readString()))
            case "text_any": predicate = .matchTextAny(ByteString(try reader.readString()))
            case "phrase": predicate = .matchPhrase(ByteString(try reader.readString()))
            case "prefix": throw ServiceError.unsupported("the condition `match.prefix`")
            default: try reader.skipValue()
            }
        }
        guard let predicate else {
            throw error(
                "expected one of `value`, `any`, `except`, `text`, `text_any` and `phrase` in `match`")
        }
        return predicate
    }

    private mutating func readMatchValue() throws -> MatchValue {
        switch try peek() {
        case .string: return .keyword(Keyword(try readString()))
        case .number: return .integer(try readInteger())
        case .bool: return .bool(try readBool())
        default: throw error("expected a string, an integer or a boolean in `match.value`")
        }
    }

    private mutating func readMatchSet() throws -> MatchSet {
        var keywords: Set<Keyword> = []
        var integers: Set<Int64> = []
        try readArray { reader in
            switch try reader.peek() {
            case .string where integers.isEmpty: keywords.insert(Keyword(try reader.readString()))
            case .number where keywords.isEmpty: integers.insert(try reader.readInteger())
            default: throw reader.error("expected all strings or all integers in `match`")
            }
        }
        return integers.isEmpty ? .keywords(keywords) : .integers(integers)
    }

    private mutating func readRange() throws -> FieldPredicate {
        var numbers = RangeBounds()
        var datetimes = DatetimeBounds()
        var hasNumbers = false
        var hasDatetimes = false
        try readMembers { reader, key in
            switch key {
            case "lt", "lte", "gt", "gte": break
            default: return try reader.skipValue()
            }
            switch try reader.peek() {
            case .null: try reader.readNull()
            case .string:
                hasDatetimes = true
                let instant = try reader.readDatetime()
                switch key {
                case "lt": datetimes.lt = instant
                case "lte": datetimes.lte = instant
                case "gt": datetimes.gt = instant
                default: datetimes.gte = instant
                }
            default:
                hasNumbers = true
                let number = try reader.readDouble()
                switch key {
                case "lt": numbers.lt = number
                case "lte": numbers.lte = number
                case "gt": numbers.gt = number
                default: numbers.gte = number
                }
            }
        }
        guard !(hasNumbers && hasDatetimes) else {
            throw error("expected all numbers or all datetimes in `range`")
        }
        return hasDatetimes ? .datetimeRange(datetimes) : .range(numbers)
    }

    /// Microseconds since 1970.
    mutating func readDatetime() throws -> Int64 {
        let start = offset
        let text = try readString()
        guard let instant = Datetime.parse(text) else {
            throw error("`\(text.prefix(100))` is not a datetime of RFC 3339", at: start)
        }
        return instant
    }

    private mutating func readCountBounds() throws -> CountBounds {
        var bounds = CountBounds()
        try readMembers { reader, key in
            switch key {
            case "lt": bounds.lt = try reader.optional { try $0.readCount() }
            case "lte": bounds.lte = try reader.optional { try $0.readCount() }
            case "gt": bounds.gt = try reader.optional { try $0.readCount() }
            case "gte": bounds.gte = try reader.optional { try $0.readCount() }
            default: try reader.skipValue()
            }
        }
        guard bounds != CountBounds() else {
            throw ServiceError.outOfRange("values_count", "at least one bound must be specified")
        }
        return bounds
    }

    // MARK: Geography

    private mutating func readGeoPoint() throws -> GeoPoint {
        var latitude: Double?
        var longitude: Double?
        try readMembers { reader, key in
            switch key {
            case "lat": latitude = try reader.readDouble()
            case "lon": longitude = try reader.readDouble()
            default: try reader.skipValue()
            }
        }
        guard let longitude else { throw missing("lon") }
        guard let latitude else { throw missing("lat") }
        guard abs(latitude) <= 90, abs(longitude) <= 180 else {
            throw error(
                "wrong format of a geo point: expected `lat` = \(latitude) within [-90;90] and `lon` = \(longitude) within [-180;180]"
            )
        }
        return GeoPoint(latitude: latitude, longitude: longitude)
    }

    private mutating func readGeoBoundingBox() throws -> FieldPredicate {
        var topLeft: GeoPoint?
        var bottomRight: GeoPoint?
        try readMembers { reader, key in
            switch key {
            case "top_left": topLeft = try reader.readGeoPoint()
            case "bottom_right": bottomRight = try reader.readGeoPoint()
            default: try reader.skipValue()
            }
        }
        guard let topLeft else { throw missing("top_left") }
        guard let bottomRight else { throw missing("bottom_right") }
        return .geoBoundingBox(topLeft: topLeft, bottomRight: bottomRight)
    }

    private mutating func readGeoRadius() throws -> FieldPredicate {
        var center: GeoPoint?
        var radius: Double?
        try readMembers { reader, key in
            switch key {
            case "center": center = try reader.readGeoPoint()
            case "radius": radius = try reader.readDouble()
            default: try reader.skipValue()
            }
        }
        guard let center else { throw missing("center") }
        guard let radius else { throw missing("radius") }
        return .geoRadius(center: center, radiusMeters: radius)
    }

    private mutating func readGeoPolygon() throws -> FieldPredicate {
        var exterior: [GeoPoint]?
        var interiors: [[GeoPoint]] = []
        try readMembers { reader, key in
            switch key {
            case "exterior": exterior = try reader.readRing()
            case "interiors":
                interiors =
                    try reader.optional { reader in
                        var rings: [[GeoPoint]] = []
                        try reader.readArray { rings.append(try $0.readRing()) }
                        return rings
                    } ?? []
            default: try reader.skipValue()
            }
        }
        guard let exterior else { throw missing("exterior") }
        return .geoPolygon(exterior: exterior, interiors: interiors)
    }

    private mutating func readRing() throws -> [GeoPoint] {
        var points: [GeoPoint]?
        try readMembers { reader, key in
            guard key == "points" else { return try reader.skipValue() }
            var ring: [GeoPoint] = []
            try reader.readArray { ring.append(try $0.readGeoPoint()) }
            points = ring
        }
        guard let points else { throw missing("points") }
        guard points.count >= 4 else {
            throw error("polygon invalid, the size must be at least 4, got \(points.count)")
        }
        guard points.first == points.last else {
            throw error("polygon invalid, the first and the last points should be the same to form a closed line")
        }
        return points
    }
}
