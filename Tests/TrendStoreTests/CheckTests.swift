import Foundation
import JSON
import SearchEngine
import Testing
import TrendStore

/// Damage is done to points in transactions that the store doesn't follow; the report must name just that.
@Suite struct CheckTests {
    private let storage: Storage
    private let trends: [Trend]
    private let ideas: [Idea]
    private var store: TrendStore { storage.store }
    private var engine: Engine { storage.engine }

    init() throws {
        storage = try Storage()
        let store = storage.store
        trends = try (0..<4).map {
            try store.createTrend(Trend(title: "T\($0)", source: .vk, tags: ["t"]), embedding: axis($0))
        }
        ideas = try trends.map {
            try store.createIdea(Idea(trendID: $0.id, title: "I", scores: someScores), embedding: axis(0))
        }
    }

    private func damage(_ operations: [UpdateOperation]) throws {
        try engine.write { _ = try $0.update("trends", operations) }
    }

    private func report(_ change: (inout TableReport) -> Void) -> CheckReport {
        var trends = TableReport()
        trends.rowCount = 4
        trends.pointCount = 4
        let ideas = trends
        change(&trends)
        return CheckReport(trends: trends, ideas: ideas)
    }

    @Test func nothingWrong() throws {
        #expect(try store.check() == report { _ in })
        try storage.reopen()
        #expect(try store.check() == report { _ in })
    }

    @Test func aRowWithoutPoint() throws {
        let id = trends[1].id
        try damage([.delete(.ids([id.pointID]))])
        #expect(
            try store.check()
                == report {
                    $0.pointCount = 3
                    $0.rowsWithoutPoint = [id]
                })
        // With its embedding the row is whole again.
        try store.updateTrend(id, embedding: axis(9))
        #expect(try store.check().isConsistent)
    }

    @Test func pointsWithoutRow() throws {
        let foreign: [PointID] = [.number(7), UUID().pointID]
        try damage([.upsert(foreign.map { PointStruct(id: $0, vectors: ["": .dense(axis(0))]) })])
        #expect(
            try store.check()
                == report {
                    $0.pointCount = 6
                    $0.pointsWithoutRow = foreign
                })
        try engine.write {
            try $0.database.execute(
                sql: "DELETE FROM ideas WHERE id = ?", arguments: [ideas[2].id.uuidString.lowercased()])
        }
        #expect(try store.check().ideas.pointsWithoutRow == [ideas[2].id.pointID])
    }

    @Test func payloadsThatDiffer() throws {
        let id = trends[2].id
        try damage(
            [
                .setPayload(.ids([id.pointID]), payload: ["title": "other", "extra": 1], key: nil),
                .deletePayload(.ids([id.pointID]), keys: [try PayloadPath("source")]),
            ])
        #expect(
            try store.check()
                == report {
                    $0.payloadMismatches = [.init(id: id, keys: ["source", "title"])]
                })
        // Any change of the row restores the mirror.
        try store.updateTrend(id)
        #expect(try store.check().isConsistent)
        #expect(try store.trendEmbedding(id) == axis(2))
    }

    @Test func anotherOrderOfKeysIsNoDifference() throws {
        let id = trends[0].id
        let fields = try #require(try store.payload(id, in: "trends"))
        let reversed = JSONObject(uniqueKeysWithValues: fields.reversed().map { ($0.key, $0.value) })
        try damage([.overwritePayload(.ids([id.pointID]), payload: .object(reversed), key: nil)])
        #expect(try store.check().isConsistent)
    }

    @Test func pointsWithoutVector() throws {
        let id = trends[3].id
        try damage([.deleteVectors(.ids([id.pointID]), names: [""])])
        #expect(try store.check() == report { $0.pointsWithoutVector = [id] })
        #expect(try store.trendEmbedding(id) == nil)
        try store.updateTrend(id, embedding: axis(3))
        #expect(try store.check().isConsistent)
    }

    @Test func aVectorThatDoesNotCount() throws {
        let trend = try store.createTrend(Trend(title: "bare", source: .vk))
        try damage([.upsert([PointStruct(id: trend.id.pointID, vectors: ["": .dense(axis(5))])])])
        let report = try store.check().trends
        #expect(report.uncountedVectors == [trend.id] && report.payloadMismatches.map(\.id) == [trend.id])
        _ = try store.repair()
        #expect(try store.check().isConsistent)
        #expect(try store.trend(trend.id)?.embeddingStatus == .current)
    }

    /// Only a program without the store can drop it. The rows then are what is left, in need of embeddings.
    @Test func aDroppedCollection() throws {
        try storage.behindItsBack { _ = try $0.deleteCollection("trends") }
        #expect(try store.check().isConsistent)
        #expect(try store.allTrends().map(\.embeddingStatus) == Array(repeating: .missing, count: 4))
        #expect(try store.allIdeas().allSatisfy { $0.embeddingStatus == .current })
        // Rows can go, and new ones come.
        try store.deleteTrend(trends[0].id)
        try store.createTrend(Trend(title: "new", source: .vk), embedding: axis(0))
        #expect(try store.check().isConsistent)
    }
}
