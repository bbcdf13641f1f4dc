import Foundation
import JSON
import SearchEngine
import TrendStore

/// Trends, their observations and embeddings.
public enum TrendOperations {
    /// A trend as a request gives it.
    public struct NewTrend: Sendable {
        public var trend: Trend
        /// 768 numbers; without it the trend is found by no semantic search until it gets one.
        public var embedding: [Float]?
        /// Whether a trend that was seen within a day is taken for the one that is known.
        public var deduplicates: Bool
        /// Whether the request tells the engagement.
        public var tellsEngagement = true

        public init(trend: Trend, embedding: [Float]? = nil, deduplicates: Bool = true) {
            self.trend = trend
            self.embedding = embedding
            self.deduplicates = deduplicates
        }

        /// What it takes of memory, about.
        var bytes: Int {
            (embedding?.count ?? 0) * MemoryLayout<Float>.size + trend.title.utf8.count
                + (trend.description?.utf8.count ?? 0) + trend.tags.reduce(0) { $0 + $1.utf8.count } + 512
        }
    }

    public typealias Listing = RowListing<TrendFilter, TrendOrder>
    public typealias Search = RowSearch<TrendFilter>

    public static let list = Operation<Listing, RowPage<Trend>>(.read) { services, _, listing in
        let page = try renaming(["offset": "skip"]) {
            try services.trends.listTrends(
                listing.filter, by: listing.order, listing.direction, limit: listing.limit, offset: listing.skip,
                after: listing.after)
        }
        return RowPage(page, total: try services.trends.countTrends(listing.filter))
    }

    /// A trend with the numbers behind its stage.
    public struct Details: Sendable {
        public var trend: Trend
        public var dynamics: TrendDynamics?
    }

    public static let get = Operation<UUID, Details>(.read) { services, _, id in
        guard let trend = try services.trends.trend(id) else { throw missing(id) }
        return Details(trend: trend, dynamics: try services.trends.dynamics(of: id))
    }

    /// A trend as stored, and whether it is new or was seen before.
    public struct Stored: Sendable {
        public var trend: Trend
        public var isNew: Bool
    }

    /// Stores a trend, or an observation of the one that is known (``TrendTransaction/ingest(_:at:)``).
    public static let create = Operation<NewTrend, Stored>(.work) { services, caller, new in
        let found = try services.found(new, caller)
        let stored = try services.trends.write(bytes: new.bytes, deadline: caller.deadline) {
            try store(found, deduplicates: new.deduplicates, $0)
        }
        if stored.isNew { services.discoveries.tell(of: CollectionOfOne(stored.trend), by: caller) }
        return stored
    }

    private static func store(
        _ found: FoundTrend, deduplicates: Bool, _ transaction: TrendTransaction
    ) throws -> Stored {
        guard deduplicates else { return Stored(trend: try transaction.create(found), isNew: true) }
        let (trend, isNew) = try transaction.ingest(found)
        return Stored(trend: trend, isNew: isNew)
    }

    /// What a change says; a member that is `nil` stays as it is.
    public struct Change: Sendable {
        public var title: String?
        /// `.some(nil)` takes it away.
        public var description: String??
        public var url: String??
        public var source: TrendSource?
        public var category: String??
        public var tags: [String]?
        public var engagementScore: Double?
        public var metadata: JSONValue?
        public var embedding: [Float]?

        public init() {}

        public func apply(to trend: inout Trend) {
            if let title { trend.title = title }
            if let description { trend.description = description }
            if let url { trend.url = url }
            if let source { trend.source = source }
            if let category { trend.category = category }
            if let tags { trend.tags = tags }
            if let engagementScore { trend.engagementScore = engagementScore }
            if let metadata { trend.metadata = metadata }
        }
    }

    public static let update = Operation<RowUpdate<Change>, Trend>(.write) { services, caller, update in
        try services.trends.write(deadline: caller.deadline) { transaction in
            try transaction.updateTrend(update.id, embedding: update.change.embedding) { update.change.apply(to: &$0) }
        }
    }

    /// Throws `.notFound` for a trend that isn't there.
    public static let delete = Operation<UUID, Void>(.write) { services, caller, id in
        guard try services.trends.deleteTrend(id, deadline: caller.deadline) else { throw missing(id) }
    }

    // MARK: Many at once

    public struct Batch: Sendable {
        /// Each as it could be read, or what is wrong with it.
        public var trends: [Result<NewTrend, ServiceError>]
        /// Whether the good ones are kept where others are wrong; otherwise none is.
        public var keepsGood: Bool

        public init(trends: [Result<NewTrend, ServiceError>], keepsGood: Bool) {
            self.trends = trends
            self.keepsGood = keepsGood
        }
    }

    /// What came of a batch, by places in it.
    public struct BatchResult: Sendable {
        public var stored: [(place: Int, stored: Stored)] = []
        public var errors: [(place: Int, error: ServiceError)] = []
    }

    /// Most trends of a batch.
    public static let mostInBatch = 10_000

    /// Trends of a transaction where the good ones are kept: others write in between.
    private static let chunk = 500

