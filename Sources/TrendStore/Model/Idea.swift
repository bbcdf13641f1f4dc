import Foundation
import JSON

/// What was decided about an idea.
public enum IdeaStatus: String, Sendable, Hashable, CaseIterable {
    case pending, approved, rejected
    case inDevelopment = "in_development"

    /// What may be decided next. Nothing is final: a rejected idea may be looked at again, and one in development be given up.
    public var next: [IdeaStatus] {
        switch self {
        case .pending: [.approved, .rejected]
        case .approved: [.inDevelopment, .rejected]
        case .rejected: [.pending]
        case .inDevelopment: [.rejected]
        }
    }
}

/// The names of an idea's scores; the raw value is the column's name and the payload's key.
public enum IdeaScore: String, Sendable, Hashable, CaseIterable {
    case marketSize = "market_size"
    case competition, demand, monetization, feasibility
    case timeToMarket = "time_to_market"
}

/// The six scores of an idea, each 0…100.
public struct IdeaScores: Sendable, Hashable {
    public var marketSize: Int
    public var competition: Int
    public var demand: Int
    public var monetization: Int
    public var feasibility: Int
    public var timeToMarket: Int

    public init(
        marketSize: Int, competition: Int, demand: Int, monetization: Int, feasibility: Int, timeToMarket: Int
    ) {
        self.marketSize = marketSize
        self.competition = competition
        self.demand = demand
        self.monetization = monetization
        self.feasibility = feasibility
        self.timeToMarket = timeToMarket
    }

    public subscript(score: IdeaScore) -> Int {
        get {
            switch score {
            case .marketSize: marketSize
            case .competition: competition
            case .demand: demand
            case .monetization: monetization
            case .feasibility: feasibility
            case .timeToMarket: timeToMarket
            }
        }
        set {
            switch score {
            case .marketSize: marketSize = newValue
            case .competition: competition = newValue
            case .demand: demand = newValue
            case .monetization: monetization = newValue
            case .feasibility: feasibility = newValue
            case .timeToMarket: timeToMarket = newValue
            }
        }
    }

    /// The mean of the six, rounded down, as the column `total_score` has it. Meaningless unless all are 0…100.
    public var total: Int { IdeaScore.allCases.reduce(0) { $0 &+ self[$1] } / IdeaScore.allCases.count }
}

/// A row of the table `ideas`: a business idea that follows from a trend, and is deleted with it. Its embedding is
/// the vector of the point of the same id in the collection `ideas`.
///
/// Text lengths count Unicode scalars; no text may contain U+0000.
public struct Idea: Sendable, Hashable, Identifiable {
    public let id: UUID
    /// A row of `trends`.
    public var trendID: UUID
    /// 1…500 characters.
    public var title: String
    /// At most 100,000 characters.
    public var description: String?
    public var scores: IdeaScores
    /// A JSON object of at most 1 MiB as text and at most 64 levels; its numbers are finite.
    public var analysis: JSONValue
    /// Within `Timestamp.storable`.
    public var analyzedAt: Timestamp
    public var status: IdeaStatus
    /// Kept by the store.
    public internal(set) var embeddingStatus = EmbeddingStatus.missing

    /// The generated column `total_score`, 0…100.
    public var totalScore: Int { scores.total }

    public init(
        id: UUID = .timeOrdered(), trendID: UUID, title: String, description: String? = nil, scores: IdeaScores,
        analysis: JSONValue = [:], analyzedAt: Timestamp = .now, status: IdeaStatus = .pending
    ) {
        self.id = id
        self.trendID = trendID
        self.title = title
        self.description = description
        self.scores = scores
        self.analysis = analysis
        self.analyzedAt = analyzedAt
        self.status = status
    }
}
