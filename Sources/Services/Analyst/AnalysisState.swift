import Foundation
import JSON
import TrendStore

/// How far a job of the type `analyze_trends` has come. A value without I/O: a question after the other is asked elsewhere.
package struct AnalysisState: Equatable {
    /// What to ask next.
    package enum Question: Equatable {
        case research(UUID)
        case scoring(UUID)
        case ranking

        package var step: AnalysisStep {
            switch self {
            case .research: .research
            case .scoring: .scoring
            case .ranking: .ranking
            }
        }

        /// The trend that it is about.
        var trend: UUID? {
            switch self {
            case .research(let id), .scoring(let id): id
            case .ranking: nil
            }
        }
    }

    /// Each once.
    let trends: [UUID]
    private(set) var research: [UUID: Research] = [:]
    private(set) var scoring: [UUID: Scoring] = [:]
    private(set) var ranking: [RankedIdea]?
    /// The models that answered.
    private(set) var models: [AnalysisStep: String] = [:]
    /// Trends that were deleted meanwhile, or of which no answer could be used.
    private(set) var gone: Set<UUID> = []
    /// What the answers have cost.
    package var dollars = 0.0

    /// Goes on where a checkpoint ends. One that isn't this program's, or is damaged, is left aside.
    ///
    /// Throws `.invalid` for params that name no trends.
    package init(params: JSONValue, checkpoint: JSONValue?) throws {
        let texts = params["trend_ids"]?.arrayValue?.map { $0.stringValue.flatMap { UUID(uuidString: $0) } }
        let ids = (texts ?? []).compactMap { $0 }
        guard let texts, ids.count == texts.count, (1...IdeaOperations.mostTrendsOfAnalysis).contains(ids.count) else {
            throw ServiceError.invalid(
                "The job's params must have `trend_ids`, a list of 1…\(IdeaOperations.mostTrendsOfAnalysis) ids of trends"
            )
        }
        var seen: Set<UUID> = []
        let trends = ids.filter { seen.insert($0).inserted }
        if let checkpoint, let known = try? AnalysisState(trends, checkpoint) {
            self = known
        } else {
            self.trends = trends
        }
    }

    /// Trends with an idea, in the order of their numbers in the ranking.
    var ideas: [UUID] { trends.filter { research[$0] != nil && !gone.contains($0) } }

    /// `nil` when all has been answered, or no trend is left.
    package var next: Question? {
        let left = trends.filter { !gone.contains($0) }
        if let trend = left.first(where: { research[$0] == nil }) { return .research(trend) }
        if let trend = left.first(where: { scoring[$0] == nil }) { return .scoring(trend) }
        return left.isEmpty || ranking != nil ? nil : .ranking
    }

    /// 0…1.
    package var progress: Double {
        let left = trends.count - gone.count
        let done = ideas.count + ideas.count { scoring[$0] != nil } + (ranking == nil ? 0 : 1)
        return left == 0 ? 1 : Double(done) / Double(2 * left + 1)
    }

    /// In words.
    package var message: String {
        switch next {
        case .research: "research: \(ideas.count) of \(trends.count - gone.count) trends"
        case .scoring: "scoring: \(ideas.count { scoring[$0] != nil }) of \(ideas.count) ideas"
        case .ranking: "ranking: 0 of 1"
        case nil: "ranking: 1 of 1"
        }
    }

    /// Leaves a trend out. The others are ranked anew then.
    package mutating func drop(_ trend: UUID) {
        gone.insert(trend)
        ranking = nil
    }

    /// Whether another trend is left.
    var hasOthers: Bool { trends.count - gone.count > 1 }

    /// Takes an answer; changes nothing when it throws.
    package mutating func take(_ content: String, to question: Question, of model: String) throws(WrongAnswer) {
        let value = try AnalysisAnswer.object(content)
        switch question {
        case .research(let trend): research[trend] = try Research(value)
        case .scoring(let trend): scoring[trend] = try Scoring(value)
        case .ranking: ranking = try RankedIdea.ranking(value, of: ideas.count)
        }
        models[question.step] = model
    }

    // MARK: The result

    /// The ideas, from the best to the worst. Empty before all has been answered.
    package func made(by job: UUID, at time: Timestamp) -> [Idea] {
        (ranking ?? []).enumerated().compactMap { place, ranked in
            guard ideas.indices.contains(ranked.idea - 1) else { return nil }
            let trend = ideas[ranked.idea - 1]
            guard let research = research[trend], let scoring = scoring[trend] else { return nil }
            var analysis: JSONValue = [
                "research": [
                    "summary": .string(research.summary), "audience": .string(research.audience),
                    "competitors": .array(research.competitors.map { .string($0) }),
                    "risks": .array(research.risks.map { .string($0) }),
                ],
                "ranking": [
                    "rank": JSONValue(place + 1), "of": JSONValue(ideas.count),
                    "recommendation": .string(ranked.recommendation.rawValue), "reason": .string(ranked.reason),
                ],
                "models": modelNames, "job_id": .string(job.uuidString.lowercased()),
            ]
            if let reasoning = scoring.reasoning { analysis["scoring"] = ["reasoning": .string(reasoning)] }
            return Idea(
                trendID: trend, title: research.title, description: research.description, scores: scoring.scores,
                analysis: analysis, analyzedAt: time)
        }
    }

    /// What the job answers: the ideas that were kept, the best first, and trends that are gone.
    func result(_ kept: [Idea]) -> JSONValue {
        let ideas = kept.map { idea -> JSONValue in
            [
                "id": .string(idea.id.uuidString.lowercased()),
                "trend_id": .string(idea.trendID.uuidString.lowercased()), "title": .string(idea.title),
                "total_score": JSONValue(idea.totalScore),
            ]
        }
        let missing = trends.filter { trend in !kept.contains { $0.trendID == trend } }
        return [
            "ideas": .array(ideas), "missing": .array(missing.map { .string($0.uuidString.lowercased()) }),
            "dollars": .double(dollars),
        ]
    }

    private var modelNames: JSONValue {
        var names: JSONValue = [:]
        for step in AnalysisStep.allCases { names[step.rawValue] = models[step].map { .string($0) } }
        return names
    }

    // MARK: Checkpoints

    private static let version: Int64 = 1

    package var checkpoint: JSONValue {
        func byTrend<Value>(_ values: [UUID: Value], _ json: (Value) -> JSONValue) -> JSONValue {
            var object: JSONValue = [:]
            for trend in trends { object[trend.uuidString.lowercased()] = values[trend].map(json) }
            return object
        }
        var value: JSONValue = [
            "version": .integer(Self.version), "research": byTrend(research) { $0.json },
            "scoring": byTrend(scoring) { $0.json }, "models": modelNames, "dollars": .double(dollars),
            "gone": .array(trends.filter(gone.contains).map { .string($0.uuidString.lowercased()) }),
        ]
        if let ranking { value["ranking"] = .array(ranking.map(\.json)) }
        return value
    }

    /// Throws for a checkpoint that can't be gone on with.
    private init(_ trends: [UUID], _ checkpoint: JSONValue) throws {
        guard checkpoint["version"]?.integerValue == Self.version else { throw WrongAnswer("another version") }
        self.trends = trends
        for trend in trends {
            let name = trend.uuidString.lowercased()
            if let value = checkpoint["research"]?[name] { research[trend] = try Research(value) }
            if let value = checkpoint["scoring"]?[name] { scoring[trend] = try Scoring(value) }
            if checkpoint["gone"]?.arrayValue?.contains(.string(name)) == true { gone.insert(trend) }
        }
        // A client may have reported anything: a ranking is of all that is left.
        if checkpoint["ranking"] != nil, next == .ranking {
            ranking = try RankedIdea.ranking(checkpoint, of: ideas.count)
        }
        for step in AnalysisStep.allCases { models[step] = checkpoint["models"]?[step.rawValue]?.stringValue }
        let spent = checkpoint["dollars"]?.doubleValue ?? 0
        dollars = spent.isFinite ? max(spent, 0) : 0
    }
}
