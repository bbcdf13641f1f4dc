import Foundation
import GRDB
import JSON
import SearchEngine

extension Event {
    /// `nil` for a kind that this program doesn't know.
    init?(_ row: Row) throws {
        let reader = ColumnReader(row, of: "events")
        guard let type = EventType(rawValue: try reader.value("type")) else { return nil }
        self.init(
            sequence: try reader.value("sequence"), type: type, subject: try reader.id("subject"),
            at: try reader.time("at"), data: try reader.json("data"))
    }
}

extension TrendTransaction {
    /// Adds an event to the log, with this transaction.
    func note(_ type: EventType, _ subject: UUID, _ data: JSONObject) throws {
        let db = try database()
        let at = Timestamp.now
        let data = JSONValue.object(data)
        try db.cachedStatement(sql: "INSERT INTO events (type, subject, at, data) VALUES (?, ?, ?, ?)")
            .execute(arguments: [type.rawValue, subject.text, at.microseconds, data.text])
        noted.append(
            Event(sequence: db.lastInsertedRowID, type: type, subject: subject, at: at, data: data))
    }
}

extension Trend {
    /// What events tell of it.
    var eventData: JSONObject {
        [
            "id": .string(id.text), "title": .string(title), "source": .string(source.rawValue),
            "category": category.map { .string($0) } ?? .null, "tags": .array(tags.map { .string($0) }),
            "url": url.map { .string($0) } ?? .null, "engagement_score": .double(engagementScore),
            "velocity": .double(velocity), "stage": .string(stage.rawValue),
        ]
    }
}

extension Idea {
    var eventData: JSONObject {
        [
            "id": .string(id.text), "trend_id": .string(trendID.text), "title": .string(title),
            "total_score": JSONValue(totalScore), "status": .string(status.rawValue),
        ]
    }
}
