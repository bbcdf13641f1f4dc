import JSON

/// A boolean combination of conditions on points. An empty filter selects every point.
public struct Filter: Sendable, Hashable {
    public var must: [Condition]
    /// At least one holds, if there are any.
    public var should: [Condition]
    public var mustNot: [Condition]
    public var minShould: MinShould?

    public struct MinShould: Sendable, Hashable {
        public var conditions: [Condition]
        public var minCount: Int
        public init(conditions: [Condition], minCount: Int) {
            self.conditions = conditions
            self.minCount = minCount
        }
    }

    public init(
        must: [Condition] = [], should: [Condition] = [], mustNot: [Condition] = [], minShould: MinShould? = nil
    ) {
        self.must = must
        self.should = should
        self.mustNot = mustNot
        self.minShould = minShould
    }

    public var isEmpty: Bool { must.isEmpty && should.isEmpty && mustNot.isEmpty && minShould == nil }

    /// The conditions of all clauses.
    var conditions: [Condition] { must + should + mustNot + (minShould?.conditions ?? []) }

    /// Calls `body` with every condition that is no filter of others.
    func forEachLeaf(_ body: (Condition) -> Void) {
        for condition in conditions {
            if case .filter(let inner) = condition { inner.forEachLeaf(body) } else { body(condition) }
        }
    }
}

/// One condition of a filter.
public indirect enum Condition: Sendable, Hashable {
    case field(PayloadPath, FieldPredicate)
    /// The path has no value, `null`, or an empty array.
    case isEmpty(PayloadPath)
    /// The path holds `null`.
    case isNull(PayloadPath)
    case hasID(Set<PointID>)
    /// The point has a vector of this name ("" is the unnamed one).
    case hasVector(String)
    /// Some element of the array at the path fulfils the whole filter by itself.
    case nested(PayloadPath, Filter)
    case filter(Filter)
}

/// What a field condition asks of the values under its path; an array fulfils it if an element does.
public enum FieldPredicate: Sendable, Hashable {
    case match(MatchValue)
    case matchAny(MatchSet)
    /// Holds if some value is not in the set.
    case matchExcept(MatchSet)
    /// Has all of the text's tokens. Without a text index on the key, tokens are lowercase words, and one element of an
    /// array must have them all; with one, they are the index's, anywhere in the array.
    case matchText(ByteString)
    /// Has any of the text's tokens.
    case matchTextAny(ByteString)
    /// An element has the text's tokens one after another. A text index without phrase matching knows no phrases.
    case matchPhrase(ByteString)
    case range(RangeBounds)
    case datetimeRange(DatetimeBounds)
    case geoBoundingBox(topLeft: GeoPoint, bottomRight: GeoPoint)
    case geoRadius(center: GeoPoint, radiusMeters: Double)
    /// Rings are closed: first and last point are equal.
    case geoPolygon(exterior: [GeoPoint], interiors: [[GeoPoint]])
    case valuesCount(CountBounds)
    /// The deprecated forms inside a field condition.
    case isEmpty(Bool)
    case isNull(Bool)
}

public enum MatchValue: Sendable, Hashable {
    case keyword(Keyword)
    case integer(Int64)
    case bool(Bool)
}

public enum MatchSet: Sendable, Hashable {
    case keywords(Set<Keyword>)
    case integers(Set<Int64>)
}

/// Bounds on numbers; every one that is given must hold.
public struct RangeBounds: Sendable, Hashable {
    public var lt: Double?
    public var lte: Double?
    public var gt: Double?
    public var gte: Double?
    public init(lt: Double? = nil, lte: Double? = nil, gt: Double? = nil, gte: Double? = nil) {
        self.lt = lt
        self.lte = lte
        self.gt = gt
        self.gte = gte
    }
}

/// Bounds on points in time, in microseconds since 1970-01-01T00:00:00Z.
public struct DatetimeBounds: Sendable, Hashable {
    public var lt: Int64?
    public var lte: Int64?
    public var gt: Int64?
    public var gte: Int64?
    public init(lt: Int64? = nil, lte: Int64? = nil, gt: Int64? = nil, gte: Int64? = nil) {
        self.lt = lt
        self.lte = lte
        self.gt = gt
        self.gte = gte
    }
}

public struct CountBounds: Sendable, Hashable {
    public var lt: Int?
    public var lte: Int?
    public var gt: Int?
    public var gte: Int?
    public init(lt: Int? = nil, lte: Int? = nil, gt: Int? = nil, gte: Int? = nil) {
        self.lt = lt
        self.lte = lte
        self.gt = gt
        self.gte = gte
    }
}

/// Degrees; latitude -90…90, longitude -180…180.
public struct GeoPoint: Sendable, Hashable {
    public var latitude: Double
    public var longitude: Double
    public init(latitude: Double, longitude: Double) {
        self.latitude = latitude
        self.longitude = longitude
    }
}
