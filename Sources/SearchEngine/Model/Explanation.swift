import VectorIndex

/// How a query found its points, and what that took.
public struct Explanation: Sendable, Equatable {
    /// What a filter selects, and from what its conditions were answered. A condition on ids or on vectors needs no index,
    /// and a nested filter counts as one.
    public struct FilterSummary: Sendable, Equatable {
        /// Points that match.
        public var matching: Int
        public var conditions: Int
        /// Conditions answered from payload indexes that somebody declared.
        public var byDeclaredIndex: Int
        /// Conditions answered from payload indexes that a filter had made on first use.
        public var byImplicitIndex: Int
    }

    /// Scores computed at each stage.
    public struct Scored: Sendable, Equatable {
        public var walk = 0
        /// The tail, which is not linked yet, is scanned unless `indexed_only` leaves it out.
        public var scan = 0
        /// Candidates of the reduced codes ranked again by int8 codes.
        public var rerank = 0
        /// Candidates ranked again by their stored vectors.
        public var rescore = 0
    }

    /// Nanoseconds spent at each stage.
    public struct Times: Sendable, Equatable {
        /// Until the collection could be read and every payload index was there, made on first use if need be.
        public var wait = 0
        public var filter = 0
        /// Looking up, normalising and encoding the query.
        public var prepare = 0
        public var walk = 0
        public var scan = 0
        public var rerank = 0
        public var rescore = 0
        /// Ids, vectors and payloads of the results.
        public var fetch = 0
        /// All of it, and what lies between.
        public var total = 0

        /// The stages together.
        var sum: Int { wait + filter + prepare + walk + scan + rerank + rescore + fetch }
    }

    /// The recall that a search aimed at.
    public struct Recall: Sendable, Equatable {
        /// Whose wish it was.
        public enum Source: String, Sendable { case request, vector, collection }
        /// What the width follows from: a measurement of this vector's index, or a fixed assumption where there is none
        /// yet. An exact search, which needs neither, is made where no width is enough.
        public enum Basis: String, Sendable { case measured, assumed, exact }

        /// Over 0, at most 1.
        public var target: Double
        public var source: Source
        /// What unfiltered searches of the chosen width find by the measurement; 1 for an exact search, `nil` without a
        /// measurement.
        public var expected: Double?
        public var basis: Basis

        /// Notes that all points were compared, whatever width was aimed at.
        package mutating func foundExactly() { (expected, basis) = (1, .exact) }

        package init(target: Double, source: Source, expected: Double?, basis: Basis) {
            self.target = target
            self.source = source
            self.expected = expected
            self.basis = basis
        }
    }

    public var plan: QueryPlan
    /// How points were found in the end.
    public var method: QueryMethod
    /// `nil` without a filter.
    public var filter: FilterSummary?
    /// Whether stored vectors had to decide, because codes could not tell the best candidates apart.
    public var wentOnByVectors = false
    /// Whether a walk of the width that a target of recall had led to found less than is known of such queries, so that one of
    /// the default width was made.
    public var wentOnWider = false
    /// Graph nodes expanded.
    public var hops = 0
    public var scored = Scored()
    public var times: Times

    /// Of a query without a vector.
    init(_ plan: QueryPlan, filter: FilterSummary?, times: Times) {
        self.plan = plan
        method = plan.method
        self.filter = filter
        self.times = times
    }

    init(_ plan: QueryPlan, _ outcome: SearchOutcome, filter: FilterSummary?, times: Times) {
        self.init(plan, filter: filter, times: times)
        method = QueryMethod(outcome.method)
        wentOnByVectors = outcome.wentOnByRows
        wentOnWider = outcome.wentOnWider
        hops = outcome.hops
        scored = Scored(
            walk: outcome.walked, scan: outcome.scanned, rerank: outcome.reranked, rescore: outcome.rescored)
        guard let measured = outcome.timings else { return }
        self.times.prepare += measured.prepare
        self.times.walk = measured.walk
        self.times.scan = measured.scan
        self.times.rerank = measured.rerank
        self.times.rescore = measured.rescore
    }
}
