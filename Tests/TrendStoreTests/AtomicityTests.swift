import Foundation
import GRDB
import SearchEngine
import TestSupport
import Testing
import TrendStore

@Suite struct AtomicityTests {
    private struct Stop: Error {}

    private func expectEmpty(_ storage: Storage) throws {
        #expect(try storage.store.countTrends() == 0 && storage.store.countIdeas() == 0)
        for name in storage.engine.collectionNames() {
            #expect(try storage.engine.count(name, filter: nil, exact: true) == 0)
        }
        #expect(try storage.store.check().isConsistent)
    }

    @Test func aTransactionThatThrowsLeavesNothing() throws {
        let storage = try Storage()
        #expect(throws: Stop.self) {
            try storage.store.write { transaction in
                let trend = try transaction.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
                try transaction.createIdea(Idea(trendID: trend.id, title: "I", scores: someScores), embedding: axis(1))
                throw Stop()
            }
        }
        try expectEmpty(storage)
        try storage.reopen()
        try expectEmpty(storage)
    }

    @Test func aTransactionThatThrowsChangesNothing() throws {
        let storage = try Storage()
        let store = storage.store
        let trend = try store.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
        let idea = try store.createIdea(Idea(trendID: trend.id, title: "I", scores: someScores), embedding: axis(1))
        var seen: [String?] = []
        #expect(throws: Stop.self) {
            try store.write { transaction in
                try transaction.updateIdea(idea.id, embedding: axis(2)) { $0.title = "changed" }
                try transaction.updateTrend(trend.id) { $0.title = "changed" }
                seen.append(try transaction.trend(trend.id)?.title)
                try transaction.deleteTrend(trend.id)
                seen.append(try transaction.idea(idea.id)?.title)
                throw Stop()
            }
        }
        #expect(seen == ["changed", nil])
        for _ in 0..<2 {
            #expect(try storage.store.trend(trend.id) == trend && storage.store.idea(idea.id) == idea)
            #expect(try storage.store.ideaEmbedding(idea.id) == axis(1))
            #expect(try storage.store.check().isConsistent)
            try storage.reopen()
        }
    }

    /// A refused change leaves the transaction as it was, and it may go on.
    @Test func aRefusalCanBeCaught() throws {
        let storage = try Storage()
        let trend = try storage.store.write { transaction in
            let trend = try transaction.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
            #expect(throws: TrendStoreError.self) { try transaction.createTrend(trend, embedding: axis(1)) }
            #expect(throws: TrendStoreError.self) { try transaction.updateTrend(trend.id) { $0.title = "" } }
            #expect(throws: TrendStoreError.self) { try transaction.updateTrend(trend.id, embedding: [1]) }
            #expect(throws: Stop.self) { try transaction.updateTrend(trend.id) { _ in throw Stop() } }
            return trend
        }
        #expect(try storage.store.trend(trend.id) == trend)
        #expect(try storage.store.trendEmbedding(trend.id) == axis(0))
        #expect(try storage.store.check().isConsistent)
    }

    /// A change that the database stops half-way takes the transaction with it, also when its error is caught.
    @Test func aFailureCannotBeCaught() throws {
        let storage = try Storage()
        try storage.engine.write {
            try $0.database.execute(
                sql: """
                    CREATE TRIGGER refuse BEFORE INSERT ON ideas WHEN new.title = 'refused'
                    BEGIN SELECT RAISE(ABORT, 'refused'); END
                    """)
        }
        var caught = 0
        #expect(throws: EngineError.self) {
            try storage.store.write { transaction in
                let trend = try transaction.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
                let idea = Idea(trendID: trend.id, title: "refused", scores: someScores)
                do { try transaction.createIdea(idea, embedding: axis(0)) } catch { caught += 1 }
                do { try transaction.deleteTrend(trend.id) } catch { caught += 1 }
            }
        }
        #expect(caught == 2)
        try expectEmpty(storage)
    }

    @Test func aTransactionEndsWithItsBody() throws {
        let storage = try Storage()
        var kept: TrendTransaction?
        try storage.store.write { kept = $0 }
        #expect(throws: EngineError.self) { try kept?.createTrend(Trend(title: "T", source: .vk), embedding: axis(0)) }
        #expect(throws: EngineError.self) { try kept?.trend(UUID()) }
    }

    /// Many writers and readers at once: nothing is lost, nothing half done is seen.
    @Test func concurrentWriters() throws {
        let storage = try Storage()
        let store = storage.store
        let shared = try store.createTrend(Trend(title: "0", source: .vk), embedding: axis(0))
        onThreads(12) { worker in
            do {
                for round in 0..<10 {
                    if worker < 9 {
                        // A read-modify-write in the transaction loses no increment.
                        try store.updateTrend(shared.id) { $0.title = String(Int($0.title)! + 1) }
                        let trend = Trend(title: "\(worker)", source: .vk, tags: ["w\(worker)"])
                        try store.write { transaction in
                            try transaction.createTrend(trend, embedding: axis(worker + 1))
                            for _ in 0..<2 {
                                try transaction.createIdea(
                                    Idea(trendID: trend.id, title: "\(worker)", scores: someScores),
                                    embedding: axis(worker + 1))
                            }
                        }
                        if round % 3 == 0 { try store.deleteTrend(trend.id) }
                    } else if worker == 9 {
                        let report = try store.check()
                        #expect(report.isConsistent, "\(report)")
                    } else {
                        for row in try store.searchTrends(.embedding(axis(1)), limit: 50) {
                            #expect(row.row.id == shared.id || row.row.tags == ["w\(row.row.title)"])
                        }
                        let ideas = try store.allIdeas()
                        #expect(Set(ideas.map(\.id)).count == ideas.count)
                    }
                }
            } catch {
                Issue.record(error)
            }
        }
        #expect(try store.trend(shared.id)?.title == "90")
        #expect(try store.countTrends() == 1 + 9 * 6)
        #expect(try store.countIdeas() == 9 * 6 * 2)
        #expect(try store.check().isConsistent)
    }
}
