import Foundation
import SearchEngine
import TestSupport
import Testing
import TrendStore

@Suite struct ListingTests {
    /// Every order and direction, in pages of any size: all rows, each once, sorted.
    @Test func pagesOfTrends() throws {
        var generator = SeededGenerator("pagesOfTrends")
        let storage = try Storage()
        let trends = try storage.store.write { transaction in
            try (0..<137).map { _ in try transaction.createTrend(randomTrend(&generator), embedding: axis(0)) }
        }
        for order in TrendOrder.allCases {
            for direction in SortDirection.allCases {
                let sorted = trends.sorted { a, b in
                    let ids = a.id.uuidString < b.id.uuidString
                    let isLess =
                        switch order {
                        case .discoveredAt: a.discoveredAt == b.discoveredAt ? ids : a.discoveredAt < b.discoveredAt
                        case .engagementScore:
                            a.engagementScore == b.engagementScore ? ids : a.engagementScore < b.engagementScore
                        case .velocity: a.velocity == b.velocity ? ids : a.velocity < b.velocity
                        }
                    return isLess == (direction == .ascending)
                }
                for limit in [1, 7, 136, 137, 138] {
                    let listed = try collect {
                        try storage.store.listTrends(by: order, direction, limit: limit, after: $0)
                    }
                    #expect(listed == sorted, "\(order) \(direction) \(limit)")
                }
            }
        }
    }

    @Test func pagesOfIdeas() throws {
        var generator = SeededGenerator("pagesOfIdeas")
        let storage = try Storage()
        let trend = try storage.store.createTrend(randomTrend(&generator), embedding: axis(0))
        let ideas = try storage.store.write { transaction in
            try (0..<91).map { _ in
                try transaction.createIdea(randomIdea(of: trend.id, &generator), embedding: axis(0))
            }
        }
        for order in IdeaOrder.allCases {
            for direction in SortDirection.allCases {
                let sorted = ideas.sorted { a, b in
                    let (x, y) =
                        order == .totalScore
                        ? (Int64(a.totalScore), Int64(b.totalScore))
                        : (a.analyzedAt.microseconds, b.analyzedAt.microseconds)
                    return (x == y ? a.id.uuidString < b.id.uuidString : x < y) == (direction == .ascending)
                }
                let listed = try collect { try storage.store.listIdeas(by: order, direction, limit: 13, after: $0) }
                #expect(listed == sorted, "\(order) \(direction)")
            }
        }
    }

    /// What a listing, a count and an exact search find is what the filter says.
    @Test func filtersOfTrends() throws {
        var generator = SeededGenerator("filtersOfTrends")
        let storage = try Storage()
        let trends = try storage.store.write { transaction in
            try (0..<150).map { _ in
                try transaction.createTrend(randomTrend(&generator), embedding: generator.vector(768))
            }
        }
        for _ in 0..<120 {
            let filter = randomTrendFilter(&generator)
            let expected = Set(trends.filter { matches($0, filter) }.map(\.id))
            #expect(Set(try storage.store.allTrends(filter).map(\.id)) == expected, "\(filter)")
            #expect(try storage.store.countTrends(filter) == expected.count, "\(filter)")
            let found = try storage.store.searchTrends(.embedding(axis(0)), filter: filter, limit: 1_000)
            #expect(found.count == expected.count && Set(found.map(\.row.id)) == expected, "\(filter)")
        }
    }

    @Test func filtersOfIdeas() throws {
        var generator = SeededGenerator("filtersOfIdeas")
        let storage = try Storage()
        let ideas = try storage.store.write { transaction in
            let trends = try (0..<5).map { _ in
                try transaction.createTrend(randomTrend(&generator), embedding: axis(0)).id
            }
            return try (0..<150).map { index in
                try transaction.createIdea(
                    randomIdea(of: trends[index % 5], &generator), embedding: generator.vector(768))
            }
        }
        for _ in 0..<120 {
            let filter = randomIdeaFilter(ideas.map(\.trendID), &generator)
            let expected = Set(ideas.filter { matches($0, filter) }.map(\.id))
            #expect(Set(try storage.store.allIdeas(filter).map(\.id)) == expected, "\(filter)")
            #expect(try storage.store.countIdeas(filter) == expected.count, "\(filter)")
            let found = try storage.store.searchIdeas(.embedding(axis(0)), filter: filter, limit: 1_000)
            #expect(found.count == expected.count && Set(found.map(\.row.id)) == expected, "\(filter)")
        }
    }

    @Test func aCursorStaysValidWhenRowsChange() throws {
        let storage = try Storage()
        let store = storage.store
        let trends = try (0..<6).map { index in
            try store.createTrend(
                Trend(title: "T\(index)", source: .vk, discoveredAt: moment(Int64(index))), embedding: axis(0))
        }
        let page = try store.listTrends(limit: 3)
        #expect(page.rows.map(\.title) == ["T5", "T4", "T3"])
        let cursor = try #require(page.next)
        #expect(PageCursor(cursor.description) == cursor)
        try store.deleteTrend(trends[3].id)
        try store.updateTrend(trends[1].id) { $0.discoveredAt = moment(10) }
        #expect(try store.listTrends(limit: 3, after: cursor).rows.map(\.title) == ["T2", "T0"])
    }

    @Test func foreignCursorsAreRefused() throws {
        let storage = try Storage()
        let store = storage.store
        for index in 0..<3 {
            try store.createTrend(Trend(title: "T\(index)", source: .vk), embedding: axis(0))
        }
        let cursor = try #require(try store.listTrends(by: .velocity, limit: 1).next)
        #expect(cursor.description.hasPrefix("velocity.desc.d0."))
        for (order, direction) in [(TrendOrder.discoveredAt, SortDirection.descending), (.velocity, .ascending)] {
            #expect(throws: TrendStoreError.self) { try store.listTrends(by: order, direction, after: cursor) }
        }
        #expect(throws: TrendStoreError.self) { try store.listIdeas(after: cursor) }
        let id = UUID().uuidString
        for text in [
            "", ".", "...", "velocity.desc.d0", "velocity.up.d0.\(id)", "velocity.desc.x0.\(id)",
            "velocity.desc.d7ff8000000000000.\(id)", "velocity.desc.i99999999999999999999.\(id)",
            "velocity.desc..\(id)", "velocity.desc.d0.x", "velocity.desc.d0.\(id).",
        ] {
            #expect(PageCursor(text) == nil, "\(text)")
        }
        // A column that is none, and a text in its place, stay data.
        let hostile = try #require(PageCursor("1;DROP TABLE trends.desc.i5.\(id)"))
        #expect(throws: TrendStoreError.self) { try store.listTrends(after: hostile) }
    }
}
