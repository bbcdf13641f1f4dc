import Foundation
import JSON
import SearchServer
import Testing

/// Streams of events over real sockets: what they tell, and who gets them.
@Suite struct EventStreamTests {
    private static let ws = "/api/v1/ws"

    private func trend(_ title: String, _ source: String = "vk") -> String {
        #"{"title": "\#(title)", "source": "\#(source)"}"#
    }

    private func metric(_ server: TestServer, _ name: String) async throws -> Int? {
        try await server.send(.GET, "/metrics").text.split(separator: "\n")
            .first { $0.hasPrefix(name + " ") }.flatMap { Int($0.dropFirst(name.count + 1)) }
    }

    @Test func handshakeIsThatOfTheStandard() async throws {
        try await withServer { server in
            for path in ["/ws", Self.ws] {
                try await EventSocket.with(server) { socket in
                    let head = try await socket.handshake(path).lowercased()
                    #expect(head.hasPrefix("http/1.1 101 switching protocols\r\n"))
                    #expect(head.contains("\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"))
                    #expect(head.contains("\r\nupgrade: websocket\r\n") && head.contains("\r\nconnection: upgrade\r\n"))
                    #expect(!head.contains("content-length") && !head.contains("transfer-encoding"))
                    #expect(!head.contains("sec-websocket-protocol"))
                    #expect(try await socket.message() == ["type": "hello", "sequence": 0])
                }
            }
        }
    }

    @Test func requestsThatAreNoHandshakeAreRefused() async throws {
        try await withServer { server in
            let host = "GET /ws HTTP/1.1\r\nHost: x\r\n"
            let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            let version = "Sec-WebSocket-Version: 13\r\n"
            for (request, status, code) in [
                (host, 426, "UPGRADE_REQUIRED"),
                (host + "Connection: Upgrade\r\nUpgrade: h2c\r\n" + key + version, 426, "UPGRADE_REQUIRED"),
                (host + "Upgrade: websocket\r\n" + key + version, 426, "UPGRADE_REQUIRED"),
                (host + upgrade + key, 426, "UPGRADE_REQUIRED"),
                (host + upgrade + key + "Sec-WebSocket-Version: 8\r\n", 426, "UPGRADE_REQUIRED"),
                (host + upgrade + version, 400, "MALFORMED_REQUEST"),
                (host + upgrade + version + "Sec-WebSocket-Key: c2hvcnQ=\r\n", 400, "MALFORMED_REQUEST"),
                (host + upgrade + version + key + key, 400, "MALFORMED_REQUEST"),
                (
                    "GET /ws?types=x&subjects=1&after=-1&limit=2&timeout=3 HTTP/1.1\r\nHost: x\r\n" + upgrade + version
                        + key,
                    422, "VALIDATION_ERROR"
                ),
            ] {
                try await EventSocket.with(server) { socket in
                    try await socket.write(request + "\r\n")
                    let head = try await socket.head()
                    #expect(head.hasPrefix("HTTP/1.1 \(status) "), "\(request)\(head)")
                    if status == 426 { #expect(head.lowercased().contains("\r\nsec-websocket-version: 13\r\n")) }
                    let body = try await socket.text(upTo: "\"}}")
                    let error = try JSONValue(parsing: Array(body.utf8))["error"]
                    #expect(error?["code"] == .string(code), "\(request)")
                    if status == 422 {
                        #expect(
                            Set((error?["details"]?.arrayValue ?? []).compactMap { $0["field"]?.stringValue })
                                == ["types[0]", "subjects[0]", "after", "limit", "timeout"])
                    }
                }
            }
            // A body would stand where frames are expected.
            let body = host + upgrade + version + key + "Content-Length: 5\r\n\r\nhello"
            #expect(try await server.raw(body, closingInput: false).hasPrefix("HTTP/1.1 400 "))
        }
    }

