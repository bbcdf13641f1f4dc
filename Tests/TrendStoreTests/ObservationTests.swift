import Foundation
import JSON
import SearchEngine
import TestSupport
import Testing
import TrendStore

@Suite struct ObservationTests {
    private let storage: Storage
    private var store: TrendStore { storage.store }

    init() throws { storage = try Storage() }

    private func hours(_ count: Double) -> Timestamp { moment(Int64(count * 3_600_000_000)) }

    private func trend(_ engagements: [(hours: Double, engagement: Double)]) throws -> Trend {
        let first = try #require(engagements.first)
        var trend = try store.createTrend(
            Trend(title: "T", source: .vk, engagementScore: first.engagement, discoveredAt: hours(first.hours)),
            embedding: axis(0))
        for (time, engagement) in engagements.dropFirst() {
            trend = try store.observe(
                Observation(observedAt: hours(time), engagementScore: engagement, source: .reddit), of: trend.id)
        }
        return trend
    }

    @Test func engagementVelocityAndStageFollow() throws {
        // 24 points an hour are 576 a day.
        let trend = try trend([(0, 100), (1, 124), (2, 148)])
        #expect(trend.engagementScore == 148 && abs(trend.velocity - 576) < 1e-9 && trend.stage == .exploding)
        #expect(try store.trend(trend.id) == trend)
        let payload = try store.payload(trend.id, in: "trends")
        #expect(payload?["engagement_score"] == 148.0 && payload?["stage"] == "exploding")
        let dynamics = try #require(try store.dynamics(of: trend.id))
        #expect(dynamics.observations == 3 && dynamics.newest == 148 && dynamics.peak == 148)
        #expect(abs((dynamics.growth ?? 0) - 576 / 124) < 1e-9)
        let seen = try store.observations(of: trend.id)
        #expect(seen.map(\.engagementScore) == [148, 124, 100] && seen.map(\.source) == [.reddit, .reddit, .vk])
        #expect(try store.observations(of: trend.id, limit: 1, offset: 1).map(\.engagementScore) == [124])
        try storage.reopen()
        #expect(try store.trend(trend.id) == trend)
        #expect(try store.check().isConsistent)
    }

    /// Hours and engagement of each observation.
    private static let courses: [(course: [(hours: Double, engagement: Double)], stage: TrendStage)] = [
        ([(0, 10)], .new),
        ([(0, 10), (48, 1_000)], .new),
        ([(0, 10), (0.5, 50), (1, 90)], .new),
        ([(0, 10), (24, 40), (48, 200)], .exploding),
        ([(0, 100), (24, 115), (48, 130)], .rising),
        ([(0, 100), (24, 102), (48, 99)], .steady),
        ([(0, 100), (24, 80), (48, 60)], .peaked),
        ([(0, 100), (24, 60), (48, 20)], .fading),
        ([(0, 0), (24, 0), (48, 0)], .steady),
        // Exactly at the thresholds, where sums are off by a last digit.
        ([(0, 50), (12, 100), (24, 150)], .exploding),
        ([(0, 105), (12, 100), (24, 95)], .peaked),
        ([(0, 95), (12, 100), (24, 105)], .rising),
        // Older ones than a week don't count, but for the peak.
        ([(0, 1_000), (240, 100), (264, 80), (288, 70)], .fading),
    ]

