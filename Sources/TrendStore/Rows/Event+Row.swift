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
            at: try reader.time("at"), json: Array((try reader.value("data") as String).utf8))
    }
}

extension TrendTransaction {
    /// Adds an event to the log, with this transaction.
    ///
    /// - Parameter members: writes what it tells, the members of an object.
    func note(_ type: EventType, _ subject: UUID, _ members: (inout JSONWriter) -> Void) throws {
        let db = try database()
        let at = Timestamp.now
        var writer = JSONWriter()
        writer.object(members)
        let json = writer.bytes
        try db.cachedStatement(sql: "INSERT INTO events (type, subject, at, data) VALUES (?, ?, ?, ?)")
            .execute(arguments: [
                type.rawValue, subject.text, at.microseconds, String(decoding: json, as: UTF8.self),
            ])
        noted.append(
            Event(sequence: db.lastInsertedRowID, type: type, subject: subject, at: at, json: json))
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: StaticString, _ value: String?) {
        key(name)
        if let value { write(value) } else { writeNull() }
    }

    /// Of a text that may be long, events tell the beginning.
    fileprivate mutating func member(_ name: StaticString, beginningOf text: String?) {
        member(name, text.map { String($0.unicodeScalars.prefix(500)) })
    }

    fileprivate mutating func member(_ name: StaticString, _ value: Double) {
        key(name)
        write(value)
    }

    fileprivate mutating func member(_ name: StaticString, _ value: Int) {
        key(name)
        write(value)
    }
}

extension Trend {
    /// What events tell of it.
    func writeEvent(_ writer: inout JSONWriter) {
        writer.member("id", id.text)
        writer.member("title", title)
        writer.member("source", source.rawValue)
        writer.member("category", category)
        writer.key("tags")
        writer.array { writer in for tag in tags { writer.write(tag) } }
        writer.member("url", url)
        writer.member("engagement_score", engagementScore)
        writer.member("velocity", velocity)
        writer.member("stage", stage.rawValue)
    }
}

extension Idea {
    func writeEvent(_ writer: inout JSONWriter) {
        writer.member("id", id.text)
        writer.member("trend_id", trendID.text)
        writer.member("title", title)
        writer.member("total_score", totalScore)
        writer.member("status", status.rawValue)
    }
}

extension Business {
    func writeEvent(_ writer: inout JSONWriter) {
        writer.member("id", id.text)
        writer.member("idea_id", ideaID?.text)
        writer.member("name", name)
        writer.member("domain", domain)
        writer.member("status", status.rawValue)
        writer.member("users_count", usersCount)
        writer.member("revenue_monthly", revenueMonthly.description)
    }
}

extension Job {
    func writeEvent(_ writer: inout JSONWriter) {
        writer.member("job_id", id.text)
        writer.member("agent_type", type)
        writer.member("status", status.rawValue)
        writer.member("progress", progress)
        writer.member("attempts", attempts)
        writer.member("worker", worker)
        writer.member("message", beginningOf: message)
        writer.member("error", beginningOf: error)
    }
}

extension AgentExecution {
    func writeEvent(_ writer: inout JSONWriter) {
        writer.member("execution_id", id.text)
        writer.member("job_id", jobID?.text)
        writer.member("agent_type", agentType)
        writer.member("status", status.rawValue)
        writer.member("error", beginningOf: error)
    }
}
