import GRDB
import JSON
import SearchEngine

extension Idea: StoredRow {
    static var table: String { "ideas" }

    static let columns =
        ["id", "trend_id", "title", "description"] + IdeaScore.allCases.map(\.rawValue)
        + ["analysis", "analyzed_at", "status", "embedding_status"]

    static let payloadKeys = Set(
        (["trend_id", "title", "total_score", "analyzed_at", "status"] + IdeaScore.allCases.map(\.rawValue)).map {
            ByteString($0)
        })

    var embeddedText: [String?] { [title, description] }

    init(_ row: Row) throws {
        let reader = ColumnReader(row, of: Self.table)
        var scores = IdeaScores(
            marketSize: 0, competition: 0, demand: 0, monetization: 0, feasibility: 0, timeToMarket: 0)
        for score in IdeaScore.allCases { scores[score] = try reader.value(score.rawValue) }
        self.init(
            id: try reader.id("id"), trendID: try reader.id("trend_id"), title: try reader.value("title"),
            description: try reader.optional("description"), scores: scores, analysis: try reader.json("analysis"),
            analyzedAt: try reader.time("analyzed_at"), status: try reader.member("status"))
        embeddingStatus = try reader.member("embedding_status")
    }

    var values: [(any DatabaseValueConvertible)?] {
        [id.text, trendID.text, title, description] + IdeaScore.allCases.map { scores[$0] }
            + [analysis.text, analyzedAt.microseconds, status.rawValue, embeddingStatus.rawValue]
    }

    var payloadFields: JSONObject {
        var fields: JSONObject = ["trend_id": .string(trendID.text), "title": .string(title)]
        for score in IdeaScore.allCases { fields[score.rawValue] = JSONValue(scores[score]) }
        fields["total_score"] = JSONValue(totalScore)
        fields["analyzed_at"] = .string(analyzedAt.description)
        fields["status"] = .string(status.rawValue)
        return fields
    }
}
