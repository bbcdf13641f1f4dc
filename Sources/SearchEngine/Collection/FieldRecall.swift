import Synchronization
import VectorIndex

/// What is known of the recall of one vector's searches. A compaction hands it on to the next generation.
package final class FieldRecall: Sendable {
    package let recent: RecentQueries
    private let latest = Mutex<RecallAudit?>(nil)
    /// Whether the latest audit found less than ``RecallAudit/lowRecall``.
    let isLow = Atomic(false)
    /// Whether an audit is under way.
    let isBeingMeasured = Atomic(false)

    /// - Parameter seed: of the sample of recent queries.
    init(seed: UInt64) { recent = RecentQueries(seed: seed) }

    /// The latest audit, of this index or of the one that it took the place of; `nil` before the first.
    package internal(set) var audit: RecallAudit? {
        get { latest.withLock { $0 } }
        set { latest.withLock { $0 = newValue } }
    }
}

/// What one audit of an index has found.
package struct RecallAudit: Sendable {
    /// Below this recall the log warns.
    static let lowRecall = 0.95

    /// Of searches that ask for nothing.
    package let figures: RecallFigures
    package let profile: RecallProfile
    /// The index when the audit began.
    let shape: IndexShape
    /// Recent queries noted when the audit began.
    let recentNoted: Int
}

/// How large an index was: by this an audit is told to be out of date.
struct IndexShape: Sendable, Equatable {
    let generation: Int
    /// Of the vector's indexes.
    let build: Int
    /// Of the index's codes and graph.
    let revision: Int
    /// Slots, tombstones included.
    let published: Int
    let live: Int
    let linked: Int

    init(_ field: DenseField, generation: Int) {
        let index = field.index
        self.generation = generation
        build = field.build
        revision = index.revision
        published = index.publishedCount
        live = index.liveCount
        linked = index.linkedCount
    }

    /// Whether live slots, linked slots or tombstones have grown or shrunk by the share since `old`, or the index is another.
    func differs(from old: IndexShape, by share: Double) -> Bool {
        func differs(_ now: Int, _ then: Int, of whole: Int) -> Bool {
            Double(abs(now - then)) >= share * Double(max(whole, 1))
        }
        return generation != old.generation || build != old.build || revision != old.revision
            || differs(live, old.live, of: old.live)
            || differs(linked, old.linked, of: old.linked)
            || differs(published - live, old.published - old.live, of: old.published)
    }
}

/// Recall is measured for dense vectors; this is where they are told from others.
extension Generation {
    package var denseFields: [DenseField] { fields.compactMap { $0 as? DenseField } }

    /// The dense field of a vector name; `nil` for an unknown one, and for a vector of another kind.
    package func denseField(_ name: String) -> DenseField? { field(name) as? DenseField }
}
