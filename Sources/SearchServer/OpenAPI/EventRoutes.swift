import JSON
import Services
import TrendStore

/// What the description says of ``Endpoints/events`` and ``Endpoints/descriptions``.
extension RouteDescription {
    private static let eventFilters: [Parameter] = [
        .query(
            "types",
            .array(of: .member(of: EventType.self), most: EventOperations.mostSubjects, least: 1),
            "Only events of these types; with commas between.", example: ["trend.created", "trend.updated"]),
        .query(
            "subjects", .array(of: .id, most: EventOperations.mostSubjects, least: 1),
            "Only events about these rows; with commas between.", example: [Examples.trendID]),
        .query(
            "after", .integer(atLeast: 0),
            "A sequence: what came behind it is told first. 0 begins with the oldest event. Without it a stream begins now, a page with the oldest.",
            example: 0),
    ]

    private static let streamErrors = [410]

    static let events: [RouteDescription] = [
        .init(
            method: .GET, path: "/events", name: "readEvents", summary: "Follow the events, or read a page of them",
            details: """
                Server-sent events without an end or, with `follow=false`, a page. Each server-sent event has `id` (the sequence), `event` (the \
                type) and `data` (an `Event`); one named `error` ends a stream that can't go on. `limit` and `timeout` are for pages alone.
                """,
            parameters: [
                .query(
                    "follow", Schema.boolean.byDefault(true), "Whether to wait for what happens from now on.",
                    example: false)
            ] + eventFilters + [
                .query(
                    "limit",
                    .integer(FieldReader.limits).byDefault(
                        JSONValue(EventOperations.PageRequest(.init(), from: .oldest).limit)),
                    "The most events of a page.", example: 5),
                .init(
                    name: "Last-Event-ID", place: .header, schema: .integer(atLeast: 0),
                    about: "The sequence that a client has seen last. It goes before `after`.", example: 0),
            ],
            answers: [
                .init(
                    status: 200, about: "A page, or a stream",
                    contents: [
                        page.contents[0],
                        .init(
                            type: "text/event-stream",
                            schema: Schema.string.about("Messages of `id`, `event` and `data`, and comments.")),
                    ])
            ], errors: streamErrors),
        .init(
            method: .GET, path: "/ws", name: "openWebSocket", summary: "Follow the events over a WebSocket",
            details: """
                The same as `/ws` at the server's root. Messages are objects: `hello` with a `sequence` first, then an `Event` each; `position` \
                tells a sequence that was passed over. A client may send `{"subscribe": {"types", "subjects"}}` and `{"ping"}`. A browser shows \
                its key as the subprotocol `trendex.key.` with the key in base64url, beside `trendex.events`.
                """,
            parameters: eventFilters,
            answers: [.init(status: 101, about: "The WebSocket is open", contents: [])], errors: [410, 426],
            takesTimeout: false),
    ]

    private static let page = Answer.data(
        200, "A page",
        .answer([
            "items": .array(of: .reference("Event"), most: FieldReader.limits.upperBound),
            "total": Schema.integer(atLeast: 0).about("All that match behind `after`."), "has_more": .boolean,
            "next": Schema.integer(atLeast: 0).about("`after` of the next page, or of the next look."),
        ]), ["items": [Examples.event], "total": 1, "has_more": false, "next": 12],
        meta: (
            .answer(["total": .integer(atLeast: 0), "page": .constant(1), "has_more": .boolean]),
            ["total": 1, "page": 1, "has_more": false]
        ))

    static let descriptions: [RouteDescription] = [
        .init(
            method: .GET, path: "/openapi.json", name: "getDescription", summary: "This description, as OpenAPI 3.1",
            answers: [
                .init(
                    status: 200, about: "The description",
                    contents: [.init(schema: .anyObject, example: ["openapi": "3.1.1"])])
            ], takesTimeout: false),
        .init(
            method: .GET, path: "/docs", name: "getDocumentation", summary: "A page that shows this description",
            details: "It loads nothing from elsewhere, and sends requests to this server.",
            answers: [
                .init(status: 200, about: "The page", contents: [.init(type: "text/html", schema: .string)])
            ], takesTimeout: false),
    ]
}