    @Test func webSocketTellsWhatHappens() async throws {
        try await withServer { server in
            try await EventSocket.webSocket(server) { socket in
                let id = try await server.create(trend("Balcony solar"))
                let created = try await socket.message()
                #expect(created["type"] == "trend.created" && created["sequence"] == 1)
                #expect(created["subject"] == .string(id) && created["data"]?["title"] == "Balcony solar")
                #expect(created["at"]?.stringValue?.hasSuffix("Z") == true)
                _ = try await server.data(200, .PATCH, "/api/v1/trends/\(id)", #"{"title": "Plug-in solar"}"#)
                let updated = try await socket.message()
                #expect(updated["type"] == "trend.updated" && updated["data"]?["title"] == "Plug-in solar")
                _ = try await server.data(200, .DELETE, "/api/v1/trends/\(id)")
                #expect(try await socket.message()["type"] == "trend.deleted")
            }
            // From now on, from the oldest, and behind a place.
            try await EventSocket.with(server) { socket in
                _ = try await socket.handshake("/ws")
                #expect(try await socket.message() == ["type": "hello", "sequence": 3])
            }
            for (after, first) in [(0, 1), (1, 2), (2, 3)] {
                try await EventSocket.webSocket(server, "/ws?after=\(after)") { socket in
                    for sequence in first...3 {
                        let event = try await socket.message()
                        #expect(event["sequence"]?.integerValue == Int64(sequence))
                    }
                }
            }
        }
    }

    @Test func filtersChooseAndCanBeChanged() async throws {
        try await withServer { server in
            let first = try await server.create(trend("A"))
            let second = try await server.create(trend("B"))
            try await EventSocket.webSocket(server, "/ws?types=trend.updated,trend.deleted&subjects=\(second)&after=0")
            { socket in
                for id in [first, second] {
                    _ = try await server.data(200, .PATCH, "/api/v1/trends/\(id)", #"{"title": "C"}"#)
                }
                #expect(try await socket.message()["subject"] == .string(second))
                try await socket.send(#"{"subscribe": {"types": ["trend.created"]}}"#)
                let answer = try await socket.message()
                #expect(answer == ["type": "subscribed", "sequence": 4, "types": ["trend.created"], "subjects": []])
                _ = try await server.data(200, .PATCH, "/api/v1/trends/\(second)", #"{"title": "D"}"#)
                let third = try await server.create(trend("E"))
                #expect(try await socket.message()["subject"] == .string(third))
                // Everything.
                try await socket.send(#"{"subscribe": {}}"#)
                #expect(try await socket.message()["type"] == "subscribed")
                _ = try await server.data(200, .DELETE, "/api/v1/trends/\(third)")
                #expect(try await socket.message()["type"] == "trend.deleted")
            }
        }
    }

    @Test func wrongMessagesAreAnsweredAndTheConnectionStays() async throws {
        try await withServer { server in
            try await EventSocket.webSocket(server) { socket in
                for (message, code, fields) in [
                    ("{", "MALFORMED_REQUEST", []), ("[]", "MALFORMED_REQUEST", []), ("", "MALFORMED_REQUEST", []),
                    (String(repeating: "[", count: 60_000), "MALFORMED_REQUEST", []),
                    ("{}", "VALIDATION_ERROR", ["subscribe"]), (#"{"other": 1}"#, "VALIDATION_ERROR", ["other"]),
                    (#"{"subscribe": 1}"#, "VALIDATION_ERROR", ["subscribe"]),
                    (#"{"subscribe": {}, "ping": ""}"#, "VALIDATION_ERROR", ["subscribe"]),
                    (#"{"ping": 1}"#, "VALIDATION_ERROR", ["ping"]),
                    (#"{"ping": "\#(String(repeating: "x", count: 126))"}"#, "VALIDATION_ERROR", ["ping"]),
                    (
                        #"{"subscribe": {"types": ["trend.created", "x"], "subjects": ["y"], "z": 1}}"#,
                        "VALIDATION_ERROR",
                        ["z", "types[1]", "subjects[0]"]
                    ),
                    (#"{"subscribe": {"types": []}}"#, "VALIDATION_ERROR", ["types"]),
                ] as [(String, String, [String])] {
                    try await socket.send(message)
                    let answer = try await socket.message()
                    #expect(answer["type"] == "error", "\(message)")
                    #expect(answer["error"]?["code"] == .string(code), "\(message): \(answer)")
                    #expect(
                        answer["error"]?["details"]?.arrayValue?.compactMap { $0["field"]?.stringValue } == fields,
                        "\(message): \(answer)")
                }
                try await socket.send(#"{"ping": "are you there?"}"#)
                #expect(try await socket.message() == ["type": "pong", "ping": "are you there?"])
                // None of them has changed the filter.
                _ = try await server.create(trend("A"))
                #expect(try await socket.message()["type"] == "trend.created")
            }
        }
    }

    @Test func serverSentEventsAreThoseOfTheLog() async throws {
        try await withServer { server in
            try await EventSocket.with(server) { socket in
                try await socket.write("GET /api/v1/events?types=trend.created HTTP/1.1\r\nHost: x\r\n\r\n")
                let head = try await socket.head().lowercased()
                #expect(
                    head.hasPrefix("http/1.1 200 ok\r\n") && head.contains("\r\ncontent-type: text/event-stream\r\n"))
                #expect(try await socket.event() == ["retry": "2000", "id": "0"])
                let id = try await server.create(trend("A"))
                _ = try await server.data(200, .DELETE, "/api/v1/trends/\(id)")
                _ = try await server.create(trend("B"))
                let first = try await socket.event()
                #expect(first["id"] == "1" && first["event"] == "trend.created")
                let data = try JSONValue(parsing: Array((first["data"] ?? "").utf8))
                #expect(data["sequence"] == 1 && data["subject"] == .string(id) && data["data"]?["title"] == "A")
                #expect(try await socket.event()["id"] == "3")
            }
            // Where the header says, whatever the address of the first connection was; HTTP/1.0 knows no chunks.
            for (version, after, header, ids) in [
                ("1.1", "after=0", "", ["1", "2", "3"]), ("1.1", "after=0", "Last-Event-ID: 2\r\n", ["3"]),
                ("1.0", "after=1", "", ["2", "3"]),
            ] {
                try await EventSocket.with(server) { socket in
                    try await socket.write("GET /api/v1/events?\(after) HTTP/\(version)\r\nHost: x\r\n\(header)\r\n")
                    let head = try await socket.head()
                    #expect(head.hasPrefix("HTTP/\(version) 200 "))
                    #expect(head.lowercased().contains("chunked") == (version == "1.1"))
                    #expect(try await socket.event()["retry"] == "2000")
                    for id in ids { #expect(try await socket.event()["id"] == id) }
                }
            }
            let head = try await server.send(.HEAD, "/api/v1/events")
            #expect(head.status == 200 && head.headers.first(name: "content-type") == "text/event-stream")
        }
    }

    @Test func pagesOfTheLog() async throws {
        try await withServer { server in
            var ids: [String] = []
            for name in ["A", "B", "C"] { ids.append(try await server.create(trend(name))) }
            _ = try await server.data(200, .DELETE, "/api/v1/trends/\(ids[1])")
            func page(_ parameters: String) async throws -> (sequences: [Int64], data: JSONValue) {
                let data = try await server.data(200, .GET, "/api/v1/events?follow=false&\(parameters)")
                return ((data["items"]?.arrayValue ?? []).compactMap { $0["sequence"]?.integerValue }, data)
            }
            var (sequences, data) = try await page("limit=2")
            #expect(sequences == [1, 2])
            #expect(data["total"] == 4 && data["has_more"] == true && data["next"] == 2)
            (sequences, data) = try await page("after=2&limit=2")
            #expect(sequences == [3, 4])
            #expect(data["total"] == 2 && data["has_more"] == false && data["next"] == 4)
            (sequences, data) = try await page("types=trend.created&subjects=\(ids[1]),\(ids[2])")
            #expect(sequences == [2, 3] && data["total"] == 2 && data["next"] == 4)
            (sequences, data) = try await page("after=4")
            #expect(sequences.isEmpty && data["next"] == 4)
            // There never were such events.
            #expect(try await server.refused(410, .GET, "/api/v1/events?follow=false&after=5")["code"] == "GONE")
            #expect(try await server.refused(410, .GET, "/api/v1/events?after=5")["code"] == "GONE")
            for (parameters, fields) in [
                ("follow=perhaps", ["follow"]), ("limit=5", ["limit"]), ("timeout=5", ["timeout"]),
                ("follow=false&limit=0", ["limit"]), ("types=", ["types"]), ("types=trend.created,,x", ["types[1]"]),
                ("subjects=a", ["subjects[0]"]), ("after=x", ["after"]), ("what=1", ["what"]),
                ("subjects=" + (0...1_000).map { _ in ids[0] }.joined(separator: ","), ["subjects"]),
            ] {
                let error = try await server.refused(422, .GET, "/api/v1/events?\(parameters)")
                #expect(
                    (error["details"]?.arrayValue ?? []).compactMap { $0["field"]?.stringValue } == fields,
                    "\(parameters)")
            }
            let wrong = try await server.send(.GET, "/api/v1/events", headers: [("last-event-id", "x")])
            #expect(wrong.status == 422 && wrong.text.contains(#""field":"Last-Event-ID""#))
        }
    }

    /// A WebSocket can only say so when it is one.
    @Test func whatIsGoneEndsAWebSocketWithItsOwnCode() async throws {
        try await withServer { server in
            _ = try await server.create(trend("A"))
            try await EventSocket.with(server) { socket in
                #expect(try await socket.handshake("/ws?after=2").hasPrefix("HTTP/1.1 101 "))
                let error = try await socket.message()
                #expect(error["type"] == "error" && error["error"]?["code"] == "GONE")
                #expect(try await socket.closeCode() == 4410)
            }
            // The server counts the stream out just behind its last frame.
            let streams = #"trendex_event_streams{kind="websocket"}"#
            for _ in 0..<600 where try await metric(server, streams) != 0 {
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(try await metric(server, streams) == 0)
        }
    }
}
