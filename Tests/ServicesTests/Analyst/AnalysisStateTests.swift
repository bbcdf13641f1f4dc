import Foundation
import JSON
import Services
import Testing
import TrendStore

/// What an answer must be, and how an analysis goes on from a checkpoint.
@Suite struct AnalysisStateTests {
    private let a = UUID(), b = UUID()

    private func state(_ trends: [UUID], _ checkpoint: JSONValue? = nil) throws -> AnalysisState {
        try AnalysisState(
            params: ["trend_ids": .array(trends.map { .string($0.uuidString) })], checkpoint: checkpoint)
    }

    private func take(_ content: String, _ state: inout AnalysisState) throws {
        try state.take(content, to: try #require(state.next), of: "m")
    }

    /// Answers everything up to the step.
    private func advanced(_ trends: [UUID], to step: AnalysisStep) throws -> AnalysisState {
        var state = try state(trends)
        while let question = state.next, question.step != step { try take(GoodAnswers.content(question), &state) }
        return state
    }

    @Test func stepsComeInOrder() throws {
        var state = try state([a, b, a])
        var asked: [AnalysisState.Question] = []
        while let question = state.next {
            asked.append(question)
            #expect(state.progress == Double(asked.count - 1) / 5)
            try take(GoodAnswers.content(question), &state)
        }
        #expect(asked == [.research(a), .research(b), .scoring(a), .scoring(b), .ranking])
        #expect(state.progress == 1)
        let ideas = state.made(by: a, at: .now)
        // The ranking names the second first.
        #expect(ideas.map(\.trendID) == [b, a] && ideas.allSatisfy { $0.totalScore == 55 })
        #expect(ideas[0].analysis["ranking"]?["rank"] == 1 && ideas[0].analysis["ranking"]?["of"] == 2)
        #expect(ideas[0].analysis["models"] == ["research": "m", "scoring": "m", "ranking": "m"])
        #expect(ideas[0].analysis["scoring"]?["reasoning"] == "r")
    }

    @Test(arguments: [
        "", "no JSON", "{", "[]", "null", "```json\nnothing\n```", "{} {}", #"{"title": "t"}"#,
        String(repeating: "[", count: 10_000), #"{"a":"# + String(repeating: "[", count: 3_000),
        #"{"title": 1, "description": "d", "summary": "s", "audience": "a", "competitors": [], "risks": []}"#,
        #"{"title": "", "description": "d", "summary": "s", "audience": "a", "competitors": [], "risks": []}"#,
        #"{"title": "t\u0000", "description": "d", "summary": "s", "audience": "a", "competitors": [], "risks": []}"#,
        #"{"title": "t", "description": "d", "summary": "s", "audience": "a", "competitors": [1], "risks": []}"#,
        #"{"title": "t", "description": "d", "summary": "s", "audience": "a", "competitors": {}, "risks": []}"#,
        #"{"title": "t", "description": "d", "summary": "s", "audience": "a", "competitors": []}"#,
        "{\"title\": \"\(String(repeating: "x", count: 201))\", \"description\": \"d\", \"summary\": \"s\", \"audience\": \"a\", \"competitors\": [], \"risks\": []}",
        "{\"x\": \"\(String(repeating: "я", count: 140_000))\", \"title\": \"t\", \"description\": \"d\", \"summary\": \"s\", \"audience\": \"a\", \"competitors\": [], \"risks\": []}",
    ]) func wrongResearchIsRefused(content: String) throws {
        var state = try state([a])
        let before = state
        #expect(throws: WrongAnswer.self) { try take(content, &state) }
        #expect(state == before)
    }

    @Test(arguments: ["{}", "```json\n{}\n```", "```\n{}```", " \n```JSON\r\n{}\n``` \n"])
    func fencesAreTakenOff(form: String) throws {
        var state = try state([a])
        let good = GoodAnswers.content(.research(a))
        try take(form.replacingOccurrences(of: "{}", with: good), &state)
        #expect(state.next == .scoring(a))
    }

    @Test(
        arguments: [
            ("demand", "101", "`demand` must be an integer from 0 to 100"),
            ("demand", "-1", "`demand` must be an integer from 0 to 100"),
            ("feasibility", "50.0", "`feasibility` must be an integer from 0 to 100"),
            ("feasibility", "1e1", "`feasibility` must be an integer from 0 to 100"),
            ("market_size", "\"50\"", "`market_size` must be an integer from 0 to 100"),
            ("market_size", "true", "`market_size` must be an integer from 0 to 100"),
            ("competition", "null", "`competition` must be an integer from 0 to 100"),
            ("monetization", "[50]", "`monetization` must be an integer from 0 to 100"),
            ("time_to_market", "99999999999999999999", "`time_to_market` must be an integer from 0 to 100"),
            ("time_to_market", nil, "`time_to_market` is missing"),
            ("reasoning", "5", "`reasoning` must be a text"),
        ] as [(String, String?, String)])
    func wrongScoresAreNamed(name: String, value: String?, reason: String) throws {
        var state = try advanced([a], to: .scoring)
        var answer = try JSONValue(parsing: GoodAnswers.content(.scoring(a)).utf8)
        answer[name] = try value.map { try JSONValue(parsing: $0.utf8) }
        let content = answer.description
        #expect(throws: WrongAnswer(reason)) { try take(content, &state) }
    }

    @Test func edgesOfScoresAreTaken() throws {
        var state = try advanced([a], to: .scoring)
        try take(
            #"{"market_size":0,"competition":100,"demand":0,"monetization":100,"feasibility":0,"time_to_market":100}"#,
            &state)
        try take(GoodAnswers.rankingOfOne, &state)
        #expect(state.made(by: a, at: .now).map(\.totalScore) == [50])
    }

    @Test(arguments: [
        #"{"ranking": []}"#, #"{"ranking": [{"idea": 1, "recommendation": "drop", "reason": "r"}]}"#,
        #"{"ranking": [{"idea": 1, "recommendation": "drop", "reason": "r"}, {"idea": 1, "recommendation": "drop", "reason": "r"}]}"#,
        #"{"ranking": [{"idea": 1, "recommendation": "drop", "reason": "r"}, {"idea": 3, "recommendation": "drop", "reason": "r"}]}"#,
        #"{"ranking": [{"idea": 1, "recommendation": "drop", "reason": "r"}, {"idea": 0, "recommendation": "drop", "reason": "r"}]}"#,
        #"{"ranking": [{"idea": 1, "recommendation": "buy", "reason": "r"}, {"idea": 2, "recommendation": "drop", "reason": "r"}]}"#,
        #"{"ranking": [1, 2]}"#, #"{"ranking": "1, 2"}"#,
    ]) func wrongRankingsAreRefused(content: String) throws {
        var state = try advanced([a, b], to: .ranking)
        #expect(throws: WrongAnswer.self) { try take(content, &state) }
        #expect(state.next == .ranking)
    }

    // MARK: Checkpoints

    @Test func everyCheckpointGoesOnWhereItEnds() throws {
        var state = try state([a, b])
        state.dollars = 0.25
        while let question = state.next {
            let checkpoint = try JSONValue(parsing: state.checkpoint.serialized())
            #expect(try self.state([a, b], checkpoint) == state)
            try take(GoodAnswers.content(question), &state)
        }
        #expect(try self.state([a, b], state.checkpoint) == state)
    }

    /// A worker of another kind may have left its own.
    @Test func otherCheckpointsAreLeftAside() throws {
        let state = try advanced([a, b], to: .ranking)
        let damages: [(inout JSONValue) -> Void] = [
            { $0 = [:] }, { $0 = ["page": 2] }, { $0["version"] = 2 }, { $0["version"] = nil },
            { $0["research"]![a.uuidString.lowercased()] = ["title": "t"] },
            { $0["scoring"]![b.uuidString.lowercased()] = ["demand": 1_000] },
            { $0["ranking"] = [["idea": 7, "recommendation": "drop", "reason": "r"]] },
        ]
        for (number, damage) in damages.enumerated() {
            var checkpoint = state.checkpoint
            damage(&checkpoint)
            #expect(try self.state([a, b], checkpoint).next == .research(a), "damage \(number)")
        }
    }

    /// Whatever a client has reported as a checkpoint, an analysis goes on and ends.
    @Test func rankingsOfMoreThanIsLeft() throws {
        let whole = try advanced([a, b], to: .ranking)
        var checkpoint = whole.checkpoint
        checkpoint["scoring"]![b.uuidString.lowercased()] = nil
        checkpoint["ranking"] = [
            ["idea": 2, "recommendation": "drop", "reason": "r"], ["idea": 1, "recommendation": "drop", "reason": "r"],
        ]
        var state = try self.state([a, b], checkpoint)
        #expect(state.next == .scoring(b))
        state.drop(b)
        #expect(state.next == .ranking && state.made(by: a, at: .now).isEmpty)
        var ranked = whole
        try take(GoodAnswers.content(.ranking), &ranked)
        ranked.drop(b)
        #expect(ranked.next == .ranking && ranked.made(by: a, at: .now).isEmpty)
    }

    @Test func goneTrendsAreLeftOut() throws {
        var state = try state([a, b])
        state.drop(a)
        #expect(try self.state([a, b], state.checkpoint).next == .research(b))
        while let question = state.next {
            try take(
                question == .ranking
                    ? #"{"ranking": [{"idea": 1, "recommendation": "watch", "reason": "r"}]}"#
                    : GoodAnswers.content(question), &state)
        }
        #expect(state.made(by: a, at: .now).map(\.trendID) == [b])
        var empty = try self.state([a])
        empty.drop(a)
        #expect(empty.next == nil && empty.progress == 1 && empty.made(by: a, at: .now).isEmpty)
    }

    @Test(arguments: [
        "{}", #"{"trend_ids": []}"#, #"{"trend_ids": "x"}"#, #"{"trend_ids": ["x"]}"#, #"{"trend_ids": [1]}"#,
        #"{"trend_ids": null}"#,
    ]) func wrongParamsAreRefused(params: String) throws {
        #expect(throws: ServiceError.self) {
            try AnalysisState(params: JSONValue(parsing: params.utf8), checkpoint: nil)
        }
    }

