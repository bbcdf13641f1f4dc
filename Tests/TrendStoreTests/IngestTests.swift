import Foundation
import TestSupport
import Testing
import TrendStore

/// Trends that were seen before.
@Suite struct IngestTests {
    private static let start = Timestamp("2026-05-01T12:00:00Z")!
    private static func at(_ hours: Double) -> Timestamp { start.adding(seconds: hours * 3_600) }

    private func ingest(
        _ storage: Storage, _ title: String, url: String? = nil, engagement: Double = 1, at hours: Double = 0,
        embedding: [Float]? = nil, likely: [UUID] = []
    ) throws -> (trend: Trend, isNew: Bool) {
        let trend = Trend(
            title: title, url: url, source: .vk, engagementScore: engagement, discoveredAt: Self.at(hours))
        var found = try FoundTrend(trend, embedding: embedding)
        found.likely = likely
        return try storage.store.write { [found] in try $0.ingest(found, at: Self.at(hours)) }
    }

    /// Pairs that are one trend.
    @Test(arguments: [
        ("AI agents", "ai  AGENTS"), ("AI agents", "“AI-agents”!"), ("AI agents", "ＡＩ ａｇｅｎｔｓ"),
        ("Тренды 2026", "ТРЕНДЫ: 2026."),
        ("Café", "Cafe\u{301}"), ("🔥", " 🔥 "),
    ])
    func equalTitles(_ a: String, _ b: String) {
        #expect(TrendFingerprint.normalized(title: a) == TrendFingerprint.normalized(title: b))
    }

    @Test(arguments: [
        ("AI agents", "AI agent"), ("C++", "C"), ("C#", "C"), ("Cafe", "Café"), ("🔥", "💧"), ("10 %", "10"),
        ("a b", "ab"), ("€5", "$5"),
    ])
    func differentTitles(_ a: String, _ b: String) {
        // A percent sign is punctuation, by which titles don't differ.
        let isSame = TrendFingerprint.normalized(title: a) == TrendFingerprint.normalized(title: b)
        #expect(isSame == (a == "10 %"))
    }

    @Test(arguments: [
        ("https://www.Example.org/a/?utm_source=x&b=2&a=1#top", "http://example.org:80/a?a=1&b=2"),
        ("https://example.org/a?fbclid=1", "https://example.org:443/a/"),
        ("https://youtu.be/x?si=abc", "https://youtu.be/x"),
    ])
    func equalURLs(_ a: String, _ b: String) {
        #expect(TrendFingerprint.normalized(url: a) == TrendFingerprint.normalized(url: b))
        #expect(TrendFingerprint.normalized(url: a) != nil)
    }

    @Test(arguments: [
        ("https://example.org/a", "https://example.org/b"),
        ("https://example.org/a?id=1", "https://example.org/a?id=2"),
        ("https://example.org/a", "https://example.com/a"), ("https://example.org:8080/a", "https://example.org/a"),
        ("https://example.org/A", "https://example.org/a"),
    ])
    func differentURLs(_ a: String, _ b: String) {
        #expect(TrendFingerprint.normalized(url: a) != TrendFingerprint.normalized(url: b))
    }

    @Test func frontPagesTellNothing() {
        for url in ["https://example.org", "https://example.org/", "https://example.org/?utm_medium=x"] {
            #expect(TrendFingerprint.normalized(url: url) == nil)
        }
    }

    @Test func aKnownTrendGetsAnObservation() throws {
        let storage = try Storage()
        let first = try ingest(storage, "Heat pumps", url: "https://a.org/x", engagement: 10)
        let second = try ingest(storage, "heat PUMPS!", url: "https://b.org/y", engagement: 30, at: 5)
        #expect(first.isNew && !second.isNew && second.trend.id == first.trend.id)
        #expect(second.trend.engagementScore == 30 && second.trend.title == "Heat pumps")
        // By the URL of the second one.
        let third = try ingest(storage, "Another headline", url: "http://www.b.org/y/", engagement: 5, at: 6)
        #expect(!third.isNew && third.trend.id == first.trend.id)
        let seen = try storage.store.observations(of: first.trend.id)
        #expect(seen.map(\.engagementScore) == [5, 30, 10])
        #expect(seen.map(\.url) == ["http://www.b.org/y/", "https://b.org/y", "https://a.org/x"])
        #expect(try storage.store.countTrends() == 1)
    }

    /// A day since it was seen last, across restarts.
    @Test func theWindow() throws {
        let storage = try Storage()
        let id = try ingest(storage, "T").trend.id
        #expect(try ingest(storage, "T", at: 20).trend.id == id)
        try storage.reopen()
        #expect(try ingest(storage, "T", at: 43).trend.id == id)
        _ = try storage.store.trimFingerprints(at: Self.at(60))
        #expect(try ingest(storage, "T", at: 66).trend.id == id)
        let new = try ingest(storage, "T", at: 90.1)
        #expect(new.isNew && new.trend.id != id)
        #expect(try storage.store.trimFingerprints(at: Self.at(200)) == 1)
    }

    @Test func aDeletedTrendIsNotKnown() throws {
        let storage = try Storage()
        let id = try ingest(storage, "T").trend.id
        try storage.store.deleteTrend(id)
        #expect(try ingest(storage, "T", at: 1).isNew)
    }

