import GRDB
import JSON
import SearchEngine

extension Trend: StoredRow {
    static var table: String { "trends" }

    static let columns = [
        "id", "title", "description", "url", "source", "category", "tags", "engagement_score", "velocity",
        "discovered_at", "metadata", "stage", "embedding_status",
    ]

    static let payloadKeys: Set<ByteString> = [
        "title", "source", "category", "tags", "url", "engagement_score", "velocity", "stage", "discovered_at",
    ]

    var embeddedText: [String?] { [title, description] }

    init(_ row: Row) throws {
        let reader = ColumnReader(row, of: Self.table)
        let tags = try reader.json("tags").arrayValue ?? []
        self.init(
            id: try reader.id("id"), title: try reader.value("title"),
            description: try reader.optional("description"), url: try reader.optional("url"),
            source: try reader.member("source"), category: try reader.optional("category"),
            tags: try tags.map { tag in
                guard let tag = tag.stringValue else { throw reader.damaged("tags") }
                return tag
            },
            engagementScore: try reader.value("engagement_score"), velocity: try reader.value("velocity"),
            discoveredAt: try reader.time("discovered_at"), metadata: try reader.json("metadata"))
        stage = try reader.member("stage")
        embeddingStatus = try reader.member("embedding_status")
    }

    var values: [(any DatabaseValueConvertible)?] {
        [
            id.text, title, description, url, source.rawValue, category, JSONValue.array(tags.map { .string($0) }).text,
            engagementScore, velocity, discoveredAt.microseconds, metadata.text, stage.rawValue,
            embeddingStatus.rawValue,
        ]
    }

    var payloadFields: JSONObject {
        var fields: JSONObject = ["title": .string(title), "source": .string(source.rawValue)]
        fields["category"] = category.map { .string($0) }
        fields["tags"] = .array(tags.map { .string($0) })
        fields["url"] = url.map { .string($0) }
        fields["engagement_score"] = .double(engagementScore)
        fields["velocity"] = .double(velocity)
        fields["stage"] = .string(stage.rawValue)
        fields["discovered_at"] = .string(discoveredAt.description)
        return fields
    }
}
