import Foundation
import TrendStore

func randomTrend(_ generator: inout some RandomNumberGenerator) -> Trend {
    Trend(
        title: "Trend \(Int.random(in: 0...999, using: &generator))",
        source: TrendSource.allCases.randomElement(using: &generator)!,
        category: ["food", "health", "Дом", nil].randomElement(using: &generator)!,
        tags: Array(["a", "b", "c d", "é"].shuffled(using: &generator).prefix(.random(in: 0...4, using: &generator))),
        engagementScore: Double(Int.random(in: 0...20, using: &generator)) * 0.1,
        velocity: Double(Int.random(in: -5...5, using: &generator)),
        discoveredAt: moment(Int64.random(in: 0...20, using: &generator) * 250_000),
        metadata: ["n": .integer(.random(in: 0...9, using: &generator))])
}

func randomIdea(of trend: UUID, _ generator: inout some RandomNumberGenerator) -> Idea {
    var scores = someScores
    for score in IdeaScore.allCases { scores[score] = .random(in: 0...100, using: &generator) }
    return Idea(
        trendID: trend, title: "Idea", scores: scores,
        analyzedAt: moment(Int64.random(in: -10...10, using: &generator) * 500_000),
        status: IdeaStatus.allCases.randomElement(using: &generator)!)
}

func randomTrendFilter(_ generator: inout some RandomNumberGenerator) -> TrendFilter {
    var filter = TrendFilter()
    func pick<T: Hashable>(_ values: [T], _ generator: inout some RandomNumberGenerator) -> Set<T> {
        Set(values.shuffled(using: &generator).prefix(.random(in: 1...3, using: &generator)))
    }
    func maybe(_ generator: inout some RandomNumberGenerator) -> Bool {
        .random(using: &generator) && .random(using: &generator)
    }
    if maybe(&generator) { filter.sources = pick(TrendSource.allCases, &generator) }
    if maybe(&generator) { filter.categories = pick(["food", "health", "Дом", "none"], &generator) }
    if maybe(&generator) { filter.anyTag = pick(["a", "b", "c d", "e\u{301}", "none"], &generator) }
    if maybe(&generator) { filter.allTags = Set(pick(["a", "b", "c d", "é"], &generator).prefix(2)) }
    if maybe(&generator) {
        filter.engagementScore = randomBounds({ Double(Int.random(in: 0...20, using: &$0)) * 0.1 }, &generator)
    }
    if maybe(&generator) { filter.velocity = randomBounds({ Double(Int.random(in: -5...5, using: &$0)) }, &generator) }
    if maybe(&generator) {
        filter.discoveredAt = randomBounds({ moment(.random(in: 0...20, using: &$0) * 250_000) }, &generator)
    }
    return filter
}

func randomIdeaFilter(_ trends: [UUID], _ generator: inout some RandomNumberGenerator) -> IdeaFilter {
    var filter = IdeaFilter()
    if .random(using: &generator) { filter.trendIDs = [trends.randomElement(using: &generator)!, UUID()] }
    if .random(using: &generator) {
        filter.statuses = Set(
            IdeaStatus.allCases.shuffled(using: &generator).prefix(.random(in: 1...3, using: &generator)))
    }
    if .random(using: &generator) { filter.totalScore = randomBounds({ .random(in: 30...70, using: &$0) }, &generator) }
    if .random(using: &generator) {
        let score = IdeaScore.allCases.randomElement(using: &generator)!
        filter.scores[score] = randomBounds({ .random(in: -10...110, using: &$0) }, &generator)
    }
    if .random(using: &generator) {
        filter.analyzedAt = randomBounds({ moment(.random(in: -10...10, using: &$0) * 500_000) }, &generator)
    }
    return filter
}

private func randomBounds<Value, G: RandomNumberGenerator>(_ value: (inout G) -> Value, _ generator: inout G) -> Bounds<
    Value
> {
    var bounds = Bounds<Value>()
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: bounds.gt = value(&generator)
    case 1: bounds.lte = value(&generator)
    case 2: bounds.lt = value(&generator)
    default:
        bounds.gte = value(&generator)
        bounds.lt = value(&generator)
    }
    return bounds
}

/// What the filters mean, said plainly.
func matches(_ trend: Trend, _ filter: TrendFilter) -> Bool {
    (filter.sources.isEmpty || filter.sources.contains(trend.source))
        && (filter.categories.isEmpty || trend.category.map(filter.categories.contains) == true)
        && filter.allTags.allSatisfy(trend.tags.contains)
        && (filter.anyTag.isEmpty || filter.anyTag.contains(where: trend.tags.contains))
        && matches(trend.engagementScore, filter.engagementScore) && matches(trend.velocity, filter.velocity)
        && matches(trend.discoveredAt, filter.discoveredAt)
}

func matches(_ idea: Idea, _ filter: IdeaFilter) -> Bool {
    (filter.trendIDs.isEmpty || filter.trendIDs.contains(idea.trendID))
        && (filter.statuses.isEmpty || filter.statuses.contains(idea.status))
        && matches(idea.totalScore, filter.totalScore) && matches(idea.analyzedAt, filter.analyzedAt)
        && filter.scores.allSatisfy { matches(idea.scores[$0.key], $0.value) }
}

private func matches<Value>(_ value: Value, _ bounds: Bounds<Value>) -> Bool {
    !(bounds.lt.map { value >= $0 } ?? false) && !(bounds.lte.map { value > $0 } ?? false)
        && !(bounds.gt.map { value <= $0 } ?? false) && !(bounds.gte.map { value < $0 } ?? false)
}
