import Foundation
import TestSupport
import Testing
import TrendStore

/// Counts and statistics that are kept between changes are never older than the newest change.
@Suite struct KeptCountsTests {
    @Test func neverOlderThanTheNewestChange() throws {
        var random = SeededGenerator()
        let storage = try Storage()
        var trends: [UUID: TrendSource] = [:]
        for step in 0..<120 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let source = TrendSource.allCases.randomElement(using: &random)!
                let trend = try storage.store.createTrend(Trend(title: "T \(step)", source: source))
                trends[trend.id] = source
            case 2:
                guard let id = trends.keys.sorted(by: { $0.uuidString < $1.uuidString }).randomElement(using: &random)
                else { continue }
                trends[id] = .vk
                _ = try storage.store.updateTrend(id) { $0.source = .vk }
            default:
                guard let id = trends.keys.sorted(by: { $0.uuidString < $1.uuidString }).randomElement(using: &random)
                else { continue }
                trends[id] = nil
                _ = try storage.store.deleteTrend(id)
            }
            // Twice: what is kept is asked, too.
            for _ in 0..<2 {
                #expect(try storage.store.countTrends() == trends.count)
                #expect(try storage.store.countTrends(TrendFilter(sources: [.vk])) == trends.values.count { $0 == .vk })
                #expect(try storage.store.trendStatistics().total == trends.count)
            }
        }
        try storage.store.reset()
        #expect(try storage.store.countTrends() == 0 && storage.store.trendStatistics().total == 0)
    }
}
