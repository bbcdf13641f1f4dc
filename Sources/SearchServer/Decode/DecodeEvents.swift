import Foundation
import JSON
import NIOHTTP1
import Services
import TrendStore

/// What a request at `/api/v1/events` asks for.
enum EventsRequest {
    case follow(EventOperations.Following)
    case list(EventOperations.PageRequest)
}

extension TrendParameters {
    /// - Parameter lastEventID: the header in which a client of server-sent events says where it was. The address of a connection
    ///   that is taken up again is that of the first one, so that the header goes before `after`.
    mutating func events(lastEventID: String?) throws -> EventsRequest {
        let follows = bool("follow") ?? true
        let filter = eventFilter()
        var place = eventPlace()
        if let lastEventID {
            if let sequence = Int64(lastEventID), sequence >= 0 {
                place = .behind(sequence)
            } else {
                fields.note("Last-Event-ID", "must be the id of an event, not `\(lastEventID.prefix(100))`")
            }
        }
        guard follows else {
            var page = EventOperations.PageRequest(filter, from: place ?? .oldest)
            page.limit = limit() ?? page.limit
            try finish()
            return .list(page)
        }
        for name in ["limit", "timeout"] { refuse(name, "is for `follow=false`: a stream has no end") }
        try finish()
        return .follow(.init(filter, from: place ?? .now, .serverSentEvents))
    }

    /// The parameters of a WebSocket.
    mutating func webSocket() throws -> EventOperations.Following {
        let following = EventOperations.Following(eventFilter(), from: eventPlace() ?? .now, .webSocket)
        refuse("timeout", "is for answers: a stream has no end")
        try finish()
        return following
    }

    private mutating func eventPlace() -> EventOperations.Place? {
        integer("after", in: 0...Int.max).map { .parameter(Int64($0)) }
    }

    private mutating func eventFilter() -> EventFilter {
        fields.eventFilter(types: list("types"), subjects: list("subjects"))
    }
}

extension FieldReader {
    /// A filter of the names of types and subjects; `nil` where any will do.
    mutating func eventFilter(types: [String]?, subjects: [String]?) -> EventFilter {
        var filter = EventFilter()
        func each<Value: Hashable>(
            _ texts: [String]?, _ field: String, _ value: (String, String) -> Value?
        ) -> (values: Set<Value>, problem: String?) {
            guard let texts else { return ([], nil) }
            // Nothing would be every event.
            guard !texts.isEmpty else { return ([], "must have at least one value") }
            guard texts.count <= EventOperations.mostSubjects else {
                return ([], "must be at most \(EventOperations.mostSubjects) values, not \(texts.count)")
            }
            return (Set(texts.enumerated().compactMap { value($1, "\(field)[\($0)]") }), nil)
        }
        var this = self
        let chosen = each(types, "types") { text, field -> EventType? in this.member(text, field) }
        let about = each(subjects, "subjects") { text, field in this.id(text, field) }
        if let problem = chosen.problem { this.note("types", problem) }
        if let problem = about.problem { this.note("subjects", problem) }
        self = this
        (filter.types, filter.subjects) = (chosen.values, about.values)
        return filter
    }
}

/// What a client of a WebSocket asks for.
enum EventCommand {
    /// `{"subscribe": {"types": […], "subjects": […]}}`
    case subscribe(EventFilter)
    /// `{"ping": "…"}`, for browsers, whose pages can't send the protocol's own.
    case ping(String)

    private static let mostPingBytes = 125

    /// Throws a `ServiceError` that names what is wrong, or a `JSONError`.
    init(_ text: [UInt8]) throws {
        self = try JSONReader.parse(text) { try Self.read(&$0) }
    }

    private static func read(_ reader: inout JSONReader) throws -> EventCommand {
        var fields = FieldReader()
        var commands: [EventCommand] = []
        try reader.readMembers { reader, key in
            switch key {
            case "subscribe":
                guard try reader.peek() == .object else {
                    fields.note("subscribe", "must be an object")
                    return try reader.skipValue()
                }
                commands.append(.subscribe(try readFilter(&reader, &fields)))
            case "ping":
                guard let text = try fields.string(&reader, "ping") else { return }
                if text.utf8.count > mostPingBytes { fields.note("ping", "must have at most \(mostPingBytes) bytes") }
                commands.append(.ping(text))
            default: try fields.unknown(&reader, key.string)
            }
        }
        if commands.count != 1, fields.problems.isEmpty {
            fields.note("subscribe", "or `ping` must be given, and one of them alone")
        }
        try fields.throwAny()
        return commands[0]
    }

    private static func readFilter(_ reader: inout JSONReader, _ fields: inout FieldReader) throws -> EventFilter {
        var types: [String]?
        var subjects: [String]?
        try reader.readMembers { reader, key in
            switch key {
            case "types": types = try fields.strings(&reader, "types") ?? types
            case "subjects": subjects = try fields.strings(&reader, "subjects") ?? subjects
            default: try fields.unknown(&reader, key.string)
            }
        }
        return fields.eventFilter(types: types, subjects: subjects)
    }
}
