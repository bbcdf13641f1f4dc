import Foundation

extension TrendTransaction {
    /// The idea as this transaction sees it; `nil` when there is none.
    public func idea(_ id: UUID) throws -> Idea? { try fetch(id) }

    /// Creates an idea and returns it as stored.
    ///
    /// `embedding` has 768 finite numbers, not all 0; only its direction counts. Without one the idea is in no semantic search.
    /// Throws `.invalid` naming the field, `.notFound` when its trend doesn't exist, `.conflict` when the id is taken.
    @discardableResult
    public func createIdea(_ idea: Idea, embedding: [Float]? = nil) throws -> Idea {
        let idea = try Self.validated(idea.validated, embedding)
        try requireTrend(of: idea)
        let stored = try insert(idea, embedding)
        try change { try note(.ideaAnalyzed, stored.id, stored.writeEvent) }
        return stored
    }

    /// Changes an idea by `change` and returns it as stored. Without an embedding the vector stays as it is, and counts as
    /// stale after a change of the title or the description.
    ///
    /// Its status changes along the steps of ``IdeaStatus/next`` alone. Throws `.notFound` for the idea or its new trend,
    /// `.invalid` naming the field, and what `change` throws.
    @discardableResult
    public func updateIdea(
        _ id: UUID, embedding: [Float]? = nil, _ change: (inout Idea) throws -> Void = { _ in }
    ) throws -> Idea {
        var before: Idea?
        let updated = try update(id, embedding) { (idea: inout Idea) in
            before = idea
            try change(&idea)
        } check: { idea in
            if let status = before?.status, status != idea.status, !status.next.contains(idea.status) {
                let list = status.next.map { "`\($0.rawValue)`" }.joined(separator: " or ")
                throw invalid(
                    "status", "must be \(list) after `\(status.rawValue)`, not `\(idea.status.rawValue)`")
            }
            try requireTrend(of: idea)
        }
        // An embedding is no news of the idea.
        before?.embeddingStatus = updated.embeddingStatus
        if updated != before { try self.change { try note(.ideaUpdated, id, updated.writeEvent) } }
        return updated
    }

    /// Gives ideas their embeddings; otherwise as `embedTrends`.
    @discardableResult
    public func embedIdeas(_ embeddings: [(id: UUID, vector: [Float])]) throws -> [UUID] {
        try Self.validate(embeddings)
        return try embed(Idea.self, embeddings)
    }

    /// Deletes an idea and its point; its business goes on without it. `false` when there is no such idea.
    @discardableResult
    public func deleteIdea(_ id: UUID) throws -> Bool {
        guard let idea = try idea(id) else { return false }
        try releaseBusinesses(of: id)
        guard try delete(Idea.self, id) else { return false }
        try change { try note(.ideaDeleted, id, idea.writeEvent) }
        return true
    }

    private func requireTrend(of idea: Idea) throws {
        guard try Trend.exists(idea.trendID, database()) else {
            throw TrendStoreError.notFound(table: Trend.table, id: idea.trendID)
        }
    }
}
