/// A search of one field as it was when it was pinned: what is published or removed later isn't in it.
///
/// Used by one thread, without a lock: first ``plan(_:points:allowed:)``, then ``find(_:_:_:)``.
package protocol PinnedSearch: AnyObject {
    /// Decides how the field will be searched.
    ///
    /// - Parameters:
    ///   - points: live points.
    ///   - allowed: the slots that the filter admits, one bit each, and how many they are; `nil` without a filter.
    func plan(_ query: Query, points: Int, allowed: (words: [UInt64], count: Int)?) -> QueryPlan

    /// Searches by the plan that was decided. `nil` when the search was cancelled, or would scan more than the limits allow.
    func find(_ query: Query, _ plan: QueryPlan, _ limits: SearchLimits) -> FieldHits?
}

/// What a field's vectors are compared with.
package struct SearchTarget: Sendable {
    package enum Scoring: Sendable {
        /// Closeness to one vector.
        case nearest(VectorValue)
    }

    package var scoring: Scoring
    /// Slots that are no results: those of the points that the query names.
    package var excluded: [UInt32] = []
    /// Whether the query may be kept for measurements of recall: it is neither a stored vector nor kept against the settings.
    package var isNoted = false

    package init(_ scoring: Scoring) { self.scoring = scoring }
}

/// What bounds a search, and what is to be told of it.
package struct SearchLimits {
    /// Vectors that one scan may score.
    package var mostScanned = Int.max
    /// Asked now and then.
    package var cancelled: (@Sendable () -> Bool)?
    /// Set when the search is to be explained: a clock in nanoseconds, and what was measured until then.
    package var explained: (clock: @Sendable () -> Int, times: Explanation.Times)?

    package init() {}
}

/// What a field's search has found.
package struct FieldHits {
    /// The closest first, without those that the query's offset and threshold leave out.
    package var slots: [UInt32] = []
    /// Of each slot, as the API shows it.
    package var scores: [Float] = []
    /// `nil` unless asked for.
    package var explanation: Explanation?

    package init() {}
}
