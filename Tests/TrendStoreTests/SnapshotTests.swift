import Foundation
import SearchEngine
import TestSupport
import Testing
import TrendStore

/// Snapshots of the store's collections, which carry the rows.
@Suite struct RowSnapshotTests {
    private func vector(_ seed: Int) -> [Float] { (0..<768).map { Foundation.sin(Float($0 * seed + seed)) } }

    /// Some trends with ideas; every second one has a vector.
    private func fill(_ storage: Storage, _ count: Int = 6) throws -> [Trend] {
        try (0..<count).map { place in
            let trend = try storage.store.createTrend(
                Trend(
                    title: "Trend \(place)", description: "„Ü\n\u{1F525}\"", url: "https://a.org/\(place)", source: .vk,
                    category: place == 0 ? nil : "c", tags: ["a", "b\(place)"], engagementScore: 0.1 + Double(place),
                    metadata: ["n": 1.5, "l": [1, nil, true]]),
                embedding: place % 2 == 0 ? vector(place + 1) : nil)
            try storage.store.observe(
                Observation(observedAt: trend.discoveredAt.adding(seconds: 7_200), engagementScore: 5, source: .reddit),
                of: trend.id)
            try storage.store.createIdea(
                Idea(trendID: trend.id, title: "Idea \(place)", scores: someScores),
                embedding: vector(place + 50))
            return trend
        }
    }

    private func snapshot(_ storage: Storage, _ collection: String) throws -> String {
        let name = try storage.engine.createSnapshot(collection).name
        return try storage.engine.snapshotPath(collection, name: name)
    }

    private func state(_ store: TrendStore) throws -> [String] {
        try store.listTrends(limit: 1_000).rows.map { "\($0) \(try store.trendEmbedding($0.id)?.first ?? 0)" }
            + store.listIdeas(limit: 1_000).rows.map { "\($0) \(try store.ideaEmbedding($0.id)?.first ?? 0)" }
            + store.listTrends(limit: 1_000).rows.flatMap { try store.observations(of: $0.id).map { "\($0)" } }
    }

    @Test func rowsAndPointsComeBackTogether() throws {
        let storage = try Storage()
        let trends = try fill(storage)
        let before = try state(storage.store)
        let (ofTrends, ofIdeas) = (try snapshot(storage, "trends"), try snapshot(storage, "ideas"))
        try storage.store.deleteTrend(trends[0].id)
        try storage.store.updateTrend(trends[1].id, embedding: vector(9)) { $0.title = "Other" }
        _ = try storage.store.createTrend(Trend(title: "New", source: .vk), embedding: vector(10))
        let kept = try storage.store.createIdea(
            Idea(
                trendID: try storage.store.createTrend(Trend(title: "Late", source: .vk)).id, title: "Late",
                scores: someScores),
            embedding: vector(11))
        try storage.engine.recoverSnapshot("trends", file: ofTrends, checksum: nil)
        #expect(try storage.store.idea(kept.id) == nil)
        #expect(try storage.engine.retrieve("ideas", ids: [kept.id.pointID], payload: .none, vectors: .none).isEmpty)
        try storage.engine.recoverSnapshot("ideas", file: ofIdeas, checksum: nil)
        #expect(try state(storage.store) == before)
        #expect(try storage.store.check().isConsistent)
        #expect(try storage.store.countTrends() == 6 && storage.store.trendStatistics().total == 6)
        try storage.reopen()
        #expect(try state(storage.store) == before)
        // The store still keeps its collections.
        #expect(throws: EngineError.self) { try storage.engine.deleteCollection("trends") }
        try storage.store.updateTrend(trends[0].id) { $0.title = "Again" }
        #expect(try storage.store.check().isConsistent)
    }

    @Test func intoAnEmptyStorage() throws {
        let source = try Storage()
        _ = try fill(source)
        let (ofTrends, ofIdeas) = (try snapshot(source, "trends"), try snapshot(source, "ideas"))
        let target = try Storage()
        // Ideas need their trends.
        #expect(throws: EngineError.self) { try target.engine.recoverSnapshot("ideas", file: ofIdeas, checksum: nil) }
        #expect(try target.store.countIdeas() == 0)
        try target.engine.recoverSnapshot("trends", file: ofTrends, checksum: nil)
        try target.engine.recoverSnapshot("ideas", file: ofIdeas, checksum: nil)
        #expect(try state(target.store) == state(source.store))
        #expect(try target.store.check().isConsistent)
    }

    /// The points alone, under another name.
    @Test func underAnotherName() throws {
        let storage = try Storage()
        _ = try fill(storage)
        try storage.engine.recoverSnapshot("copy", file: snapshot(storage, "trends"), checksum: nil)
        #expect(try storage.engine.count("copy", filter: nil, exact: true) == 3)
        #expect(try storage.store.countTrends() == 6)
        // An archive of points alone would lose the rows.
        let path = try snapshot(storage, "copy")
        #expect(throws: EngineError.self) { try storage.engine.recoverSnapshot("trends", file: path, checksum: nil) }
        // Rows of one collection are none of the other's.
        let ideas = try snapshot(storage, "ideas")
        #expect(throws: EngineError.self) { try storage.engine.recoverSnapshot("trends", file: ideas, checksum: nil) }
        #expect(try storage.store.check().isConsistent)
    }

    /// Many rows are read in parts.
    @Test func manyRows() throws {
        let storage = try Storage()
        for _ in 0..<3 {
            try storage.store.write { transaction in
                for _ in 0..<500 {
                    try transaction.createTrend(Trend(title: String(repeating: "x", count: 400), source: .vk))
                }
            }
        }
        let path = try snapshot(storage, "trends")
        try storage.store.reset()
        try storage.engine.recoverSnapshot("trends", file: path, checksum: nil)
        #expect(try storage.store.countTrends() == 1_500 && storage.store.check().isConsistent)
    }
}
