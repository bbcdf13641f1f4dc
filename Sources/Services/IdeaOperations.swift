import Foundation
import JSON
import SearchEngine
import TrendStore

/// Business ideas that follow from trends.
public enum IdeaOperations {
    /// An idea as a request gives it.
    public struct NewIdea: Sendable {
        public var idea: Idea
        /// 768 numbers; without it the idea is found by no semantic search until it gets one.
        public var embedding: [Float]?

        public init(idea: Idea, embedding: [Float]? = nil) {
            self.idea = idea
            self.embedding = embedding
        }
    }

    public typealias Listing = RowListing<IdeaFilter, IdeaOrder>
    public typealias Search = RowSearch<IdeaFilter>

    public static let list = Operation<Listing, RowPage<Idea>>(.read) { services, _, listing in
        let page = try renaming(["offset": "skip"]) {
            try services.trends.listIdeas(
                listing.filter, by: listing.order, listing.direction, limit: listing.limit, offset: listing.skip,
                after: listing.after)
        }
        return RowPage(page, total: try services.trends.countIdeas(listing.filter))
    }

    public static let get = Operation<UUID, Idea>(.read) { services, _, id in
        guard let idea = try services.trends.idea(id) else { throw missing(id) }
        return idea
    }

    /// Throws `.notFound` for a trend that isn't there.
    public static let create = Operation<NewIdea, Idea>(.work) { services, caller, new in
        try services.trends.write(deadline: caller.deadline) { try $0.createIdea(new.idea, embedding: new.embedding) }
    }

    /// What a change says; a member that is `nil` stays as it is.
    public struct Change: Sendable {
        public var trendID: UUID?
        public var title: String?
        /// `.some(nil)` takes it away.
        public var description: String??
        public var scores: [IdeaScore: Int] = [:]
        public var analysis: JSONValue?
        public var analyzedAt: Timestamp?
        /// Along the steps of ``IdeaStatus/next`` alone.
        public var status: IdeaStatus?
        public var embedding: [Float]?

        public init() {}

        public func apply(to idea: inout Idea) {
            if let trendID { idea.trendID = trendID }
            if let title { idea.title = title }
            if let description { idea.description = description }
            for (score, value) in scores { idea.scores[score] = value }
            if let analysis { idea.analysis = analysis }
            if let analyzedAt { idea.analyzedAt = analyzedAt }
            if let status { idea.status = status }
        }
    }

    public static let update = Operation<RowUpdate<Change>, Idea>(.write) { services, caller, update in
        try services.trends.write(deadline: caller.deadline) { transaction in
            try transaction.updateIdea(update.id, embedding: update.change.embedding) { update.change.apply(to: &$0) }
        }
    }

    /// Throws `.notFound` for an idea that isn't there.
    public static let delete = Operation<UUID, Void>(.write) { services, caller, id in
        guard try services.trends.deleteIdea(id, deadline: caller.deadline) else { throw missing(id) }
    }

    public static let search = Operation<Search, SearchResult<Idea>>(.read) { services, caller, search in
        try RowSearching.ideas.search(search, services, caller)
    }

    /// Gives ideas their embeddings, all of them or, when one is wrong, none.
    public static let embed = Operation<[EmbeddingOfRow], EmbeddingResult>(.work) { services, caller, embeddings in
        try EmbeddingResult(embeddings) { try services.trends.embedIdeas($0, deadline: caller.deadline) }
    }

    // MARK: Analysis

    /// Trends that ideas are to be made of.
    public struct Analysis: Sendable {
        /// 1…100 of them.
        public var trends: [UUID]
        public var idempotencyKey: String?

        public init(trends: [UUID], idempotencyKey: String? = nil) {
            self.trends = trends
            self.idempotencyKey = idempotencyKey
        }
    }

    public static let mostTrendsOfAnalysis = 100

    public struct Analyzed: Sendable {
        public var enqueued: JobOperations.Enqueued
        /// Whether this server does the job itself, or it waits for another worker.
        public var hasAnalyst: Bool
    }

    /// Queues a job of the type `analyze_trends`. Throws `.notFound` for a trend that isn't there.
    public static let analyze = Operation<Analysis, Analyzed>(.write) { services, caller, analysis in
        guard (1...mostTrendsOfAnalysis).contains(analysis.trends.count) else {
            throw ServiceError.outOfRange(
                "trend_ids", "must be 1…\(mostTrendsOfAnalysis) trends, not \(analysis.trends.count)")
        }
        let ids = analysis.trends.map { JSONValue.string($0.uuidString.lowercased()) }
        let job = Job(
            type: Analyst.jobType, params: .object(["trend_ids": .array(ids)]), idempotencyKey: analysis.idempotencyKey)
        let (stored, isNew) = try services.trends.writeRows(deadline: caller.deadline) { transaction in
            try transaction.enqueue(job) {
                for id in analysis.trends where try !transaction.hasTrend(id) {
                    throw TrendStoreError.notFound(table: "trends", id: id)
                }
            }
        }
        return Analyzed(
            enqueued: JobOperations.Enqueued(job: stored, isNew: isNew), hasAnalyst: services.analyst != nil)
    }

    private static func missing(_ id: UUID) -> ServiceError {
        ServiceError(TrendStoreError.notFound(table: "ideas", id: id))
    }
}