    @Test(arguments: courses.indices)
    func stages(_ place: Int) throws {
        let (engagements, stage) = Self.courses[place]
        let trend = try trend(engagements)
        let dynamics = try store.dynamics(of: trend.id)
        #expect(trend.stage == stage, "\(String(describing: dynamics))")
        #expect(try store.allTrends(TrendFilter(stages: [stage])).map(\.id) == [trend.id])
        #expect(
            try store.allTrends(TrendFilter(stages: Set(TrendStage.allCases).subtracting([stage]))).isEmpty)
        #expect(try store.searchTrends(.embedding(axis(0)), filter: TrendFilter(stages: [stage])).count == 1)
    }

    @Test func orderOfObservationsDoesNotMatter() throws {
        var generator = SeededGenerator()
        let points = (0..<20).map {
            (hours: Double($0) * 3, engagement: Double(Int.random(in: 0..<1_000, using: &generator)))
        }
        let sorted = try trend(points)
        let shuffled = try trend(points.shuffled(using: &generator))
        #expect(shuffled.engagementScore == sorted.engagementScore && shuffled.stage == sorted.stage)
        #expect(abs(shuffled.velocity - sorted.velocity) < 1e-6 * max(1, abs(sorted.velocity)), "\(generator.seed)")
    }

    @Test func extremeNumbersStayFinite() throws {
        let largest = Double.greatestFiniteMagnitude
        let trend = try trend([(0, 0), (1, largest), (1.000002, 0), (1.000003, largest), (2.5, largest)])
        #expect(trend.velocity.isFinite && trend.velocity > 1e300)
        // Over days as well, where products of such numbers would leave their range.
        let days = try self.trend([(0, 1.7e308), (84, 0), (168, 1.7e308)])
        #expect(abs(days.velocity) < 1e294 && days.stage == .steady)
        let slight = try self.trend([(0, 0), (12, 5e-324), (24, 1e-320)])
        #expect(slight.velocity.isFinite && slight.stage == .steady)
        // Within a second nothing is told of a day.
        #expect(try self.trend([(0, 0), (0.0001, 1_000), (0.0002, 2_000)]).velocity == 0)
        let old = try store.createTrend(
            Trend(title: "T", source: .vk, discoveredAt: Timestamp.storable.lowerBound), embedding: axis(0))
        try store.observe(
            Observation(observedAt: Timestamp.storable.upperBound, engagementScore: largest, source: .vk), of: old.id)
        #expect(try store.check().isConsistent)
    }

    /// What moved a month ago doesn't move any more, and many observations of a short time hide nothing.
    @Test func velocityIsThatOfTheNewestWeek() throws {
        let old = try trend([(0, 0), (24, 500), (800, 500)])
        #expect(old.velocity == 0 && old.stage == .steady)
        let frequent = try trend((0..<1_000).map { (hours: Double($0) / 360, engagement: Double($0)) })
        #expect(abs(frequent.velocity - 360 * 24) < 1e-6 && frequent.stage == .exploding)
    }

    /// A client's clock may be ahead.
    @Test func aChangeCountsAfterObservationsOfTheFuture() throws {
        let trend = try trend([(0, 10), (1_000, 20)])
        let changed = try store.updateTrend(trend.id, at: hours(500)) { $0.engagementScore = 30 }
        #expect(changed.engagementScore == 30)
        #expect(
            try store.observations(of: trend.id).first?.observedAt
                == Timestamp(microseconds: hours(1_000).microseconds + 1))
        #expect(throws: TrendStoreError.self) {
            try store.updateTrend(trend.id, at: Timestamp(microseconds: .max)) { $0.engagementScore = 40 }
        }
        #expect(try store.trend(trend.id) == changed)
    }

    @Test func aChangedEngagementIsAnObservation() throws {
        let trend = try trend([(0, 10)])
        let changed = try store.updateTrend(trend.id, at: hours(24)) { $0.engagementScore = 34 }
        #expect(changed.engagementScore == 34 && abs(changed.velocity - 24) < 1e-9)
        #expect(try store.observations(of: trend.id).count == 2)
        try store.updateTrend(trend.id) { $0.title = "U" }
        #expect(try store.observations(of: trend.id).count == 2)
        // The store's own fields aren't a caller's.
        #expect(try store.trend(trend.id)?.stage == .new)
    }

    @Test func wrongObservationsAreRefused() throws {
        let trend = try trend([(0, 10)])
        for (observation, field) in [
            (Observation(observedAt: hours(1), engagementScore: -1, source: .vk), "engagement_score"),
            (Observation(observedAt: hours(1), engagementScore: .nan, source: .vk), "engagement_score"),
            (Observation(observedAt: Timestamp(microseconds: .max), engagementScore: 1, source: .vk), "observed_at"),
            (Observation(observedAt: hours(1), engagementScore: 1, url: "javascript:x", source: .vk), "url"),
        ] {
            do {
                try store.observe(observation, of: trend.id)
                Issue.record("\(observation) was taken")
            } catch TrendStoreError.invalid(let wrong) { #expect(wrong.map(\.field) == [field]) }
        }
        let seen = Observation(observedAt: hours(1), engagementScore: 1, source: .vk)
        #expect(throws: TrendStoreError.self) { try store.observe(seen, of: UUID()) }
        #expect(try store.observations(of: trend.id).count == 1)
        #expect(try store.observations(of: UUID()).isEmpty && store.dynamics(of: UUID()) == nil)
        try store.deleteTrend(trend.id)
        #expect(try store.observations(of: trend.id).isEmpty)
    }
}