    /// Stores the trends of a batch as `create` does: all of them in one transaction or, where the good ones are kept, some hundreds in each.
    /// Errors are told in both cases.
    public static let createMany = Operation<Batch, BatchResult>(.work) { services, caller, batch in
        guard batch.trends.count <= mostInBatch else {
            throw ServiceError.outOfRange(
                "trends", "must be at most \(mostInBatch) trends, not \(batch.trends.count)")
        }
        var result = BatchResult()
        let size = batch.keepsGood ? chunk : mostInBatch
        for start in stride(from: 0, to: batch.trends.count, by: size) {
            let part = batch.trends[start..<min(start + size, batch.trends.count)]
            do {
                var bytes = 0
                let prepared = try zip(part.indices, part).map { place, entry in
                    bytes += (try? entry.get())?.bytes ?? 0
                    return try services.prepared(entry, at: place, caller)
                }
                let (stored, errors) = try services.trends.write(bytes: bytes, deadline: caller.deadline) {
                    try store(prepared, keepsGood: batch.keepsGood, $0)
                }
                services.discoveries.tell(of: stored.filter(\.stored.isNew).map(\.stored.trend), by: caller)
                result.stored += stored
                result.errors += errors
            } catch let refused as Refused {
                result.errors += refused.errors
            }
        }
        return result
    }

    /// A batch of which none is created.
    private struct Refused: Error {
        var errors: [(place: Int, error: ServiceError)]
    }

    /// An entry of a batch that is checked and ready to be stored, or what is wrong with it.
    fileprivate struct Prepared: Sendable {
        var place: Int
        var found: Result<FoundTrend, ServiceError>
        var deduplicates = true
    }

    private static func store(
        _ part: [Prepared], keepsGood: Bool, _ transaction: TrendTransaction
    ) throws -> (stored: [(place: Int, stored: Stored)], errors: [(place: Int, error: ServiceError)]) {
        var stored: [(place: Int, stored: Stored)] = []
        var errors: [(place: Int, error: ServiceError)] = []
        for entry in part {
            do {
                let found = try entry.found.get()
                stored.append((entry.place, try store(found, deduplicates: entry.deduplicates, transaction)))
            } catch let error as ServiceError {
                errors.append((entry.place, error))
            } catch let error as TrendStoreError {
                errors.append((entry.place, ServiceError(error)))
            }
        }
        guard keepsGood || errors.isEmpty else { throw Refused(errors: errors) }
        return (stored, errors)
    }

    // MARK: Searches

    public static let search = Operation<Search, SearchResult<Trend>>(.read) { services, caller, search in
        try RowSearching.trends.search(search, services, caller)
    }

    public static let statistics = Operation<Void, TrendStatistics>(.read) { services, _, _ in
        try services.trends.trendStatistics()
    }

    public struct Period: Sendable {
        public static let allowedDays = 1...3_650

        /// Back from now.
        public var days = 7
        public var limit = 10

        public init() {}
    }

    public static let trendingCategories = Operation<Period, [CategoryMovement]>(.read) { services, _, period in
        let allowed = Period.allowedDays
        guard allowed.contains(period.days) else {
            throw ServiceError.outOfRange(
                "days", "must be \(allowed.lowerBound)…\(allowed.upperBound), not \(period.days)")
        }
        // From a whole minute on, so that requests within one share what is computed.
        let minute = Timestamp.now.microseconds / 60_000_000 * 60_000_000
        let since = Timestamp(microseconds: minute - Int64(period.days) * 86_400_000_000)
        return try services.trends.trendingCategories(since: since, limit: period.limit)
    }

    // MARK: Observations

    public struct ObservationPage: Sendable {
        public var trend: UUID
        public var skip = 0
        public var limit = 100

        public init(trend: UUID) { self.trend = trend }
    }

    public static let observations = Operation<ObservationPage, [Observation]>(.read) { services, _, page in
        guard try services.trends.trend(page.trend) != nil else { throw missing(page.trend) }
        return try renaming(["offset": "skip"]) {
            try services.trends.observations(of: page.trend, limit: page.limit, offset: page.skip)
        }
    }

    public struct Observed: Sendable {
        public var trend: UUID
        public var observation: Observation

        public init(trend: UUID, observation: Observation) {
            self.trend = trend
            self.observation = observation
        }
    }

    public static let observe = Operation<Observed, Trend>(.work) { services, caller, observed in
        try services.trends.write(deadline: caller.deadline) {
            try $0.observe(observed.observation, of: observed.trend)
        }
    }

    // MARK: Embeddings

    /// Gives trends their embeddings, all of them or, when one is wrong, none.
    public static let embed = Operation<[EmbeddingOfRow], EmbeddingResult>(.work) { services, caller, embeddings in
        try EmbeddingResult(embeddings) { try services.trends.embedTrends($0, deadline: caller.deadline) }
    }

    private static func missing(_ id: UUID) -> ServiceError {
        ServiceError(TrendStoreError.notFound(table: "trends", id: id))
    }
}

extension Services {
    /// The trend as it is stored, with those that are nearly the same if it looks for them.
    fileprivate func found(_ new: TrendOperations.NewTrend, _ caller: Caller) throws -> FoundTrend {
        var found = try FoundTrend(new.trend, embedding: new.embedding)
        found.tellsEngagement = new.tellsEngagement
        if new.deduplicates, let embedding = found.embedding {
            found.likely = try trends.nearIdentical(embedding, deadline: caller.deadline)
        }
        return found
    }

    fileprivate func prepared(
        _ entry: Result<TrendOperations.NewTrend, ServiceError>, at place: Int, _ caller: Caller
    ) throws -> TrendOperations.Prepared {
        do {
            let new = try entry.get()
            return TrendOperations.Prepared(
                place: place, found: .success(try found(new, caller)), deduplicates: new.deduplicates)
        } catch let error as ServiceError {
            return TrendOperations.Prepared(place: place, found: .failure(error))
        } catch let error as TrendStoreError {
            return TrendOperations.Prepared(place: place, found: .failure(ServiceError(error)))
        }
    }
}
