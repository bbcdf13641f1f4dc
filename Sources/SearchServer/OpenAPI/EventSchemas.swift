import JSON
import TrendStore

/// Events as the log keeps them: the row in short, as it was after the change (`eventData` of each kind of row).
enum EventSchemas {
    private static func event(_ kind: String, _ data: Schema) -> Schema {
        let types = EventType.allCases.map(\.rawValue).filter { $0.hasPrefix(kind + ".") }
        return .answer([
            "type": .member(of: types), "sequence": .integer(atLeast: 1), "at": .toldTime, "subject": .id,
            "data": data,
        ])
    }

    private static let trend = event(
        "trend",
        .answer([
            "id": .id, "title": .text(FieldRules.titleLength), "source": .member(of: TrendSource.self),
            "category": Schema.keyword.orNull, "tags": .array(of: .keyword, most: FieldRules.maximumTags),
            "url": TrendSchemas.url.orNull, "engagement_score": .number(atLeast: 0), "velocity": .number(),
            "stage": .member(of: TrendStage.self),
        ]))
    private static let idea = event(
        "idea",
        .answer([
            "id": .id, "trend_id": .id, "title": .text(FieldRules.titleLength),
            "total_score": .integer(FieldRules.score), "status": .member(of: IdeaStatus.self),
        ]))
    private static let business = event(
        "business",
        .answer([
            "id": .id, "idea_id": Schema.id.orNull, "name": .text(FieldRules.nameLength),
            "domain": Schema.string.orNull, "status": .member(of: BusinessStatus.self),
            "users_count": .integer(atLeast: 0),
            "revenue_monthly": .string(pattern: #"^-?[0-9]{1,10}\.[0-9]{2}$"#),
        ]))
    private static let job = Schema.answer([
        "job_id": .id, "agent_type": .keyword, "status": .member(of: JobStatus.self), "progress": .number(0...1),
        "attempts": .integer(atLeast: 0), "worker": Schema.string.orNull, "message": Schema.string.orNull,
        "error": Schema.string.orNull,
    ])
    private static let execution = Schema.answer([
        "execution_id": .id, "job_id": Schema.id.orNull, "agent_type": .keyword,
        "status": .member(of: ExecutionStatus.self), "error": Schema.string.orNull,
    ]).about("Of a run that no job began.")
    private static let agent = event("agent", .oneOf(job, execution))

    static let all: Schema.Members = [
        "Event": .oneOf(
            .reference("TrendEvent"), .reference("IdeaEvent"), .reference("BusinessEvent"), .reference("AgentEvent")),
        "TrendEvent": trend, "IdeaEvent": idea, "BusinessEvent": business, "AgentEvent": agent,
    ]
}
