import Foundation

/// Which trends to list or search: those for which every given field holds. An empty set demands nothing.
public struct TrendFilter: Sendable, Hashable {
    public var sources: Set<TrendSource> = []
    public var categories: Set<String> = []
    /// Tags that a trend must all have.
    public var allTags: Set<String> = []
    /// Tags of which a trend must have one.
    public var anyTag: Set<String> = []
    public var engagementScore = Bounds<Double>()
    public var velocity = Bounds<Double>()
    public var discoveredAt = Bounds<Timestamp>()
    public var stages: Set<TrendStage> = []
    /// Of listings alone: whether an embedding is missing or stale.
    public var needsEmbedding: Bool?

    public init(
        sources: Set<TrendSource> = [], categories: Set<String> = [], allTags: Set<String> = [],
        anyTag: Set<String> = [], engagementScore: Bounds<Double> = Bounds(), velocity: Bounds<Double> = Bounds(),
        discoveredAt: Bounds<Timestamp> = Bounds(), stages: Set<TrendStage> = []
    ) {
        self.sources = sources
        self.categories = categories
        self.allTags = allTags
        self.anyTag = anyTag
        self.engagementScore = engagementScore
        self.velocity = velocity
        self.discoveredAt = discoveredAt
        self.stages = stages
    }
}

extension TrendFilter: RowFilter {
    typealias Stored = Trend

    var terms: [FilterTerm] {
        var terms: [FilterTerm] = []
        if !sources.isEmpty { terms.append(.oneOf(column: "source", sources.map(\.rawValue).sorted())) }
        if !categories.isEmpty { terms.append(.oneOf(column: "category", categories.asStored)) }
        if !stages.isEmpty { terms.append(.oneOf(column: "stage", stages.map(\.rawValue).sorted())) }
        if let needsEmbedding { terms.append(.needsEmbedding(needsEmbedding)) }
        if !allTags.isEmpty { terms.append(.allTags(allTags.asStored)) }
        if !anyTag.isEmpty { terms.append(.anyTag(anyTag.asStored)) }
        if engagementScore != Bounds() { terms.append(.number(column: "engagement_score", engagementScore)) }
        if velocity != Bounds() { terms.append(.number(column: "velocity", velocity)) }
        if discoveredAt != Bounds() { terms.append(.time(column: "discovered_at", discoveredAt)) }
        return terms
    }
}

/// Which ideas to list or search: those for which every given field holds. An empty set demands nothing.
public struct IdeaFilter: Sendable, Hashable {
    public var trendIDs: Set<UUID> = []
    public var statuses: Set<IdeaStatus> = []
    public var totalScore = Bounds<Int>()
    public var scores: [IdeaScore: Bounds<Int>] = [:]
    public var analyzedAt = Bounds<Timestamp>()
    /// Of listings alone: whether an embedding is missing or stale.
    public var needsEmbedding: Bool?

    public init(
        trendIDs: Set<UUID> = [], statuses: Set<IdeaStatus> = [], totalScore: Bounds<Int> = Bounds(),
        scores: [IdeaScore: Bounds<Int>] = [:], analyzedAt: Bounds<Timestamp> = Bounds()
    ) {
        self.trendIDs = trendIDs
        self.statuses = statuses
        self.totalScore = totalScore
        self.scores = scores
        self.analyzedAt = analyzedAt
    }
}

extension IdeaFilter: RowFilter {
    typealias Stored = Idea

    var terms: [FilterTerm] {
        var terms: [FilterTerm] = []
        if !trendIDs.isEmpty { terms.append(.oneOf(column: "trend_id", trendIDs.map(\.text).sorted())) }
        if !statuses.isEmpty { terms.append(.oneOf(column: "status", statuses.map(\.rawValue).sorted())) }
        if totalScore != Bounds() { terms.append(.integer(column: "total_score", totalScore)) }
        for score in IdeaScore.allCases {
            if let bounds = scores[score], bounds != Bounds() {
                terms.append(.integer(column: score.rawValue, bounds))
            }
        }
        if let needsEmbedding { terms.append(.needsEmbedding(needsEmbedding)) }
        if analyzedAt != Bounds() { terms.append(.time(column: "analyzed_at", analyzedAt)) }
        return terms
    }
}
