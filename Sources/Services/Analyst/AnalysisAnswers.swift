import JSON
import TrendStore

/// Why an answer isn't taken, in words that are told to the model.
package struct WrongAnswer: Error, Equatable {
    package var reason: String

    package init(_ reason: String) { self.reason = reason }
}

/// What research has found about a trend, and the idea that follows.
struct Research: Equatable {
    var title: String
    var description: String
    var summary: String
    var audience: String
    var competitors: [String]
    var risks: [String]
}

/// An idea's scores, and why they are so.
struct Scoring: Equatable {
    var scores: IdeaScores
    var reasoning: String?
}

/// What is thought of an idea beside the others.
struct RankedIdea: Equatable {
    enum Recommendation: String, CaseIterable {
        case pursue, watch, drop
    }

    /// Its number, from 1.
    var idea: Int
    var recommendation: Recommendation
    var reason: String
}

/// Reads what a model answered, or what a checkpoint says. Members that nobody asked for are left out; everything else has to be right.
/// Sizes are bounded so that the checkpoint of a job with the most trends fits into a job.
enum AnalysisAnswer {
    /// Of an answer as it came: escapes and white space make it longer than what is kept of it.
    private static let mostBytes = 256 << 10

    /// Throws where what is kept of an answer takes too much.
    static func check(_ kept: JSONValue, longest: Int) throws(WrongAnswer) {
        let count = kept.serialized().count
        guard count <= longest else {
            throw WrongAnswer("its texts have \(count) bytes of UTF-8 in all, and may have at most \(longest)")
        }
    }

    /// The JSON object of a text, which may stand in a code fence.
    static func object(_ content: String) throws(WrongAnswer) -> JSONValue {
        let text = unfenced(content)
        guard text.utf8.count <= mostBytes else {
            throw WrongAnswer("it has \(text.utf8.count) bytes, and may have at most \(mostBytes)")
        }
        let value: JSONValue
        do { value = try JSONValue(parsing: text.utf8, maximumDepth: 8) } catch {
            throw WrongAnswer("it is not valid JSON: \(error)")
        }
        guard case .object = value else { throw WrongAnswer("it is not a JSON object") }
        return value
    }

    /// Without white space around it, and without the lines of one code fence around it.
    private static func unfenced(_ content: String) -> Substring {
        func trimmed(_ text: Substring) -> Substring {
            var text = text
            while text.first?.isWhitespace == true { text.removeFirst() }
            while text.last?.isWhitespace == true { text.removeLast() }
            return text
        }
        let text = trimmed(content[...])
        guard text.hasPrefix("```"), text.hasSuffix("```"), let line = text.firstIndex(where: \.isNewline) else {
            return text
        }
        let inner = text[text.index(after: line)...]
        return inner.utf8.count >= 3 ? trimmed(inner.dropLast(3)) : text
    }

    static func text(
        _ value: JSONValue, _ name: String, longest: Int
    ) throws(WrongAnswer) -> String {
        guard let text = value[name]?.stringValue else { throw WrongAnswer("`\(name)` must be a text") }
        return try checked(text, name, longest: longest)
    }

    private static func checked(_ text: String, _ name: String, longest: Int) throws(WrongAnswer) -> String {
        let count = text.unicodeScalars.count
        guard (1...longest).contains(count) else {
            throw WrongAnswer("`\(name)` must have 1 to \(longest) characters, not \(count)")
        }
        guard !text.utf8.contains(0) else { throw WrongAnswer("`\(name)` must not contain U+0000") }
        return text
    }

    static func texts(_ value: JSONValue, _ name: String, longest: Int) throws(WrongAnswer) -> [String] {
        let most = AnalysisLengths.mostElements
        guard let elements = value[name]?.arrayValue, elements.count <= most else {
            throw WrongAnswer("`\(name)` must be a list of at most \(most) texts")
        }
        var texts: [String] = []
        for (place, element) in elements.enumerated() {
            guard let text = element.stringValue else { throw WrongAnswer("`\(name)[\(place)]` must be a text") }
            texts.append(try checked(text, "\(name)[\(place)]", longest: longest))
        }
        return texts
    }

