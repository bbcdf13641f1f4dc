import Foundation
import SearchEngine
import TestSupport
import Testing
import TrendStore

@Suite struct SearchTests {
    /// Ranks, scores, pages and thresholds against plain arithmetic.
    @Test func nearestTrends() throws {
        var generator = SeededGenerator("nearestTrends")
        let storage = try Storage()
        let store = storage.store
        var embeddings: [UUID: [Float]] = [:]
        let trends = try store.write { transaction in
            try (0..<200).map { _ in
                let trend = randomTrend(&generator)
                let embedding = generator.vector(768)
                embeddings[trend.id] = embedding
                return try transaction.createTrend(trend, embedding: embedding)
            }
        }
        var exact = SearchParameters()
        exact.exact = true
        for round in 0..<20 {
            let query = generator.vector(768)
            let filter = round % 2 == 0 ? TrendFilter() : randomTrendFilter(&generator)
            let ranked = trends.filter { matches($0, filter) }
                .map { (trend: $0, score: similarity(query, embeddings[$0.id]!)) }.sorted { $0.score > $1.score }
            let found = try store.searchTrends(.embedding(query), filter: filter, limit: 10, parameters: exact)
            #expect(found.count == min(10, ranked.count))
            #expect(found.map(\.row) == ranked.prefix(10).map(\.trend))
            #expect(zip(found, ranked).allSatisfy { abs($0.score - $1.score) < 1e-5 })
            let second = try store.searchTrends(
                .embedding(query), filter: filter, limit: 10, offset: 10, parameters: exact)
            #expect(second.map(\.row) == ranked.dropFirst(10).prefix(10).map(\.trend))
            if ranked.count > 5 {
                let threshold = (ranked[4].score + ranked[5].score) / 2
                let above = try store.searchTrends(
                    .embedding(query), filter: filter, limit: 10, scoreThreshold: threshold, parameters: exact)
                #expect(above.map(\.row) == ranked.prefix(5).map(\.trend))
            }
            let usual = try store.searchTrends(.embedding(query), filter: filter, limit: 10)
            #expect(usual.count == min(10, ranked.count) && usual.first?.row == ranked.first?.trend)
        }
    }

    @Test func whatIsLikeARowLeavesItOut() throws {
        let storage = try Storage()
        let store = storage.store
        let trend = try store.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
        var near = axis(0)
        near[1] = 0.5
        let ideas = try [axis(0), near, axis(1)].map {
            try store.createIdea(Idea(trendID: trend.id, title: "I", scores: someScores), embedding: $0)
        }
        #expect(try store.searchIdeas(.like(ideas[0].id)).map(\.row.id) == [ideas[1].id, ideas[2].id])
        #expect(try store.searchTrends(.like(trend.id)).isEmpty)
    }

    /// A search returns as many rows as match, also if nearer points have none.
    @Test func pointsWithoutRowsAreLookedPast() throws {
        let storage = try Storage()
        let store = storage.store
        let trend = try store.createTrend(
            Trend(title: "far", source: .vk), embedding: (0..<768).map { $0 == 0 || $0 == 1 ? 1 : 0 })
        let foreign = (0..<300).map { index in
            PointStruct(
                id: index % 2 == 0 ? .number(UInt64(index)) : UUID().pointID, vectors: ["": .dense(axis(0))],
                payload: Payload(["title": "not ours", "source": "vk"]))
        }
        _ = try storage.engine.updateBlocking("trends", [.upsert(foreign)])
        #expect(try store.searchTrends(.embedding(axis(0)), limit: 1).map(\.row) == [trend])
        #expect(
            try store.searchTrends(.embedding(axis(0)), filter: TrendFilter(sources: [.vk]), limit: 5).map(\.row)
                == [trend])
        #expect(try store.searchTrends(.embedding(axis(0)), limit: 5, offset: 1).isEmpty)
    }

    /// The very next search finds a change, by its vector and by its fields.
    @Test func searchesSeeChangesAtOnce() throws {
        let storage = try Storage()
        let store = storage.store
        let trend = try store.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
        for round in 1...20 {
            let source = TrendSource.allCases[round % TrendSource.allCases.count]
            try store.updateTrend(trend.id, embedding: axis(round)) { $0.source = source }
            let found = try store.searchTrends(.embedding(axis(round)), filter: TrendFilter(sources: [source]))
            #expect(found.map(\.row.source) == [source])
            #expect(abs(found[0].score - 1) < 1e-5)
            let others = Set(TrendSource.allCases).subtracting([source])
            #expect(try store.searchTrends(.embedding(axis(round)), filter: TrendFilter(sources: others)).isEmpty)
        }
        try store.deleteTrend(trend.id)
        #expect(try store.searchTrends(.embedding(axis(0))).isEmpty)
    }
}
