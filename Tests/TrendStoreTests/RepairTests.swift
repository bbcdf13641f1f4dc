import Foundation
import JSON
import SearchEngine
import Testing
import TrendStore

@Suite struct RepairTests {
    private let storage: Storage
    private var store: TrendStore { storage.store }
    private var engine: Engine { storage.engine }

    init() throws { storage = try Storage() }

    private func create(_ title: String, _ place: Int) throws -> Trend {
        try store.createTrend(Trend(title: title, source: .vk, tags: ["t"]), embedding: axis(place))
    }

    @Test func nothingToRepair() throws {
        _ = try create("a", 0)
        #expect(try store.repair() == RepairReport())
        #expect(try store.check().isConsistent)
    }

    /// One collection alone goes back to an older state: rows that came since lose their points, points whose rows were
    /// deleted come back, and old payloads with them.
    @Test func aCollectionRestoredAlone() throws {
        let kept = try create("kept", 0)
        let renamed = try create("old title", 1)
        let deleted = try create("deleted", 2)
        let snapshot = try engine.createSnapshot("trends")
        try store.updateTrend(renamed.id) { $0.title = "new title" }
        try store.deleteTrend(deleted.id)
        let added = try create("added", 3)
        // The store would refuse it.
        try storage.behindItsBack { engine in
            try engine.recoverSnapshot(
                "trends", file: engine.snapshotPath("trends", name: snapshot.name), checksum: snapshot.checksum)
            // As if it were the collection that was there.
            try engine.write {
                try $0.database.execute(
                    sql: """
                        UPDATE trend_store_collections SET collection = (SELECT id FROM collections WHERE name = 'trends')
                        WHERE name = 'trends'
                        """)
            }
        }

        var expected = TableRepair()
        expected.removedPoints = [deleted.id.pointID]
        expected.mendedPayloads = [renamed.id]
        expected.rowsNeedingEmbedding = [added.id]
        let report = try store.repair()
        #expect(report == RepairReport(trends: expected))
        #expect(!report.isComplete)
        // Nothing is left to do but to give the embedding.
        #expect(try store.repair() == RepairReport())
        #expect(try store.trend(added.id)?.embeddingStatus == .missing)
        #expect(try Set(store.allTrends().map(\.title)) == ["kept", "new title", "added"])
        #expect(try store.trendEmbedding(kept.id) == axis(0))
        #expect(try store.trendEmbedding(renamed.id) == axis(1))
        try store.updateTrend(added.id, embedding: axis(3))
        #expect(try store.repair().isComplete)
        #expect(try store.check().isConsistent)
        let found = try store.searchTrends(.embedding(axis(3)), limit: 10)
        #expect(found.first?.row.id == added.id && found.count == 3)
    }

    @Test func rowsThatLostTheirVector() throws {
        let trend = try create("a", 0)
        let idea = try store.createIdea(Idea(trendID: trend.id, title: "i", scores: someScores), embedding: axis(1))
        try engine.write { _ = try $0.update("ideas", [.deleteVectors(.ids([idea.id.pointID]), names: [""])]) }
        #expect(try store.repair().ideas.rowsNeedingEmbedding == [idea.id])
        #expect(try store.idea(idea.id)?.embeddingStatus == .missing)
    }
}