    static func integer(_ value: JSONValue, _ name: String, _ range: ClosedRange<Int>) throws(WrongAnswer) -> Int {
        guard let member = value[name] else { throw WrongAnswer("`\(name)` is missing") }
        guard let number = member.integerValue, let number = Int(exactly: number), range.contains(number) else {
            throw WrongAnswer("`\(name)` must be an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}

/// How long the parts of answers may be, in characters; prompts tell the same. With the most trends, all of them fit into a job's
/// checkpoint.
enum AnalysisLengths {
    static let title = 200
    static let description = 1_200
    static let summary = 1_200
    static let audience = 300
    /// Competitors, and risks.
    static let mostElements = 8
    static let element = 200
    /// Of the above together, in bytes of UTF-8.
    static let researchBytes = 7 << 10
    static let reasoning = 500
    static let reason = 150
}

extension Research {
    init(_ value: JSONValue) throws(WrongAnswer) {
        title = try AnalysisAnswer.text(value, "title", longest: AnalysisLengths.title)
        description = try AnalysisAnswer.text(value, "description", longest: AnalysisLengths.description)
        summary = try AnalysisAnswer.text(value, "summary", longest: AnalysisLengths.summary)
        audience = try AnalysisAnswer.text(value, "audience", longest: AnalysisLengths.audience)
        competitors = try AnalysisAnswer.texts(value, "competitors", longest: AnalysisLengths.element)
        risks = try AnalysisAnswer.texts(value, "risks", longest: AnalysisLengths.element)
        try AnalysisAnswer.check(json, longest: AnalysisLengths.researchBytes)
    }

    var json: JSONValue {
        [
            "title": .string(title), "description": .string(description), "summary": .string(summary),
            "audience": .string(audience), "competitors": .array(competitors.map { .string($0) }),
            "risks": .array(risks.map { .string($0) }),
        ]
    }
}

extension Scoring {
    init(_ value: JSONValue) throws(WrongAnswer) {
        scores = IdeaScores(
            marketSize: 0, competition: 0, demand: 0, monetization: 0, feasibility: 0, timeToMarket: 0)
        for score in IdeaScore.allCases {
            scores[score] = try AnalysisAnswer.integer(value, score.rawValue, 0...100)
        }
        if let given = value["reasoning"], !given.isNull {
            reasoning = try AnalysisAnswer.text(value, "reasoning", longest: AnalysisLengths.reasoning)
        }
    }

    var json: JSONValue {
        var value: JSONValue = [:]
        for score in IdeaScore.allCases { value[score.rawValue] = JSONValue(scores[score]) }
        if let reasoning { value["reasoning"] = .string(reasoning) }
        return value
    }
}

extension RankedIdea {
    /// All ideas from the best to the worst, each once.
    static func ranking(_ value: JSONValue, of count: Int) throws(WrongAnswer) -> [RankedIdea] {
        guard let elements = value["ranking"]?.arrayValue, elements.count == count else {
            throw WrongAnswer("`ranking` must be a list of \(count) objects, one for each idea")
        }
        var ranking: [RankedIdea] = []
        for (place, element) in elements.enumerated() {
            do throws(WrongAnswer) {
                let ranked = try RankedIdea(element, of: count)
                guard !ranking.contains(where: { $0.idea == ranked.idea }) else {
                    throw WrongAnswer("`idea` \(ranked.idea) stands there twice")
                }
                ranking.append(ranked)
            } catch { throw WrongAnswer("in `ranking[\(place)]` \(error.reason)") }
        }
        return ranking
    }

    private init(_ value: JSONValue, of count: Int) throws(WrongAnswer) {
        idea = try AnalysisAnswer.integer(value, "idea", 1...count)
        guard let recommendation = value["recommendation"]?.stringValue.flatMap(Recommendation.init(rawValue:)) else {
            throw WrongAnswer("`recommendation` must be `pursue`, `watch` or `drop`")
        }
        self.recommendation = recommendation
        reason = try AnalysisAnswer.text(value, "reason", longest: AnalysisLengths.reason)
    }

    var json: JSONValue {
        [
            "idea": JSONValue(idea), "recommendation": .string(recommendation.rawValue), "reason": .string(reason),
        ]
    }
}
