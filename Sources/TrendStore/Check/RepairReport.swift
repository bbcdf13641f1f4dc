import Foundation
import SearchEngine

/// What a repair did, and what it can't do by itself.
public struct RepairReport: Sendable, Equatable {
    public var trends: TableRepair
    public var ideas: TableRepair

    public init(trends: TableRepair = TableRepair(), ideas: TableRepair = TableRepair()) {
        self.trends = trends
        self.ideas = ideas
    }

    /// Whether all rows that counted as embedded are.
    public var isComplete: Bool { trends.rowsNeedingEmbedding.isEmpty && ideas.rowsNeedingEmbedding.isEmpty }
}

/// The repair of one table and its collection; each list in order of the ids.
public struct TableRepair: Sendable, Equatable {
    /// Points that had no row, and are gone now.
    public var removedPoints: [PointID] = []
    /// Rows whose payload mirrors them again.
    public var mendedPayloads: [UUID] = []
    /// Rows whose point, or its vector, was missing. They are marked as in need of an embedding.
    public var rowsNeedingEmbedding: [UUID] = []
    /// Whether the index of its words was made anew.
    public var isTextIndexRebuilt = false

    public init() {}
}