    /// The checkpoint of the largest job that can be fits into a job: 1 MiB.
    @Test func theLargestCheckpointFits() throws {
        let trends = (0..<IdeaOperations.mostTrendsOfAnalysis).map { _ in UUID() }
        var state = try state(trends)
        let texts = String(repeating: "я", count: 1_200)
        while let question = state.next {
            switch question {
            case .research:
                try take(
                    #"{"title": "t", "description": "\#(texts)", "summary": "\#(texts)", "audience": "\#(texts.prefix(300))", "competitors": ["\#(texts.prefix(200))"], "risks": ["\#(texts.prefix(200))"]}"#,
                    &state)
            case .scoring:
                try take(
                    #"{"market_size":100,"competition":100,"demand":100,"monetization":100,"feasibility":100,"time_to_market":100,"reasoning":"\#(texts.prefix(500))"}"#,
                    &state)
            case .ranking:
                let entries = (1...trends.count).map {
                    #"{"idea":\#($0),"recommendation":"pursue","reason":"\#(texts.prefix(150))"}"#
                }
                try take(#"{"ranking": [\#(entries.joined(separator: ","))]}"#, &state)
            }
        }
        #expect((500_000...1 << 20).contains(state.checkpoint.serialized().count))
        #expect(state.made(by: a, at: .now).count == trends.count)
    }
}

/// Answers that can be used.
enum GoodAnswers {
    static func content(_ question: AnalysisState.Question) -> String {
        switch question {
        case .research: research
        case .scoring: scoring
        case .ranking:
            #"{"ranking": [{"idea": 2, "recommendation": "pursue", "reason": "better"}, {"idea": 1, "recommendation": "drop", "reason": "worse"}]}"#
        }
    }

    static let research =
        #"{"title": "Panels by subscription", "description": "d", "summary": "s", "audience": "a", "competitors": ["c"], "risks": ["r"]}"#
    static let scoring =
        #"{"market_size": 80, "competition": 35, "demand": 71, "monetization": 60, "feasibility": 50, "time_to_market": 39, "reasoning": "r"}"#
    static let rankingOfOne = #"{"ranking": [{"idea": 1, "recommendation": "pursue", "reason": "alone"}]}"#
}
