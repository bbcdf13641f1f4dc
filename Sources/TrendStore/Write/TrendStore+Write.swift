import Foundation
import SearchEngine

/// Single changes, each in a transaction of its own; `TrendTransaction` documents them.
extension TrendStore {
    @discardableResult
    public func createTrend(_ trend: Trend, embedding: [Float]? = nil) throws -> Trend {
        try write { try $0.createTrend(trend, embedding: embedding) }
    }

    @discardableResult
    public func updateTrend(
        _ id: UUID, embedding: [Float]? = nil, at time: Timestamp = .now,
        _ change: @escaping (inout Trend) throws -> Void = { _ in }
    ) throws -> Trend {
        try write { try $0.updateTrend(id, embedding: embedding, at: time, change) }
    }

    @discardableResult
    public func observe(_ observation: Observation, of trend: UUID) throws -> Trend {
        try write { try $0.observe(observation, of: trend) }
    }

    @discardableResult
    public func embedTrends(
        _ embeddings: [(id: UUID, vector: [Float])], deadline: Deadline? = nil
    ) throws -> [UUID] {
        // Before the writer's turn.
        try TrendTransaction.validate(embeddings)
        let bytes = embeddings.count * Self.embeddingDimensions * MemoryLayout<Float>.size
        return try write(bytes: bytes, deadline: deadline) { try $0.embed(Trend.self, embeddings) }
    }

    @discardableResult
    public func deleteTrend(_ id: UUID, deadline: Deadline? = nil) throws -> Bool {
        try writeFreeing(deadline: deadline) { try $0.deleteTrend(id) }
    }

    @discardableResult
    public func createIdea(_ idea: Idea, embedding: [Float]? = nil) throws -> Idea {
        try write { try $0.createIdea(idea, embedding: embedding) }
    }

    @discardableResult
    public func updateIdea(
        _ id: UUID, embedding: [Float]? = nil, _ change: @escaping (inout Idea) throws -> Void = { _ in }
    ) throws -> Idea {
        try write { try $0.updateIdea(id, embedding: embedding, change) }
    }

    @discardableResult
    public func deleteIdea(_ id: UUID, deadline: Deadline? = nil) throws -> Bool {
        try writeFreeing(deadline: deadline) { try $0.deleteIdea(id) }
    }

    @discardableResult
    public func deleteBusiness(_ id: UUID, deadline: Deadline? = nil) throws -> Bool {
        try writeFreeing(deadline: deadline) { try $0.deleteBusiness(id) }
    }

    @discardableResult
    public func embedIdeas(
        _ embeddings: [(id: UUID, vector: [Float])], deadline: Deadline? = nil
    ) throws -> [UUID] {
        // Before the writer's turn.
        try TrendTransaction.validate(embeddings)
        let bytes = embeddings.count * Self.embeddingDimensions * MemoryLayout<Float>.size
        return try write(bytes: bytes, deadline: deadline) { try $0.embed(Idea.self, embeddings) }
    }
}
