import Foundation
import JSON
import SearchEngine
import Synchronization
import TestSupport
import Testing
import TrendStore

/// The log of what happened.
@Suite struct EventTests {
    private func all(_ storage: Storage, after: Int64 = 0, _ filter: EventFilter = EventFilter()) throws -> [Event] {
        var events: [Event] = []
        var place = after
        while true {
            let part = try storage.store.events.read(after: place, filter, limit: 7)
            events += part.events
            place = part.upTo
            if part.isEnd { return events }
        }
    }

    @Test func eachChangeIsTold() throws {
        let storage = try Storage()
        let store = storage.store
        let trend = try store.createTrend(Trend(title: "T", source: .vk))
        let idea = try store.createIdea(
            Idea(
                trendID: trend.id, title: "I",
                scores: IdeaScores(
                    marketSize: 60, competition: 0, demand: 0, monetization: 0, feasibility: 0, timeToMarket: 0)))
        try store.updateTrend(trend.id) { $0.title = "U" }
        try store.updateTrend(trend.id) { $0.engagementScore = 5 }
        // Nothing that anybody is told of.
        try store.updateTrend(trend.id) { _ in }
        try store.embedTrends([(trend.id, [1] + Array(repeating: 0, count: 767))])
        try store.updateIdea(idea.id) { $0.status = .approved }
        let business = try store.writeRows { try $0.createBusiness(Business(ideaID: idea.id, name: "B")) }
        _ = try store.writeRows { try $0.updateBusiness(business.id) { $0.status = .launched } }
        let job = try store.writeRows { try $0.enqueue(Job(type: "scout")).job }
        try store.deleteTrend(trend.id)
        try store.deleteBusiness(business.id)
        let events = try all(storage)
        #expect(
            events.map(\.type) == [
                .trendCreated, .ideaAnalyzed, .trendUpdated, .trendUpdated, .ideaUpdated, .businessCreated,
                .businessUpdated,
                .agentStatusUpdate, .businessUpdated, .ideaDeleted, .trendDeleted, .businessDeleted,
            ])
        #expect(events.map(\.sequence) == Array(1...12))
        #expect(events[0].subject == trend.id && events[0].data["title"] == "T" && events[2].data["title"] == "U")
        #expect(
            events[1].data["total_score"] == 10 && events[7].data["job_id"] == .string(job.id.uuidString.lowercased()))
        // From memory and from the database, the same.
        try storage.reopen()
        #expect(try all(storage) == events)
        #expect(try all(storage, after: 5) == Array(events[5...]))
        let filter = EventFilter(types: [.trendUpdated, .ideaDeleted], subjects: [trend.id])
        #expect(try all(storage, filter).map(\.sequence) == [3, 4])
    }

    @Test func whatIsRolledBackIsNotTold() throws {
        let storage = try Storage()
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try storage.store.write { transaction in
                try transaction.createTrend(Trend(title: "T", source: .vk))
                throw Stop()
            }
        }
        #expect(storage.store.events.last == 0)
        #expect(try all(storage).isEmpty)
    }

    /// Whoever follows the log while others write sees each event once, in order, whether it reads from memory or not.
    @Test func followersSeeEachEventOnce() throws {
        let storage = try Storage()
        let store = storage.store
        let (writers, each) = (4, 150)
        let woken = Atomic(0)
        let subscription = store.events.subscribe { woken.add(1, ordering: .relaxed) }
        nonisolated(unsafe) var seen: [[Event]] = [[], [], []]
        DispatchQueue.concurrentPerform(iterations: writers + 3) { place in
            if place < writers {
                for number in 0..<each { _ = try? store.createTrend(Trend(title: "\(place).\(number)", source: .vk)) }
                return
            }
            var events: [Event] = []
            var upTo: Int64 = 0
            while events.count < writers * each {
                guard let part = try? store.events.read(after: upTo, limit: place == writers ? 1 : 50) else { break }
                events += part.events
                upTo = part.upTo
            }
            seen[place - writers] = events
        }
        for events in seen { #expect(events.map(\.sequence) == Array(1...Int64(writers * each))) }
        #expect(woken.load(ordering: .relaxed) > 0)
        store.events.end(subscription)
        let before = woken.load(ordering: .relaxed)
        try store.createTrend(Trend(title: "last", source: .vk))
        #expect(woken.load(ordering: .relaxed) == before)
    }

    /// More than stay in memory are read from the database.
    @Test func longLogs() throws {
        let storage = try Storage()
        let count = 6_000
        try storage.store.write { transaction in
            for number in 0..<count { try transaction.createTrend(Trend(title: "\(number)", source: .vk)) }
        }
        var place: Int64 = 0
        var sequences: [Int64] = []
        #expect(storage.store.events.recent(after: 0, EventFilter(), limit: 10) == nil)
        while true {
            let part = try storage.store.events.read(after: place, limit: 1_000)
            sequences += part.events.map(\.sequence)
            place = part.upTo
            if part.isEnd { break }
        }
        #expect(sequences == Array(1...Int64(count)))
        #expect(storage.store.events.recent(after: Int64(count) - 10, EventFilter(), limit: 100)?.events.count == 10)
    }

    @Test func placesThatAreGoneOrNeverWere() throws {
        let storage = try Storage()
        let store = storage.store
        for number in 0..<20 { try store.createTrend(Trend(title: "\(number)", source: .vk)) }
        #expect(throws: TrendStoreError.self) { try store.events.read(after: 21, limit: 1) }
        try store.engine.write { try $0.database.execute(sql: "DELETE FROM events WHERE sequence <= 8") }
        for round in 0..<2 {
            if round == 0 { store.events.forget(upTo: 8) } else { try storage.reopen() }
            let events = storage.store.events
            for place in [Int64.min, -1, 0, 7] {
                #expect(throws: TrendStoreError.self) { try events.read(after: place, limit: 100) }
                #expect(events.recent(after: place, EventFilter(), limit: 100)?.events.first?.sequence != 9)
            }
            #expect(try events.read(after: 8, limit: 100).events.map(\.sequence) == Array(9...20))
        }
        // All of it.
        try storage.engine.write { try $0.database.execute(sql: "DELETE FROM events") }
        try storage.reopen()
        #expect(try storage.store.events.read(after: 20, limit: 1).events.isEmpty)
        #expect(throws: TrendStoreError.self) { try storage.store.events.read(after: 19, limit: 1) }
        try storage.store.createTrend(Trend(title: "next", source: .vk))
        #expect(try storage.store.events.read(after: 20, limit: 9).events.map(\.sequence) == [21])
    }
}

