/// Bounds on a value; every one that is given must hold.
public struct Bounds<Value: Comparable & Hashable & Sendable>: Sendable, Hashable {
    public var lt: Value?
    public var lte: Value?
    public var gt: Value?
    public var gte: Value?

    public init(lt: Value? = nil, lte: Value? = nil, gt: Value? = nil, gte: Value? = nil) {
        self.lt = lt
        self.lte = lte
        self.gt = gt
        self.gte = gte
    }

    public init(_ range: ClosedRange<Value>) { self.init(lte: range.upperBound, gte: range.lowerBound) }

    public init(_ range: Range<Value>) { self.init(lt: range.upperBound, gte: range.lowerBound) }

    public func contains(_ value: Value) -> Bool {
        if let lt, !(value < lt) { return false }
        if let lte, !(value <= lte) { return false }
        if let gt, !(value > gt) { return false }
        if let gte, !(value >= gte) { return false }
        return true
    }

    /// The bounds that are given, with the SQL operator of each.
    var comparisons: [(sql: String, value: Value)] {
        [("<", lt), ("<=", lte), (">", gt), (">=", gte)].compactMap { sql, value in value.map { (sql, $0) } }
    }
}
