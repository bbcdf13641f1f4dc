/// A found slot and its score; a greater score is a closer one.
public struct Hit: Sendable, Equatable {
    public var slot: UInt32
    public var score: Float

    public init(slot: UInt32, score: Float) {
        self.slot = slot
        self.score = score
    }
}

/// Where the time of a search went, in nanoseconds.
public struct SearchTimings: Sendable, Equatable {
    /// Bringing the query into the form that codes are scored with.
    public var prepare = 0
    public var walk = 0
    public var scan = 0
    /// Ranking the shortlist of the reduced codes again by int8 codes.
    public var rerank = 0
    /// Ranking the best of that again by the stored rows.
    public var rescore = 0
    public init() {}

    static func + (a: SearchTimings, b: SearchTimings) -> SearchTimings {
        var sum = a
        sum.prepare += b.prepare
        sum.walk += b.walk
        sum.scan += b.scan
        sum.rerank += b.rerank
        sum.rescore += b.rescore
        return sum
    }
}

/// The hits of a search and what it took to find them.
public struct SearchOutcome: Sendable {
    /// Best first; equal scores by slot, lower first. Fewer than k only when fewer live slots are allowed.
    public var hits: [Hit]
    /// What was done in the end: another scan than the plan's walk where that found too few or cost too much.
    public var method: SearchMethod
    /// Slots that the filter allows and that are live; without a filter, live slots.
    public var allowedCount: Int
    /// Width of the walk; `nil` when none was made.
    public var ef: Int?
    /// Scores computed by a walk, the way to its start included.
    public var walked: Int
    /// Scores computed by scans, that of the tail included.
    public var scanned: Int
    /// Graph nodes expanded.
    public var hops: Int
    /// Candidates of the reduced codes scored again by int8 codes.
    public var reranked: Int
    /// Candidates scored again by their stored rows.
    public var rescored: Int
    /// The codes could not tell the best candidates apart, so that the search went on by stored rows.
    public var wentOnByRows = false
    /// The first walk had found less than is known of such queries, so that a wider one was made.
    public var wentOnWider = false
    /// `nil` unless asked for.
    public var timings: SearchTimings?
    /// The search was cancelled; `hits` is what had been found until then, without any guarantee.
    public var cancelled: Bool

    /// The same with what an earlier search, of which this one took the place, has cost.
    func after(_ first: SearchOutcome) -> SearchOutcome {
        var both = self
        both.wentOnWider = true
        both.wentOnByRows = wentOnByRows || first.wentOnByRows
        both.walked += first.walked
        both.scanned += first.scanned
        both.hops += first.hops
        both.reranked += first.reranked
        both.rescored += first.rescored
        if let timings, let earlier = first.timings { both.timings = timings + earlier }
        return both
    }

    public init(
        hits: [Hit] = [], method: SearchMethod = .empty, allowedCount: Int = 0, ef: Int? = nil, walked: Int = 0,
        scanned: Int = 0, hops: Int = 0, reranked: Int = 0, rescored: Int = 0, timings: SearchTimings? = nil,
        cancelled: Bool = false
    ) {
        self.hits = hits
        self.method = method
        self.allowedCount = allowedCount
        self.ef = ef
        self.walked = walked
        self.scanned = scanned
        self.hops = hops
        self.reranked = reranked
        self.rescored = rescored
        self.timings = timings
        self.cancelled = cancelled
    }
}
