import Foundation
import JSON
import SearchEngine
import Testing
import TrendStore

@Suite struct RowTests {
    static let full = Trend(
        title: "Покупки без упаковки 🛒", description: "Shops that sell by weight", url: "https://vk.com/тест?q=%20#x",
        source: .vk, category: "retail", tags: ["zero waste", "grocery", "grocery"], engagementScore: 812.5,
        velocity: -0.0, discoveredAt: moment(123_456), metadata: ["likes": 17, "nested": ["a": [1, 2.5, nil]]])

    @Test func aTrendIsStoredAsGiven() throws {
        let storage = try Storage()
        let created = try storage.store.createTrend(Self.full, embedding: axis(3))
        var expected = Self.full
        expected.tags = ["zero waste", "grocery"]
        #expect(created.stage == .new && created.embeddingStatus == .current)
        #expect(created.asGiven == expected)
        #expect(try storage.store.trend(created.id) == created)
        #expect(try storage.store.trendEmbedding(created.id) == axis(3))
        let payload: JSONObject = [
            "title": .string(expected.title), "source": "vk", "category": "retail", "tags": ["zero waste", "grocery"],
            "engagement_score": 812.5, "velocity": 0.0, "discovered_at": "2026-01-01T00:00:00.123456Z",
            "url": "https://vk.com/тест?q=%20#x", "stage": "new",
        ]
        let stored = try #require(try storage.store.payload(created.id, in: "trends"))
        #expect(Dictionary(uniqueKeysWithValues: Array(stored)) == Dictionary(uniqueKeysWithValues: Array(payload)))
        try storage.reopen()
        #expect(try storage.store.trend(created.id) == created)
        #expect(try storage.store.trendEmbedding(created.id) == axis(3))
        #expect(try storage.store.check().isConsistent)
    }

    @Test func absentFieldsHaveNoPayloadKey() throws {
        let storage = try Storage()
        let trend = try storage.store.createTrend(Trend(title: "T", source: .reddit), embedding: axis(0))
        #expect(try storage.store.trend(trend.id)?.url == nil)
        let keys = try #require(try storage.store.payload(trend.id, in: "trends")).keys
        #expect(!keys.contains("category") && !keys.contains("url") && keys.contains("tags"))
    }

