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

    /// What a listing asks for.
    public struct Listing: Sendable {
        public var filter = IdeaFilter()
        public var order = IdeaOrder.totalScore
        public var direction = SortDirection.descending
        public var skip = 0
        public var limit = 50
        public var after: PageCursor?

        public init() {}
    }

    /// A page of a listing.
    public struct Page: Sendable {
        public var ideas: [Idea]
        /// All that match.
        public var total: Int
        /// Where the next page begins; `nil` at the end.
        public var next: PageCursor?
    }

    public static let list = Operation<Listing, Page>(.read) { services, _, listing in
        let page = try renaming(["offset": "skip"]) {
            try services.trends.listIdeas(
                listing.filter, by: listing.order, listing.direction, limit: listing.limit, offset: listing.skip,
                after: listing.after)
        }
        return Page(ideas: page.rows, total: try services.trends.countIdeas(listing.filter), next: page.next)
    }

    public static let get = Operation<UUID, Idea>(.read) { services, _, id in
        guard let idea = try services.trends.idea(id) else { throw missing(id) }
        return idea
    }

    /// Throws `.notFound` for a trend that isn't there.
    public static let create = Operation<NewIdea, Idea>(.write) { services, caller, new in
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

    public struct Update: Sendable {
        public var id: UUID
        public var change: Change

        public init(id: UUID, change: Change) {
            self.id = id
            self.change = change
        }
    }

    public static let update = Operation<Update, Idea>(.write) { services, caller, update in
        try services.trends.write(deadline: caller.deadline) { transaction in
            try transaction.updateIdea(update.id, embedding: update.change.embedding) { update.change.apply(to: &$0) }
        }
    }

    /// Throws `.notFound` for an idea that isn't there.
    public static let delete = Operation<UUID, Void>(.write) { services, caller, id in
        guard try services.trends.deleteIdea(id, deadline: caller.deadline) else { throw missing(id) }
    }

    public struct Search: Sendable {
        public var query: SemanticQuery
        public var filter = IdeaFilter()
        public var limit = 10
        public var skip = 0
        public var scoreThreshold: Float?

        public init(query: SemanticQuery) { self.query = query }
    }

    public static let search = Operation<Search, [ScoredRow<Idea>]>(.read) { services, caller, search in
        try renaming(["offset": "skip", "embedding": "vector"]) {
            try services.trends.searchIdeas(
                search.query, filter: search.filter, limit: search.limit, offset: search.skip,
                scoreThreshold: search.scoreThreshold, deadline: caller.deadline)
        }
    }

    /// Gives ideas their embeddings, all of them or, when one is wrong, none.
    public static let embed = Operation<[EmbeddingOfRow], EmbeddingResult>(.write) { services, caller, embeddings in
        try EmbeddingResult(embeddings) { try services.trends.embedIdeas($0, deadline: caller.deadline) }
    }

    private static func missing(_ id: UUID) -> ServiceError {
        ServiceError(TrendStoreError.notFound(table: "ideas", id: id))
    }
}