    @Test func nearlyIdenticalEmbeddings() throws {
        let storage = try Storage()
        func vector(_ angle: Float) -> [Float] {
            [Foundation.cos(angle), Foundation.sin(angle)] + Array(repeating: 0, count: 766)
        }
        let id = try ingest(storage, "One", embedding: vector(0)).trend.id
        let likely = try storage.store.nearIdentical(vector(0.1))
        #expect(likely == [id])
        #expect(try storage.store.nearIdentical(vector(0.3)) == [])
        let known = try ingest(storage, "Two", at: 1, embedding: vector(0.1), likely: likely)
        #expect(!known.isNew && known.trend.id == id)
        // Not if it was seen long ago.
        #expect(try ingest(storage, "Three", at: 30, embedding: vector(0.1), likely: likely).isNew)
    }

    /// Who doesn't tell an engagement takes none away.
    @Test func repeatsKeepTheEngagementThatTheyDontTell() throws {
        let storage = try Storage()
        _ = try ingest(storage, "T", engagement: 500)
        var found = try FoundTrend(Trend(title: "T!", source: .vk, discoveredAt: Self.at(5)))
        found.tellsEngagement = false
        let again = try storage.store.write { [found] in try $0.ingest(found, at: Self.at(5)) }
        #expect(!again.isNew && again.trend.engagementScore == 500 && again.trend.velocity == 0)
    }

    /// The nearest one was seen long ago, the next one lately.
    @Test func anOldCopyHidesNone() throws {
        let storage = try Storage()
        let old = try ingest(storage, "Old").trend.id
        let new = try ingest(storage, "New", at: 30).trend.id
        let known = try ingest(storage, "Third", at: 31, likely: [old, new])
        #expect(!known.isNew && known.trend.id == new)
    }

    /// A trend is known by whatever it was called within a day, however it came in.
    @Test func fingerprintsFollowTheRow() throws {
        let storage = try Storage()
        let id = try storage.store.createTrend(Trend(title: "A", url: "https://a.org/1", source: .vk)).id
        let now = Timestamp.now
        func find(_ title: String, _ url: String? = nil) throws -> (trend: Trend, isNew: Bool) {
            let found = try FoundTrend(Trend(title: title, url: url, source: .vk))
            return try storage.store.write { try $0.ingest(found, at: now) }
        }
        #expect(try find("a").trend.id == id)
        try storage.store.updateTrend(id) { $0.title = "B" }
        #expect(try find("b").trend.id == id)
        #expect(try find("a").trend.id == id)
        // Both of another trend's are seen once under one title: each stays with its own.
        let other = try find("Other", "https://a.org/2").trend.id
        #expect(try find("B", "https://a.org/2").trend.id == id)
        #expect(try find("Something else", "https://a.org/2").trend.id == other)
    }

    /// One that has no vector takes that of its repetition, but only of the same text.
    @Test func missingEmbeddingsAreTaken() throws {
        let storage = try Storage()
        let vector: [Float] = [1] + Array(repeating: 0, count: 767)
        let id = try ingest(storage, "Heat pumps").trend.id
        #expect(try ingest(storage, "HEAT PUMPS", at: 1, embedding: vector).trend.embeddingStatus == .missing)
        #expect(try ingest(storage, "Heat pumps", at: 2, embedding: vector).trend.embeddingStatus == .current)
        #expect(try storage.store.trendEmbedding(id) == vector)
        #expect(try storage.store.check().isConsistent)
    }

    /// What a change that was rolled back has noted is in the filter, but not in the table.
    @Test func aRefusedChangeIsForgotten() throws {
        let storage = try Storage()
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try storage.store.write { transaction in
                _ = try transaction.ingest(FoundTrend(Trend(title: "T", source: .vk)))
                throw Stop()
            }
        }
        #expect(try storage.store.write { try $0.ingest(FoundTrend(Trend(title: "t", source: .vk))) }.isNew)
    }

    /// The filter grows, and never denies what it was told of.
    @Test func theFilterNeverDenies() throws {
        let storage = try Storage()
        var seen = SeenFingerprints()
        let trends = (0..<70_000).map { Trend(title: "t\($0)", source: .vk) }
        for trend in trends { for print in TrendFingerprint.all(of: trend) { seen.insert(print) } }
        #expect(trends.allSatisfy { TrendFingerprint.all(of: $0).allSatisfy(seen.mayContain) })
        let others = (0..<20_000).map { Trend(title: "other \($0)", source: .vk) }
        let passed = others.count { TrendFingerprint.all(of: $0).contains(where: seen.mayContain) }
        #expect(passed < 200)
        // More than the first filter is made for.
        for part in 0..<7 {
            _ = try storage.store.write(bytes: 0) { transaction in
                for trend in trends[(part * 10_000)..<(part * 10_000 + 10_000)] {
                    guard try transaction.ingest(FoundTrend(trend)).isNew else {
                        fatalError("\(trend.title) was denied")
                    }
                }
            }
        }
        #expect(storage.store.seen.withLock { $0.capacity } > 70_000)
        #expect(try !ingest(storage, "t0", at: 1).isNew && !ingest(storage, "t69999", at: 1).isNew)
    }
}