@Suite struct BusinessTests {
    private static let start = Timestamp("2026-05-01T12:00:00Z")!

    @Test(
        arguments: [
            ("0", 0), ("1250", 125_000), ("1250.5", 125_050), ("-3.05", -305), ("9999999999.99", 999_999_999_999),
            ("0.10", 10),
            ("1.500", 150), ("-0", 0), ("007", 700),
        ] as [(String, Int64)])
    func money(_ text: String, _ cents: Int64) { #expect(Money(text)?.cents == cents) }

    @Test(arguments: [
        "", "-", ".5", "5.", "1.005", "1e3", "+1", "10000000000", "1,5", "٣", "--1", "1.0.0", " 1", "NaN",
    ])
    func noMoney(_ text: String) { #expect(Money(text) == nil) }

    @Test func moneyIsShownWithTwoPlaces() {
        for (cents, text) in [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (123_456, "1234.56"), (-100, "-1.00")]
            as [(Int64, String)]
        {
            #expect(Money(cents: cents)?.description == text)
        }
        #expect(Money(cents: 1_000_000_000_000) == nil && Money(cents: .min) == nil)
    }

    @Test func lifeOfABusiness() throws {
        let storage = try Storage()
        let store = storage.store
        let trend = try store.createTrend(Trend(title: "T", source: .vk))
        let idea = try store.createIdea(
            Idea(
                trendID: trend.id, title: "I",
                scores: IdeaScores(
                    marketSize: 0, competition: 0, demand: 0, monetization: 0, feasibility: 0, timeToMarket: 0)))
        let business = try store.writeRows {
            try $0.createBusiness(
                Business(
                    ideaID: idea.id, name: "Vans", domain: "Vans.Example.org", revenueMonthly: Money("19.9")!,
                    usersCount: 3,
                    createdAt: Self.start, metadata: ["a": 1]))
        }
        #expect(business.domain == "vans.example.org")
        #expect(try store.business(business.id) == business)
        let launched = try store.writeRows {
            try $0.updateBusiness(business.id, at: Self.start) { $0.status = .launched }
        }
        #expect(launched.launchedAt == Self.start)
        // It stays when its idea goes with the trend.
        try store.deleteTrend(trend.id)
        let left = try #require(try store.business(business.id))
        #expect(left.ideaID == nil && left.name == "Vans")
        #expect(try store.listBusinesses().rows == [left])
        #expect(try store.deleteBusiness(business.id) && !store.deleteBusiness(business.id))
    }

    @Test(arguments: [
        "", "a", "a b.org", "-a.org", "a-.org", "a..org", ".org", "a.org.", "a_b.org", "приём.рф",
        String(repeating: "a", count: 64) + ".org",
    ])
    func badDomains(_ domain: String) {
        #expect(throws: TrendStoreError.self) { try Business(name: "B", domain: domain).validated() }
    }

    @Test func wrongOnesAreRefused() throws {
        let storage = try Storage()
        var bad = Business(name: "", usersCount: -1, metadata: "x")
        bad.createdAt = Timestamp(microseconds: .max)
        do {
            _ = try bad.validated()
            Issue.record("it was taken")
        } catch TrendStoreError.invalid(let problems) {
            #expect(problems.map(\.field) == ["name", "users_count", "created_at", "metadata"])
        }
        #expect(throws: TrendStoreError.self) {
            try storage.store.writeRows { try $0.createBusiness(Business(ideaID: UUID(), name: "B")) }
        }
        let one = try storage.store.writeRows { try $0.createBusiness(Business(name: "B")) }
        #expect(throws: TrendStoreError.self) { try storage.store.writeRows { try $0.createBusiness(one) } }
    }
}
