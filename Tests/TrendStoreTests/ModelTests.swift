import Foundation
import SearchEngine
import TestSupport
import Testing
import TrendStore

/// Random operations on the store and on dictionaries, with restarts; they must agree throughout.
@Suite struct ModelTests {
    private struct Stop: Error {}

    private struct Model {
        var trends: [UUID: (row: Trend, embedding: [Float]?)] = [:]
        var ideas: [UUID: (row: Idea, embedding: [Float]?)] = [:]

        mutating func deleteTrend(_ id: UUID) {
            trends[id] = nil
            ideas = ideas.filter { $0.value.row.trendID != id }
        }
    }

    @Test func randomOperations() throws {
        var generator = SeededGenerator("randomOperations")
        let storage = try Storage()
        var model = Model()
        for round in 0..<400 {
            if Int.random(in: 0..<40, using: &generator) == 0 { try storage.reopen() }
            // Some transactions hold several changes, and some of those are taken back.
            let changes = Int.random(in: 1...4, using: &generator)
            let fails = Int.random(in: 0..<8, using: &generator) == 0
            var next = model
            var random = generator
            do {
                try storage.store.write { transaction in
                    for _ in 0..<changes { try Self.change(transaction, &next, &random) }
                    if fails { throw Stop() }
                }
                model = next
            } catch is Stop {}
            generator = random
            if round % 4 == 0, storage.engine.collectionExists("trends") {
                try Self.changePoints(storage.engine, &model, &generator)
            }
            if round % 10 == 0 { try compare(storage.store, model, &generator) }
        }
        try storage.reopen()
        try compare(storage.store, model, &generator)
    }

    private static func change(
        _ transaction: TrendTransaction, _ model: inout Model, _ generator: inout SeededGenerator
    ) throws {
        let trend = model.trends.keys.sorted { $0.uuidString < $1.uuidString }.randomElement(using: &generator)
        let idea = model.ideas.keys.sorted { $0.uuidString < $1.uuidString }.randomElement(using: &generator)
        let embedding: [Float]? = Int.random(in: 0..<4, using: &generator) == 0 ? nil : generator.vector(768)
        switch (Int.random(in: 0..<12, using: &generator), trend, idea) {
        case (0...2, _, _):
            let row = randomTrend(&generator)
            model.trends[row.id] = (try transaction.createTrend(row, embedding: embedding), embedding)
        case (3...4, let trend?, _):
            let row = randomIdea(of: trend, &generator)
            model.ideas[row.id] = (try transaction.createIdea(row, embedding: embedding), embedding)
        case (5, let trend?, _):
            let other = randomTrend(&generator)
            let row = try transaction.updateTrend(trend) {
                $0.title = other.title
                $0.tags = other.tags
                $0.engagementScore = other.engagementScore
            }
            model.trends[trend]?.row = row
        case (6, let trend?, _):
            let row = try transaction.updateTrend(trend, embedding: embedding) { $0.description = "again" }
            model.trends[trend] = (row, embedding ?? model.trends[trend]?.embedding)
        case (7, _, let idea?):
            let row = try transaction.updateIdea(idea, embedding: embedding) { $0.scores.demand = 1 }
            model.ideas[idea] = (row, embedding ?? model.ideas[idea]?.embedding)
        case (8, let trend?, _):
            #expect(try transaction.deleteTrend(trend))
            model.deleteTrend(trend)
        case (9, _, let idea?):
            #expect(try transaction.deleteIdea(idea))
            model.ideas[idea] = nil
        case (10, let trend?, _):
            let seen = Observation(
                observedAt: moment(.random(in: 0..<1_000_000_000_000, using: &generator)),
                engagementScore: .random(in: 0..<1_000, using: &generator), source: .vk)
            model.trends[trend]?.row = try transaction.observe(seen, of: trend)
        default: break
        }
    }

    /// What a client of Qdrant's API does to points of trends.
    private static func changePoints(
        _ engine: Engine, _ model: inout Model, _ generator: inout SeededGenerator
    ) throws {
        guard
            let trend = model.trends.keys.sorted(by: { $0.uuidString < $1.uuidString }).randomElement(using: &generator)
        else { return }
        let operation: UpdateOperation
        switch Int.random(in: 0..<3, using: &generator) {
        case 0:
            let embedding = generator.vector(768)
            operation = .upsert([PointStruct(id: trend.pointID, vectors: ["": .dense(embedding)])])
            model.trends[trend]?.embedding = embedding
        case 1:
            operation = .delete(.ids([trend.pointID]))
            model.trends[trend]?.embedding = nil
        default:
            guard model.trends[trend]?.embedding != nil else { return }
            operation = .setPayload(.ids([trend.pointID]), payload: ["title": "not mine"], key: nil)
        }
        _ = try engine.updateBlocking("trends", [operation])
    }

    private func compare(_ store: TrendStore, _ model: Model, _ generator: inout SeededGenerator) throws {
        #expect(try Set(store.allTrends().map(\.asGiven)) == Set(model.trends.values.map(\.row.asGiven)))
        #expect(try Set(store.allIdeas().map(\.asGiven)) == Set(model.ideas.values.map(\.row.asGiven)))
        for trend in try store.allTrends() {
            #expect((trend.embeddingStatus == .missing) == (model.trends[trend.id]?.embedding == nil))
        }
        for (id, entry) in model.trends {
            let stored = try store.trendEmbedding(id)
            #expect(entry.embedding.map { isClose(stored, $0) } ?? (stored == nil))
        }
        for (id, entry) in model.ideas {
            let stored = try store.ideaEmbedding(id)
            #expect(entry.embedding.map { isClose(stored, $0) } ?? (stored == nil))
        }
        let report = try store.check()
        #expect(report.isConsistent, "\(report)")
        let query = generator.vector(768)
        let embedded = model.trends.values.compactMap { entry in entry.embedding.map { (entry.row.id, $0) } }
        let best = embedded.max { similarity(query, $0.1) < similarity(query, $1.1) }
        let found = try store.searchTrends(.embedding(query), limit: 10)
        #expect(found.count == min(10, embedded.count) && found.first?.row.id == best?.0)
    }
}
