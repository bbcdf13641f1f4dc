import Foundation
import JSON
import SearchEngine
import Testing
import TrendStore

@Suite struct ValidationTests {
    /// A field and what is done to a valid trend to break its rule.
    static let badTrends: [(field: String, change: @Sendable (inout Trend) -> Void)] = [
        ("title", { $0.title = "" }),
        ("title", { $0.title = String(repeating: "x", count: 501) }),
        ("title", { $0.title = "a\u{0}b" }),
        ("description", { $0.description = String(repeating: "x", count: 100_001) }),
        ("description", { $0.description = "\u{0}" }),
        ("category", { $0.category = "" }),
        ("category", { $0.category = String(repeating: "x", count: 101) }),
        ("tags[1]", { $0.tags = ["fine", ""] }),
        ("tags[0]", { $0.tags = ["\u{0}"] }),
        ("tags", { $0.tags = (0..<65).map(String.init) }),
        ("engagement_score", { $0.engagementScore = .nan }),
        ("engagement_score", { $0.engagementScore = .infinity }),
        ("engagement_score", { $0.engagementScore = -0.001 }),
        ("velocity", { $0.velocity = -.infinity }),
        ("velocity", { $0.velocity = .signalingNaN }),
        ("discovered_at", { $0.discoveredAt = Timestamp(microseconds: .max) }),
        ("discovered_at", { $0.discoveredAt = Timestamp(Date.distantFuture.addingTimeInterval(1e15)) }),
        ("discovered_at", { $0.discoveredAt = Timestamp(Date(timeIntervalSince1970: .nan)) }),
        ("metadata", { $0.metadata = [1, 2] }),
        ("metadata", { $0.metadata = nil }),
        ("metadata", { $0.metadata = "{}" }),
        ("metadata", { $0.metadata = ["a": [.double(.nan)]] }),
        ("metadata", { $0.metadata = ["a": .string(String(repeating: "x", count: 1 << 20))] }),
        ("metadata", { $0.metadata = ["a": (0..<64).reduce(JSONValue.null) { inner, _ in .array([inner]) }] }),
    ]

    @Test(arguments: badTrends.indices) func aBadFieldIsNamed(_ index: Int) throws {
        let storage = try Storage()
        let good = try storage.store.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
        var bad = Trend(title: "T", source: .vk)
        Self.badTrends[index].change(&bad)
        expectInvalid(Self.badTrends[index].field) { try storage.store.createTrend(bad, embedding: axis(0)) }
        expectInvalid(Self.badTrends[index].field) {
            try storage.store.updateTrend(good.id, Self.badTrends[index].change)
        }
        #expect(try storage.store.allTrends() == [good])
        #expect(try storage.store.check().isConsistent)
    }

    @Test func urls() throws {
        let storage = try Storage()
        let trend = try storage.store.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
        let good = [
            "http://a", "HTTPS://Example.com:443/a/b?c=d#e", "https://user:pw@host/", "https://[::1]:8080/x",
            "https://t.me/channel/1?single", "https://пример.рф/путь", "http://a:/", "https://h/%D0%BF?q=1&r[]=2",
        ]
        for url in good {
            #expect(try storage.store.updateTrend(trend.id) { $0.url = url }.url == url)
            #expect(try storage.store.trend(trend.id)?.url == url)
        }
        let bad = [
            "", "a", "example.com", "//example.com", "ftp://a", "javascript:alert(1)//http://a", "http:a", "http:/a",
            "http://", "http:///path", "http://?q", "http://:80", "http://a b", "http://a/\n", "http://a:65536",
            "http://a:-1", "http://a:8x", "http://[::1", "http://[]", "http://[zz::]", "http://a]b", "http://[::1]x",
            "http://a/%", "http://a/%2", "http://a/%zz", "http://a/<b>", "http://a/\"", "http://a/\u{0}",
            "http://a/\u{2028}", "http:/\u{301}/a", " http://a", "http://a/" + String(repeating: "x", count: 2048),
        ]
        for url in bad { expectInvalid("url") { try storage.store.updateTrend(trend.id) { $0.url = url } } }
    }

    @Test func scoresOfIdeas() throws {
        let storage = try Storage()
        let trend = try storage.store.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
        for score in IdeaScore.allCases {
            for value in [-1, 101, .min, .max] {
                var idea = Idea(trendID: trend.id, title: "I", scores: someScores)
                idea.scores[score] = value
                expectInvalid(score.rawValue) { try storage.store.createIdea(idea, embedding: axis(0)) }
            }
            for value in [0, 100] {
                var idea = Idea(trendID: trend.id, title: "I", scores: someScores)
                idea.scores[score] = value
                #expect(try storage.store.createIdea(idea, embedding: axis(0)).scores[score] == value)
            }
        }
        let fields: [(String, (inout Idea) -> Void)] = [
            ("title", { $0.title = "" }), ("analysis", { $0.analysis = [] }),
            ("analyzed_at", { $0.analyzedAt = Timestamp(microseconds: .min) }),
            ("description", { $0.description = "\u{0}" }),
        ]
        for (field, change) in fields {
            var idea = Idea(trendID: trend.id, title: "I", scores: someScores)
            change(&idea)
            expectInvalid(field) { try storage.store.createIdea(idea, embedding: axis(0)) }
        }
    }

