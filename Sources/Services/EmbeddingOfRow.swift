import Foundation

/// The embedding that a row of trends or ideas is to get.
public struct EmbeddingOfRow: Sendable {
    public var id: UUID
    /// 768 numbers.
    public var vector: [Float]

    public init(id: UUID, vector: [Float]) {
        self.id = id
        self.vector = vector
    }
}

/// What came of embeddings that were given to rows.
public struct EmbeddingResult: Sendable {
    /// Most embeddings of a request.
    public static let mostAtOnce = 10_000

    public var embedded: [UUID]
    /// Ids without a row.
    public var missing: [UUID]

    /// - Parameter embed: gives them to the rows that there are, and returns the ids of these.
    init(_ embeddings: [EmbeddingOfRow], _ embed: ([(id: UUID, vector: [Float])]) throws -> [UUID]) throws {
        guard embeddings.count <= Self.mostAtOnce else {
            throw ServiceError.outOfRange(
                "embeddings", "must be at most \(Self.mostAtOnce) embeddings, not \(embeddings.count)")
        }
        embedded = try embed(embeddings.map { ($0.id, $0.vector) })
        let found = Set(embedded)
        missing = embeddings.map(\.id).filter { !found.contains($0) }
    }
}
