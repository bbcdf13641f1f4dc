import JSON
import NIOHTTP1
import Services
import TrendStore

/// Streams of events and pages of their log.
extension Endpoints {
    static let events: [Endpoint] = [
        webSocket("/ws"), webSocket(Endpoint.Envelope.trendPrefix + "ws"),
        Endpoint(
            method: .GET, path: Endpoint.Envelope.trendPrefix + "events",
            requirement: EventOperations.follow.requirement,
            body: .none,
            work: .events { call in
                var parameters = TrendParameters(call.query)
                switch try parameters.events(lastEventID: call.headers.first(name: "last-event-id")) {
                case .follow(let following): return .stream(try follow(following, call))
                case .list(let request):
                    return .page { call in listReply(try call.ask(EventOperations.list, request)) }
                }
            }),
    ]

    private static func webSocket(_ path: String) -> Endpoint {
        Endpoint(
            method: .GET, path: path, requirement: EventOperations.follow.requirement, body: .none,
            work: .webSocket { call in
                var parameters = TrendParameters(call.query)
                return try follow(parameters.webSocket(), call)
            })
    }

    private static func follow(_ following: EventOperations.Following, _ call: Call) throws -> EventFeed {
        var following = following
        following.limits.patience = call.service.configuration.eventPatience
        return try call.ask(EventOperations.follow, following, by: Caller(call.principal))
    }

    /// `{"items": […], "total": …, "has_more": …, "next": …}`
    private static func listReply(_ page: EventLog.Page) -> Reply {
        .success(
            meta: { writer in
                writer.key("total")
                writer.write(page.total)
                writer.key("page")
                writer.write(1)
                writer.key("has_more")
                writer.write(page.hasMore)
            },
            { writer in
                writer.object { writer in
                    writer.key("items")
                    writer.array { writer in for event in page.events { writer.write(event) } }
                    writer.key("total")
                    writer.write(page.total)
                    writer.key("has_more")
                    writer.write(page.hasMore)
                    writer.key("next")
                    writer.write(page.next)
                }
            })
    }
}