    @Test func embeddings() throws {
        let storage = try Storage()
        let store = storage.store
        let trend = try store.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
        var withNaN = axis(0)
        withNaN[700] = .nan
        let bad: [(String, [Float])] = [
            ("embedding", []), ("embedding", [Float](repeating: 1, count: 767)),
            ("embedding", [Float](repeating: 1, count: 769)), ("embedding", [Float](repeating: 0, count: 768)),
            ("embedding[700]", withNaN), ("embedding[0]", [Float](repeating: .infinity, count: 768)),
            ("embedding", [Float](repeating: .greatestFiniteMagnitude, count: 768)),
            ("embedding", [Float](repeating: .leastNonzeroMagnitude, count: 768)),
        ]
        for (field, embedding) in bad {
            expectInvalid(field) { try store.createTrend(Trend(title: "x", source: .vk), embedding: embedding) }
            expectInvalid(field) { try store.updateTrend(trend.id, embedding: embedding) }
            expectInvalid(field) { try store.searchTrends(.embedding(embedding)) }
        }
        try store.updateTrend(trend.id, embedding: axis(4).map { $0 * 1e10 })
        #expect(try store.trendEmbedding(trend.id) == axis(4))
        #expect(try store.countTrends() == 1)
    }

    @Test func lengthsCountUnicodeScalarsUpToTheLimit() throws {
        let storage = try Storage()
        for title in ["x", String(repeating: "ж", count: 500), String(repeating: "🙂", count: 500)] {
            let trend = try storage.store.createTrend(Trend(title: title, source: .vk), embedding: axis(0))
            #expect(try storage.store.trend(trend.id)?.title == title)
        }
    }

    @Test func hostileTextsComeBackAsTheyAre() throws {
        let storage = try Storage()
        let texts = [
            "'; DROP TABLE trends; --", "\"\\\u{1}\u{1F}\n\r\t", "%_*?[", "{\"a\":1}", "\u{FFFD}\u{FEFF}\u{202E}",
            "?1 :a @b $c", "e\u{301}\u{301}\u{301}", "\u{10FFFF}", "NULL", "\u{7F}",
        ]
        for text in texts {
            let trend = try storage.store.createTrend(
                Trend(
                    title: text, description: text, source: .instagram, category: text, tags: [text],
                    metadata: [text: .string(text), "\u{0}": "\u{0}"]), embedding: axis(1))
            #expect(try storage.store.trend(trend.id) == trend)
            let filter = TrendFilter(categories: [text], allTags: [text])
            #expect(try storage.store.allTrends(filter) == [trend])
            #expect(try storage.store.searchTrends(.embedding(axis(1)), filter: filter).map(\.row) == [trend])
        }
        #expect(try storage.store.countTrends() == texts.count)
        #expect(try storage.store.check().isConsistent)
    }

    @Test func equalKeywordsOfAnyFormAreFound() throws {
        let storage = try Storage()
        let trend = try storage.store.createTrend(
            Trend(title: "T", source: .vk, category: "cafe\u{301}", tags: ["e\u{301}", "\u{E9}"]), embedding: axis(0))
        #expect(trend.tags.count == 1)
        for filter in [
            TrendFilter(categories: ["caf\u{E9}"]), TrendFilter(categories: ["cafe\u{301}"]),
            TrendFilter(anyTag: ["e\u{301}"]), TrendFilter(allTags: ["\u{E9}"]),
        ] {
            #expect(try storage.store.countTrends(filter) == 1)
            #expect(try storage.store.searchTrends(.embedding(axis(0)), filter: filter).count == 1)
        }
    }

    @Test func parametersOfListingsAndSearches() throws {
        let storage = try Storage()
        let store = storage.store
        try store.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
        for limit in [0, -1, 1_001, .max, .min] {
            expectInvalid("limit") { try store.listTrends(limit: limit) }
            expectInvalid("limit") { try store.searchTrends(.embedding(axis(0)), limit: limit) }
        }
        for offset in [-1, 10_001, .max] {
            expectInvalid("offset") { try store.searchTrends(.embedding(axis(0)), offset: offset) }
        }
        expectInvalid("score_threshold") { try store.searchTrends(.embedding(axis(0)), scoreThreshold: .nan) }
        let filters: [(String, TrendFilter)] = [
            ("velocity", TrendFilter(velocity: Bounds(lt: .nan))),
            ("tags", TrendFilter(anyTag: ["\u{0}"])),
            ("category", TrendFilter(categories: Set((0...1_000).map { "c\($0)" }))),
        ]
        for (field, filter) in filters {
            expectInvalid(field) { try store.listTrends(filter) }
            expectInvalid(field) { try store.countTrends(filter) }
            expectInvalid(field) { try store.searchTrends(.embedding(axis(0)), filter: filter) }
        }
        let nobody = UUID()
        #expect(throws: TrendStoreError.notFound(table: "trends", id: nobody)) { try store.searchTrends(.like(nobody)) }
        #expect(throws: TrendStoreError.notFound(table: "ideas", id: nobody)) { try store.searchIdeas(.like(nobody)) }
        #expect(throws: EngineError.self) { try store.searchTrends(.embedding(axis(0)), deadline: .now - .seconds(1)) }
    }

    private func expectInvalid(
        _ field: String, _ body: () throws -> some Any, at location: SourceLocation = #_sourceLocation
    ) {
        do {
            _ = try body()
            Issue.record("\(field) was accepted", sourceLocation: location)
        } catch TrendStoreError.invalid(let problems) {
            #expect(problems.map(\.field) == [field], sourceLocation: location)
            #expect(problems.allSatisfy { !$0.reason.isEmpty }, sourceLocation: location)
        } catch {
            Issue.record("\(field): \(error)", sourceLocation: location)
        }
    }
}
