import Foundation
import GRDB

extension TrendTransaction {
    /// The trend as this transaction sees it; `nil` when there is none.
    public func trend(_ id: UUID) throws -> Trend? { try fetch(id) }

    public func hasTrend(_ id: UUID) throws -> Bool { try Trend.exists(id, database()) }

    /// Creates a trend with its first observation and returns it as stored (`Trend` tells what is normalised).
    ///
    /// `embedding` has 768 finite numbers, not all 0; only its direction counts. Without one the trend is in no semantic search.
    /// Throws `.invalid` naming the field, `.conflict` when the id is taken.
    @discardableResult
    public func createTrend(_ trend: Trend, embedding: [Float]? = nil) throws -> Trend {
        try create(FoundTrend(trend, embedding: embedding))
    }

    /// Changes a trend by `change` and returns it as stored. Without an embedding the vector stays as it is, and counts as
    /// stale after a change of the title or the description. Another engagement score is an observation at `time`, or just after
    /// the newest one if that is later.
    ///
    /// Throws `.notFound`, `.invalid` naming the field, and what `change` throws.
    @discardableResult
    public func updateTrend(
        _ id: UUID, embedding: [Float]? = nil, at time: Timestamp = .now,
        _ change: (inout Trend) throws -> Void = { _ in }
    ) throws -> Trend {
        try FieldRules.time(time, "time")
        var before: Trend?
        let trend = try update(id, embedding) { (trend: inout Trend) in
            before = trend
            let stage = trend.stage
            try change(&trend)
            trend.stage = stage
        }
        if let before, before.title != trend.title || before.url != trend.url {
            try remember(TrendFingerprint.all(of: trend), of: id, at: time)
        }
        guard trend.engagementScore != before?.engagementScore else {
            // An embedding is no news of the trend.
            before?.embeddingStatus = trend.embeddingStatus
            if trend != before { try self.change { try note(.trendUpdated, id, trend.writeEvent) } }
            return trend
        }
        let newest = try Int64.fetchOne(
            database().cachedStatement(sql: "SELECT max(observed_at) FROM observations WHERE trend_id = ?"),
            arguments: [id.text])
        let next = newest.map { Timestamp(microseconds: min($0 + 1, Timestamp.storable.upperBound.microseconds)) }
        let seen = Observation(
            observedAt: next.map { max($0, time) } ?? time, engagementScore: trend.engagementScore, url: trend.url,
            source: trend.source)
        return try observe(seen, of: id)
    }

    /// Adds an observation to a trend, whose engagement, velocity and stage follow from its observations then
    /// (``TrendDynamics``). One that is older than the newest changes no engagement.
    ///
    /// Throws `.notFound`, and `.invalid` naming the field.
    @discardableResult
    public func observe(_ observation: Observation, of id: UUID) throws -> Trend {
        let observation = try observation.validated()
        let db = try database()
        guard var trend = try Trend.fetch(id, db) else { throw TrendStoreError.notFound(table: Trend.table, id: id) }
        try change {
            try observation.insert(of: id, db)
            guard let dynamics = try TrendDynamics(of: id, db) else { return }
            trend.engagementScore = dynamics.newest
            trend.velocity = dynamics.velocity(after: trend.velocity)
            trend.stage = dynamics.stage
            try trend.update(db)
            try writePoint(trend, nil)
            try note(.trendUpdated, id, trend.writeEvent)
        }
        return trend
    }

    /// Gives trends their embeddings, which count as made of their present texts. Returns the ids of those that there are.
    ///
    /// Throws `.invalid` naming the first wrong embedding by its place; then nothing is written.
    @discardableResult
    public func embedTrends(_ embeddings: [(id: UUID, vector: [Float])]) throws -> [UUID] {
        try Self.validate(embeddings)
        return try embed(Trend.self, embeddings)
    }

    /// Deletes a trend with its ideas, and the points of all of them; `false` when there is no such trend.
    @discardableResult
    public func deleteTrend(_ id: UUID) throws -> Bool {
        guard let trend = try trend(id) else { return false }
        let ideas = try ideaIDs(of: id)
        for id in ideas {
            try releaseBusinesses(of: id)
            if let idea = try idea(id) { try change { try note(.ideaDeleted, id, idea.writeEvent) } }
        }
        guard try delete(Trend.self, id, alsoDeleting: (Idea.table, ideas)) else { return false }
        try change { try note(.trendDeleted, id, trend.writeEvent) }
        return true
    }

    /// The ids of a trend's ideas, in order of the ids.
    public func ideaIDs(of trend: UUID) throws -> [UUID] {
        let statement = try database().cachedStatement(sql: "SELECT id FROM ideas WHERE trend_id = ? ORDER BY id")
        return try String.fetchAll(statement, arguments: [trend.text]).compactMap(UUID.init(uuidString:))
    }
}
