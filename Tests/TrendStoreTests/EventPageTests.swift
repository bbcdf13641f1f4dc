import Foundation
import Testing
import TrendStore

@Suite struct EventPageTests {
    @Test func pagesAreThoseOfAPlainScan() throws {
        let storage = try Storage()
        var trends: [Trend] = []
        for number in 0..<30 {
            trends.append(try storage.store.write { try $0.createTrend(Trend(title: "T\(number)", source: .vk)) })
            if number % 3 == 2 { _ = try storage.store.deleteTrend(trends[number - 1].id) }
        }
        let log = storage.store.events
        let all = try log.read(after: 0, limit: 1_000).events
        #expect(all.count == 40)
        let filters = [
            EventFilter(), EventFilter(types: [.trendDeleted]), EventFilter(types: [.ideaUpdated]),
            EventFilter(types: [.trendCreated, .trendDeleted], subjects: Set(trends[3..<7].map(\.id))),
            EventFilter(subjects: [UUID()]),
        ]
        // As they are in memory, and as they are stored.
        for _ in 0..<2 {
            for filter in filters {
                let expected = all.filter(filter.admits)
                for limit in [1, 7, 1_000] {
                    var found: [Event] = []
                    var place: Int64 = 0
                    while true {
                        let page = try storage.store.events.page(after: place, filter, limit: limit)
                        #expect(page.total == expected.count - found.count)
                        #expect(page.events.count == min(limit, page.total))
                        found += page.events
                        #expect(page.hasMore == (found.count < expected.count))
                        place = page.next
                        if !page.hasMore { break }
                    }
                    #expect(found == expected)
                    #expect(place == storage.store.events.last)
                }
            }
            try storage.reopen()
        }
        #expect(throws: TrendStoreError.self) { try storage.store.events.page(after: 41, limit: 1) }
    }

    @Test func placesThatTheLogDoesNotKnowAreGone() throws {
        let storage = try Storage()
        let log = storage.store.events
        #expect(log.oldestPlace == 0)
        #expect(try log.requirePlace(0) == 0)
        _ = try storage.store.write { try $0.createTrend(Trend(title: "T", source: .vk)) }
        #expect(try log.requirePlace(1) == 1)
        #expect(throws: TrendStoreError.gone("The log ends with event 1: there never was an event 2 in this storage")) {
            try log.requirePlace(2)
        }
    }
}
