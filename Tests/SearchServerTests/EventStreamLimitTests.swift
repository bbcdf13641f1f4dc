import Foundation
import JSON
import NIOCore
import NIOPosix
import SearchServer
import TestSupport
import Testing

/// What streams of events refuse, and how they end: hostile frames, clients that take nothing, keys, origins, a server that stops.
@Suite struct EventStreamLimitTests {
    private static func frame(_ first: UInt8, _ text: String, isMasked: Bool = true) -> [UInt8] {
        EventSocket.frame(first, Array(text.utf8), isMasked: isMasked)
    }

    private func metric(_ server: TestServer, _ name: String) async throws -> Int? {
        try await server.send(.GET, "/metrics").text.split(separator: "\n")
            .first { $0.hasPrefix(name + " ") }.flatMap { Int($0.dropFirst(name.count + 1)) }
    }

    /// Asks until the metric has the value.
    private func wait(_ server: TestServer, for name: String, _ value: Int) async throws {
        for _ in 0..<600 {
            if try await metric(server, name) == value { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(try await metric(server, name) == value, "\(name)")
    }

    private static let webSockets = #"trendex_event_streams{kind="websocket"}"#
    private static let serverSentEvents = #"trendex_event_streams{kind="sse"}"#

    @Test func framesThatTheStandardForbidsEndTheConnection() async throws {
        let frames: [(String, [UInt8], Int)] = [
            ("unmasked", Self.frame(0x81, "{}", isMasked: false), 1002),
            ("first reserved bit", Self.frame(0xC1, "{}"), 1002), ("second", Self.frame(0xA1, "{}"), 1002),
            ("third", Self.frame(0x91, "{}"), 1002), ("opcode 3", Self.frame(0x83, "{}"), 1002),
            ("opcode 11", Self.frame(0x8B, ""), 1002), ("binary", Self.frame(0x82, "{}"), 1003),
            ("continuation of nothing", Self.frame(0x80, "{}"), 1002),
            ("message in a message", Self.frame(0x01, "{") + Self.frame(0x81, "}"), 1002),
            ("too large", [0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4], 1009),
            ("far too large", [0x81, 0xFF, 0x7F] + [UInt8](repeating: 0xFF, count: 7) + [1, 2, 3, 4], 1009),
            ("larger than can be", [0x81, 0xFF] + [UInt8](repeating: 0xFF, count: 8), 1009),
            (
                "too large in all",
                Self.frame(0x01, String(repeating: " ", count: 40_000))
                    + Self.frame(0x80, String(repeating: " ", count: 40_000)), 1009
            ),
            ("fragments", Self.frame(0x01, "") + (0..<200).flatMap { _ in Self.frame(0x00, "") }, 1009),
            ("no UTF-8", EventSocket.frame(0x81, [0x22, 0xFF, 0x22]), 1007),
            ("half a character", EventSocket.frame(0x81, [0xE2, 0x82]), 1007),
            ("fragmented ping", Self.frame(0x09, "a"), 1002),
            ("long ping", Self.frame(0x89, String(repeating: "a", count: 126)), 1002),
            ("close of one byte", EventSocket.frame(0x88, [3]), 1002),
            ("close 999", EventSocket.frame(0x88, [0x03, 0xE7]), 1002),
            ("close 1005", EventSocket.frame(0x88, [0x03, 0xED]), 1002),
            ("close 5000", EventSocket.frame(0x88, [0x13, 0x88]), 1002),
            ("close without UTF-8", EventSocket.frame(0x88, [0x03, 0xE8, 0xFF]), 1007),
            ("close", EventSocket.frame(0x88, [0x03, 0xE8] + Array("bye".utf8)), 1000),
            ("close of an application", EventSocket.frame(0x88, [0x0F, 0xA0]), 4000),
            ("close without code", EventSocket.frame(0x88, []), 1000),
            ("HTTP", Array(String(repeating: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", count: 10).utf8), 1002),
        ]
        try await withServer { server in
            for (name, bytes, code) in frames {
                try await EventSocket.webSocket(server) { socket in
                    try await socket.write(bytes)
                    #expect(try await socket.closeCode() == code, "\(name)")
                    #expect(try await socket.frame() == nil, "\(name)")
                }
            }
            try await wait(server, for: Self.webSockets, 0)
            #expect(try await metric(server, "trendex_event_streams_dropped_total") == 0)
        }
    }

    @Test func controlFramesMayStandBetweenFragments() async throws {
        try await withServer { server in
            try await EventSocket.webSocket(server) { socket in
                // Byte by byte.
                let bytes =
                    Self.frame(0x01, #"{"pi"#) + Self.frame(0x89, "p") + Self.frame(0x00, #"ng": "#)
                    + Self.frame(0x8A, "") + Self.frame(0x80, #""x"}"#)
                for byte in bytes { try await socket.write([byte]) }
                #expect(try await socket.frame() == .init(opcode: 10, data: Array("p".utf8)))
                #expect(try await socket.message() == ["type": "pong", "ping": "x"])
            }
        }
    }

    @Test func randomBytesHarmNobody() async throws {
        var random = SeededGenerator()
        try await withServer { server in
            try await EventSocket.with(server) { other in
                try await other.write("GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await other.event()["retry"] == "2000")
                for _ in 0..<100 {
                    try await EventSocket.webSocket(server) { socket in
                        var bytes: [UInt8] = []
                        for _ in 0..<Int.random(in: 1...8, using: &random) {
                            let data = (0..<random.pick([0, 1, 2, 125, 126, 300])).map { _ in
                                UInt8.random(in: .min ... .max, using: &random)
                            }
                            let first =
                                random.chance(0.7)
                                ? random.pick([0x81, 0x01, 0x80, 0x00, 0x89, 0x8A, 0x88])
                                : UInt8.random(in: .min ... .max, using: &random)
                            bytes += EventSocket.frame(first, data, isMasked: random.chance(0.9))
                        }
                        if random.chance(0.5) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
                        try await socket.write(bytes)
                        socket.finish()
                        // Whatever it answers are whole frames.
                        while try await socket.frame() != nil {}
                    }
                }
                let id = try await server.create(#"{"title": "A", "source": "vk"}"#)
                #expect(try await other.event()["data"]?.contains(id) == true)
                try await wait(server, for: Self.webSockets, 0)
            }
        }
    }

    @Test func moreStreamsThanThereMayBeAreRefused() async throws {
        try await withServer({ $0.maxEventStreams = 2 }) { server in
            try await EventSocket.webSocket(server) { first in
                try await EventSocket.with(server) { second in
                    try await second.write("GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
                    #expect(try await second.event()["retry"] == "2000")
                    #expect(try await metric(server, Self.webSockets) == 1)
                    #expect(try await metric(server, Self.serverSentEvents) == 1)
                    let refused = try await server.send(.GET, "/api/v1/events")
                    #expect(refused.status == 503 && refused.headers.first(name: "retry-after") == "1")
                    #expect(refused.json["error"]?["code"] == "UNAVAILABLE")
                    try await EventSocket.with(server) { third in
                        let head = try await third.handshake("/ws")
                        #expect(head.hasPrefix("HTTP/1.1 503 "))
                    }
                    // A page is no stream.
                    _ = try await server.data(200, .GET, "/api/v1/events?follow=false")
                }
                // The other is gone.
                try await wait(server, for: Self.serverSentEvents, 0)
                try await EventSocket.webSocket(server) { _ in
                    let open = try await metric(server, Self.webSockets)
                    #expect(open == 2)
                }
                try await first.send(#"{"ping": ""}"#)
                #expect(try await first.message()["type"] == "pong")
            }
        }
    }

    /// A connection that is not read from.
    private func deaf(_ server: TestServer, _ request: String) async throws -> any NIOCore.Channel {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: false)
            .channelOption(.socketOption(.so_rcvbuf), value: 4_096)
            .connect(host: "127.0.0.1", port: server.port).get()
        try await channel.writeAndFlush(ByteBuffer(string: request)).get()
        return channel
    }

    private static let handshake =
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

    @Test func whoTakesNothingIsDroppedWhileOthersGoOn() async throws {
        try await withServer({ $0.eventPatience = .seconds(1) }) { server in
            let deaf = [
                try await deaf(server, Self.handshake),
                try await deaf(server, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n"),
            ]
            try await wait(server, for: Self.webSockets, 1)
            try await wait(server, for: Self.serverSentEvents, 1)
            // Has little to take, and need say nothing, however long the rest lasts on a busy machine.
            try await EventSocket.with(server) { socket in
                try await socket.write("GET /api/v1/events?types=trend.deleted HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await socket.event()["retry"] == "2000")
                // More than the sockets' buffers take.
                let tags = (0..<64).map { "\"\($0)\(String(repeating: "€", count: 97))\"" }.joined(separator: ",")
                let trend = #"{"title": "T", "source": "vk", "deduplicate": false, "tags": [\#(tags)]}"#
                let batch = #"{"trends": [\#(repeatElement(trend, count: 250).joined(separator: ","))]}"#
                _ = try await server.data(201, .POST, "/api/v1/trends/batch", batch)
                try await wait(server, for: "trendex_event_streams_dropped_total", 2)
                try await wait(server, for: Self.serverSentEvents, 1)
                try await wait(server, for: Self.webSockets, 0)
                let id = try await server.create(#"{"title": "A", "source": "vk"}"#)
                _ = try await server.data(200, .DELETE, "/api/v1/trends/\(id)")
                let event = try await socket.event()
                #expect(event["event"] == "trend.deleted" && event["id"] == "252")
            }
            for channel in deaf { try? await channel.close().get() }
        }
    }

    /// Answers to pings wait as well.
    @Test func whoPingsWithoutReadingIsDropped() async throws {
        try await withServer { server in
            let channel = try await deaf(server, Self.handshake)
            // What is sent before the handshake is answered are no frames.
            try await wait(server, for: Self.webSockets, 1)
            let pings = ByteBuffer(
                bytes: (0..<10_000).flatMap { _ in Self.frame(0x89, String(repeating: "x", count: 100)) })
            for _ in 0..<30 { channel.writeAndFlush(pings, promise: nil) }
            try await wait(server, for: "trendex_event_streams_dropped_total", 1)
            try await wait(server, for: Self.webSockets, 0)
            try? await channel.close().get()
        }
    }

    @Test func stopEndsStreams() async throws {
        try await withServer { server in
            try await EventSocket.webSocket(server) { socket in
                try await EventSocket.with(server) { events in
                    try await events.write("GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
                    #expect(try await events.event()["retry"] == "2000")
                    let deaf = try await deaf(server, Self.handshake)
                    await server.server.stop()
                    #expect(try await socket.closeCode() == 1001)
                    // The last chunk.
                    _ = try await events.text(upTo: "\r\n0\r\n\r\n")
                    try? await deaf.close().get()
                }
            }
        }
    }

    @Test func keysComeInHeadersOrAsASubprotocol() async throws {
        try await withServer({
            $0.apiKey = "full-key/+"
            $0.readOnlyAPIKey = "ключ"
        }) { server in
            func asSubprotocol(_ key: String) -> String {
                let text = Data(key.utf8).base64EncodedString()
                return text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
            }
            for (headers, status) in [
                ("", 401), ("api-key: full-key/+\r\n", 101), ("Authorization: Bearer full-key/+\r\n", 101),
                ("api-key: x\r\n", 401),
                ("Sec-WebSocket-Protocol: trendex.events, trendex.key.\(asSubprotocol("full-key/+"))\r\n", 101),
                (
                    "Sec-WebSocket-Protocol: trendex.key.\(asSubprotocol("ключ"))\r\nSec-WebSocket-Protocol: trendex.events\r\n",
                    101
                ),
                ("Sec-WebSocket-Protocol: trendex.events, trendex.key.\(asSubprotocol("wrong"))\r\n", 401),
                ("Sec-WebSocket-Protocol: trendex.events, trendex.key.\r\n", 401),
                ("Sec-WebSocket-Protocol: trendex.events, trendex.key.!!\r\n", 401),
                ("Sec-WebSocket-Protocol: trendex.events\r\n", 401),
                // A header says who asks, whatever else is said.
                ("api-key: x\r\nSec-WebSocket-Protocol: trendex.key.\(asSubprotocol("full-key/+"))\r\n", 401),
            ] {
                try await EventSocket.with(server) { socket in
                    let head = try await socket.handshake("/ws", headers)
                    #expect(head.hasPrefix("HTTP/1.1 \(status) "), "\(headers)")
                    // Never the key.
                    #expect(!head.contains("trendex.key"))
                    #expect(
                        head.contains("sec-websocket-protocol: trendex.events\r\n")
                            == (status == 101 && headers.contains("trendex.events")))
                }
            }
            // Nowhere but there.
            let elsewhere = ("sec-websocket-protocol", "trendex.key.\(asSubprotocol("full-key/+"))")
            #expect(try await server.send(.GET, "/api/v1/events", headers: [elsewhere]).status == 401)
            #expect(try await server.send(.GET, "/collections", headers: [elsewhere]).status == 401)
        }
    }

    @Test func pagesOfOtherOriginsAreRefusedWhereTheyMayNotCall() async throws {
        for isOpen in [true, false] {
            try await withServer({ $0.cors = isOpen ? CORS() : nil }) { server in
                for (origin, isOwn) in [
                    ("https://evil.example", false), ("null", false), ("http://x.evil.example", false),
                    ("http://x", true),
                    ("HTTPS://X", true), (nil, true),
                ] {
                    try await EventSocket.with(server) { socket in
                        let head = try await socket.handshake("/ws", origin.map { "Origin: \($0)\r\n" } ?? "")
                        #expect(head.hasPrefix("HTTP/1.1 \(isOpen || isOwn ? 101 : 403) "), "\(origin ?? "")")
                    }
                }
            }
        }
    }
}