    @Test func anIdeaIsStoredAsGiven() throws {
        let storage = try Storage()
        let trend = try storage.store.createTrend(Self.full, embedding: axis(0))
        let idea = Idea(
            trendID: trend.id, title: "Refill vans", description: nil, scores: someScores, analysis: ["risk": "low"],
            analyzedAt: moment(0), status: .inDevelopment)
        try storage.store.createIdea(idea, embedding: axis(5))
        #expect(try storage.store.idea(idea.id)?.asGiven == idea)
        #expect(try storage.store.ideaEmbedding(idea.id) == axis(5))
        let payload = try #require(try storage.store.payload(idea.id, in: "ideas"))
        #expect(payload["total_score"] == 56)  // 341 / 6
        #expect(payload["status"] == "in_development")
        #expect(payload["trend_id"] == .string(trend.id.uuidString.lowercased()))
        #expect(payload["analyzed_at"] == "2026-01-01T00:00:00Z")
        for score in IdeaScore.allCases { #expect(payload[score.rawValue]?.integerValue == Int64(someScores[score])) }
    }

    @Test func aChangeWithoutEmbeddingKeepsTheVector() throws {
        let storage = try Storage()
        let trend = try storage.store.createTrend(Self.full, embedding: axis(7))
        let changed = try storage.store.updateTrend(trend.id) {
            $0.title = "New"
            $0.category = nil
            $0.source = .youtube
        }
        #expect(try storage.store.trend(trend.id) == changed)
        #expect(changed.title == "New" && changed.category == nil && changed.tags == trend.tags)
        #expect(try storage.store.trendEmbedding(trend.id) == axis(7))
        #expect(try storage.store.payload(trend.id, in: "trends")?["source"] == "youtube")
        #expect(try storage.store.payload(trend.id, in: "trends")?["category"] == nil)
        try storage.store.updateTrend(trend.id, embedding: axis(8))
        #expect(try storage.store.trendEmbedding(trend.id) == axis(8))
        #expect(changed.embeddingStatus == .stale)
        #expect(try storage.store.trend(trend.id)?.embeddingStatus == .current)
        #expect(try storage.store.trend(trend.id)?.asGiven == changed.asGiven)
        #expect(try storage.store.check().isConsistent)
    }

    @Test func aDeletedTrendTakesItsIdeasAndAllPointsAlong() throws {
        let storage = try Storage()
        let store = storage.store
        let trends = try (0..<2).map { index in
            try store.createTrend(Trend(title: "T\(index)", source: .telegram), embedding: axis(index))
        }
        let ideas = try (0..<6).map { index in
            try store.createIdea(
                Idea(trendID: trends[index % 2].id, title: "I\(index)", scores: someScores), embedding: axis(index))
        }
        #expect(try store.deleteTrend(trends[0].id))
        #expect(try store.deleteTrend(trends[0].id) == false)
        #expect(try store.allTrends().map(\.id) == [trends[1].id])
        #expect(Set(try store.allIdeas().map(\.id)) == Set([1, 3, 5].map { ideas[$0].id }))
        #expect(try storage.engine.count("trends", filter: nil, exact: true) == 1)
        #expect(try storage.engine.count("ideas", filter: nil, exact: true) == 3)
        #expect(try store.deleteIdea(ideas[1].id))
        #expect(try store.deleteIdea(ideas[1].id) == false)
        #expect(try store.ideaEmbedding(ideas[1].id) == nil)
        #expect(try store.check().isConsistent)
    }

    @Test func whatIsMissingOrTakenIsRefused() throws {
        let storage = try Storage()
        let store = storage.store
        let nobody = UUID()
        #expect(throws: TrendStoreError.notFound(table: "trends", id: nobody)) {
            try store.updateTrend(nobody) { $0.title = "x" }
        }
        #expect(throws: TrendStoreError.notFound(table: "trends", id: nobody)) {
            try store.createIdea(Idea(trendID: nobody, title: "I", scores: someScores), embedding: axis(0))
        }
        let trend = try store.createTrend(Self.full, embedding: axis(0))
        #expect(throws: TrendStoreError.self) { try store.createTrend(trend, embedding: axis(1)) }
        #expect(try store.trendEmbedding(trend.id) == axis(0))
        let idea = try store.createIdea(Idea(trendID: trend.id, title: "I", scores: someScores), embedding: axis(0))
        #expect(throws: TrendStoreError.notFound(table: "trends", id: nobody)) {
            try store.updateIdea(idea.id) { $0.trendID = nobody }
        }
        #expect(throws: TrendStoreError.invalid([FieldProblem(field: "id", reason: "can't be changed")])) {
            try store.updateIdea(idea.id) { $0 = Idea(trendID: $0.trendID, title: "I", scores: someScores) }
        }
        #expect(try store.idea(nobody) == nil)
        #expect(try store.check().isConsistent)
    }

    @Test func anIdeaCanMoveToAnotherTrend() throws {
        let storage = try Storage()
        let store = storage.store
        let first = try store.createTrend(Trend(title: "1", source: .vk), embedding: axis(0))
        let second = try store.createTrend(Trend(title: "2", source: .vk), embedding: axis(0))
        let idea = try store.createIdea(Idea(trendID: first.id, title: "I", scores: someScores), embedding: axis(0))
        try store.updateIdea(idea.id) { $0.trendID = second.id }
        try store.deleteTrend(first.id)
        #expect(try store.idea(idea.id)?.trendID == second.id)
        try store.deleteTrend(second.id)
        #expect(try store.idea(idea.id) == nil)
        #expect(try store.check().isConsistent)
    }

    @Test func collectionsAreMadeOnFirstUseWithTheirSettings() throws {
        let storage = try Storage()
        #expect(storage.engine.collectionNames().isEmpty)
        #expect(try storage.store.searchTrends(.embedding(axis(0))).isEmpty)
        #expect(storage.engine.collectionNames().isEmpty)
        try storage.store.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
        #expect(storage.engine.collectionNames() == ["ideas", "trends"])
        for name in ["ideas", "trends"] {
            let configuration = try storage.engine.collectionInfo(name).configuration
            #expect(configuration.vectors == ["": VectorParameters(size: 768, distance: .cosine)])
            #expect(configuration.quantization == .scalar(ScalarQuantizationConfiguration(quantile: 0.99)))
        }
    }

    @Test func anUnfitCollectionIsRefused() throws {
        let storage = try Storage()
        try storage.engine.createCollection(
            "ideas", CollectionConfiguration(vectors: ["": VectorParameters(size: 4, distance: .cosine)]))
        #expect(throws: TrendStoreError.self) {
            try storage.store.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
        }
        #expect(try storage.store.allTrends().isEmpty)
    }
}
