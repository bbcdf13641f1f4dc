import Foundation
import SearchEngine

/// Whether the rows and the points of the trend store agree.
public struct CheckReport: Sendable, Equatable {
    public var trends: TableReport
    public var ideas: TableReport

    public init(trends: TableReport = TableReport(), ideas: TableReport = TableReport()) {
        self.trends = trends
        self.ideas = ideas
    }

    public var isConsistent: Bool { trends.isConsistent && ideas.isConsistent }
}

/// Where the rows of one table and the points of its collection disagree; each list in order of the ids.
public struct TableReport: Sendable, Equatable {
    /// A payload that is not its row's mirror.
    public struct PayloadMismatch: Sendable, Equatable {
        public var id: UUID
        /// The keys of the row that differ or are missing, sorted.
        public var keys: [String]

        public init(id: UUID, keys: [String]) {
            self.id = id
            self.keys = keys
        }
    }

    /// Rows and points that were looked at.
    public var rowCount = 0
    public var pointCount = 0
    /// That count as embedded.
    public var rowsWithoutPoint: [UUID] = []
    /// Also points that never were a row's, such as those with numbers as ids.
    public var pointsWithoutRow: [PointID] = []
    /// Rows that count as embedded, and whose point has no vector.
    public var pointsWithoutVector: [UUID] = []
    /// Rows that count as not embedded, though their point has a vector.
    public var uncountedVectors: [UUID] = []
    public var payloadMismatches: [PayloadMismatch] = []
    /// The index of its words.
    public var text = TextIndexReport()

    public init() {}

    public var isConsistent: Bool {
        rowsWithoutPoint.isEmpty && pointsWithoutRow.isEmpty && pointsWithoutVector.isEmpty
            && uncountedVectors.isEmpty && payloadMismatches.isEmpty && text.isConsistent
    }
}
