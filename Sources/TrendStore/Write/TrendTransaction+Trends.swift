import Foundation

extension TrendTransaction {
    /// The trend as this transaction sees it; `nil` when there is none.
    public func trend(_ id: UUID) throws -> Trend? { try fetch(id) }

    /// Creates a trend and returns it as stored (`Trend` tells what is normalised).
    ///
    /// `embedding` has 768 finite numbers, not all 0; only its direction counts. Throws `.invalid` naming the field,
    /// `.conflict` when the id is taken.
    @discardableResult
    public func createTrend(_ trend: Trend, embedding: [Float]) throws -> Trend {
        let trend = try trend.validated()
        try FieldRules.embedding(embedding)
        try insert(trend, embedding)
        return trend
    }

    /// Changes a trend by `change` and returns it as stored. Without an embedding the vector stays as it is.
    ///
    /// Throws `.notFound`, `.invalid` naming the field, `.conflict` when the trend's point was deleted behind the
    /// store's back and no embedding is given, and what `change` throws.
    @discardableResult
    public func updateTrend(
        _ id: UUID, embedding: [Float]? = nil, _ change: (inout Trend) throws -> Void = { _ in }
    ) throws -> Trend {
        try update(id, embedding, change)
    }

    /// Deletes a trend with its ideas, and the points of all of them; `false` when there is no such trend.
    @discardableResult
    public func deleteTrend(_ id: UUID) throws -> Bool {
        try delete(Trend.self, id, alsoDeleting: (Idea.table, ideaIDs(of: id)))
    }

    /// The ids of a trend's ideas, in order of the ids.
    public func ideaIDs(of trend: UUID) throws -> [UUID] {
        let statement = try database().cachedStatement(sql: "SELECT id FROM ideas WHERE trend_id = ? ORDER BY id")
        return try String.fetchAll(statement, arguments: [trend.text]).compactMap(UUID.init(uuidString:))
    }
}
