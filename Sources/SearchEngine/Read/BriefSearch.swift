/// What a thread that others wait for may look for by itself: little, and nothing that it would have to wait for.
extension QueryRequest {
    /// Results, and rows that are read for them, on pages that may have to come from the disk.
    private static let mostResults = 100
    private static let mostRescored = 200.0

    /// Whether the request's size bounds its work. How much the search itself is depends on the collection.
    var isBrief: Bool {
        guard case .nearest = query.ranking, !query.parameters.exact, !query.parameters.ignoreQuantization,
            vectors == .none, query.lookupFrom == nil
        else { return false }
        guard (0...Self.mostResults).contains(query.limit),
            (0...Self.mostResults - query.limit).contains(query.offset)
        else { return false }
        return (query.parameters.oversampling ?? 1) * Double(query.limit + query.offset) <= Self.mostRescored
    }
}

extension Filter {
    /// Conditions times slots: bits to be set, half a millisecond of them.
    private static let mostBits = 1 << 19

    /// Whether few slots and conditions bound the time to evaluate the filter; its payload indexes are another matter.
    func isBrief(slots: Int) -> Bool {
        var count = 0
        var isSimple = true
        forEachLeaf { condition in
            count += 1
            if !condition.isSimple { isSimple = false }
        }
        return isSimple && count <= Self.mostBits / max(slots, 1)
    }
}

extension Condition {
    /// Whether it asks for one thing, not for a list of any length or for shapes and texts.
    fileprivate var isSimple: Bool {
        switch self {
        case .isEmpty, .isNull: true
        case .field(_, let predicate):
            switch predicate {
            case .match, .range, .datetimeRange, .valuesCount, .isEmpty, .isNull: true
            case .matchAny, .matchExcept, .matchText, .matchTextAny, .matchPhrase: false
            case .geoBoundingBox, .geoRadius, .geoPolygon: false
            }
        case .hasID, .hasVector, .nested, .filter: false
        }
    }
}

/// Tells when a thread has worked for so long. What others let it wait doesn't count: a search that was only interrupted
/// would have to be done twice.
struct WorkLimit: Sendable {
    private let time: any TimeSource
    private let end: ContinuousClock.Instant
    private let workEnd: Duration

    init(_ limit: Duration, _ time: any TimeSource) {
        self.time = time
        end = time.now + limit
        workEnd = time.threadWork + limit
    }

    /// Mostly the cheap clock is enough.
    var isOver: Bool { time.now >= end && time.threadWork >= workEnd }
}
