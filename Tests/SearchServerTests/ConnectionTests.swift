import JSON
import NIOCore
import NIOPosix
import Testing

/// What HTTP/1 asks of a connection, byte by byte.
@Suite struct ConnectionTests {
    private static let json = "Host: x\r\nContent-Type: application/json\r\n"

    private func withCollection(_ body: (TestServer) async throws -> Void) async throws {
        try await withServer({ $0.maxRequestBytes = 1 << 20 }) { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            try await server.ok(
                .PUT, "/collections/c/points?wait=true", #"{"points": [{"id": 1, "vector": [1, 2]}]}"#)
            try await body(server)
        }
    }

    /// The status codes of the answers, in order.
    private func statuses(_ text: String) -> [Int] {
        text.split(separator: "HTTP/1.1 ").compactMap { Int($0.prefix(3)) }
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        try await withCollection { server in
            var request = ""
            for round in 0..<50 {
                request += "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                request += "POST /collections/c/points/count HTTP/1.1\r\n\(Self.json)Content-Length: 2\r\n\r\n{}"
                request += "GET /nothing/\(round) HTTP/1.1\r\nHost: x\r\n\r\n"
                // Passed on as a stream.
                request += "GET /collections/c/snapshots/none HTTP/1.1\r\nHost: x\r\n\r\n"
                request += "POST /collections/c/points/count HTTP/1.1\r\n\(Self.json)Content-Length: 1\r\n\r\n{"
                request += "PUT /collections/c/points HTTP/1.1\r\n\(Self.json)Transfer-Encoding: chunked\r\n\r\n"
                let points = #"{"points": [{"id": 1, "vector": [1, 2]}]}"#
                request += "\(String(points.utf8.count, radix: 16))\r\n\(points)\r\n0\r\n\r\n"
            }
            let answers = try await server.raw(request)
            #expect(statuses(answers) == (0..<50).flatMap { _ in [200, 200, 404, 404, 400, 200] })
            let rounds = answers.matches(of: /no endpoint GET \/nothing\/(\d+)/).compactMap { Int($0.1) }
            #expect(rounds == Array(0..<50))
        }
    }

    /// A client that has sent all its requests may close its side, also while a stream is on its way to it.
    @Test func whatFollowsAStreamIsAnsweredAfterHalfClosure() async throws {
        try await withCollection { server in
            // More than the socket takes, so that the stream lasts until it is read.
            let text = String(repeating: "x", count: 1 << 19)
            for id in 0..<40 {
                let point = #"{"id": \#(id), "vector": [1, 2], "payload": {"t": "\#(text)"}}"#
                try await server.ok(.PUT, "/collections/c/points?wait=true", #"{"points": [\#(point)]}"#)
            }
            let snapshot = try await server.ok(.POST, "/collections/c/snapshots")
            let name = try #require(snapshot["name"]?.stringValue)
            let size = try #require(snapshot["size"]?.integerValue)
            let channel = try await connect(server)
            let received = try await channel.executeThenClose { inbound, outbound in
                // On other threads, so that they take longer than whatever else might end the connection.
                let count = "POST /collections/c/points/count HTTP/1.1\r\n\(Self.json)Content-Length: 2\r\n\r\n{}"
                try await outbound.write(
                    ByteBuffer(
                        string: "GET /collections/c/snapshots/\(name) HTTP/1.1\r\nHost: x\r\n\r\n"
                            + String(repeating: count, count: 50)))
                outbound.finish()
                // Long enough for the server to see the end.
                for _ in 0..<100 { try await server.ok(.GET, "/collections") }
                var received = ByteBuffer()
                for try await chunk in inbound { received.writeImmutableBuffer(chunk) }
                return received
            }
            #expect(received.readableBytes > Int(size))
            let end = String(decoding: received.readableBytesView.suffix(16 << 10), as: UTF8.self)
            #expect(end.matches(of: /{"count":40}/).count == 50)
        }
    }

    /// A client that pipelines without reading is not answered without end: the server stops reading from it.
    @Test func whoReadsNoAnswersIsNotReadFrom() async throws {
        try await withCollection { server in
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.autoRead, value: false)
                .connect(host: "127.0.0.1", port: server.port).get()
            let request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
            let requests = ByteBuffer(string: String(repeating: request, count: 2000))
            // Answers of a gigabyte; the socket takes some requests, and then no more.
            for _ in 0..<200 { channel.write(requests, promise: nil) }
            channel.flush()
            for _ in 0..<100 { try await server.ok(.GET, "/collections") }
            #expect(!channel.isWritable)
            try await channel.close().get()
            try await server.ok(.GET, "/collections")
        }
    }

    @Test func connectionsCloseWhenAsked() async throws {
        try await withCollection { server in
            for request in [
                "GET /healthz HTTP/1.0\r\n\r\n",
                "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n",
                // The parser reads nothing behind the offer of another protocol.
                "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
            ] {
                let answer = try await server.raw(request, closingInput: false)
                #expect(statuses(answer) == [200], "\(request)")
                #expect(answer.contains("\r\nconnection: close\r\n"), "\(request)")
                #expect(answer.hasSuffix("healthz check passed"), "\(request)")
            }
            let kept = "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
            let answer = try await server.raw(kept + kept)
            #expect(statuses(answer) == [200, 200])
            #expect(answer.contains("\r\nconnection: keep-alive\r\n"))
        }
    }

    @Test func whatIsNoHTTPIsRefusedInTheEnvelope() async throws {
        try await withCollection { server in
            let post = "POST /collections/c/points/count HTTP/1.1\r\n\(Self.json)"
            for request in [
                "\u{16}\u{3}\u{1}\r\n\r\n", "GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n",
                "GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", "GET /healthz HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
                // Two lengths would let a proxy and the server disagree on where a request ends.
                post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", post + "Content-Length: -1\r\n\r\n{}",
                post + "Content-Length: 99999999999999999999\r\n\r\n{}",
                post + "Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
            ] {
                let answer = try await server.raw(request, closingInput: false)
                #expect(statuses(answer) == [400], "\(request)")
                #expect(answer.contains(#"{"status":{"error":"Malformed HTTP request"},"time":"#), "\(request)")
            }
            for headers in [
                "A: \(String(repeating: "x", count: 100_000))\r\n", String(repeating: "A: x\r\n", count: 500),
            ] {
                let answer = try await server.raw(
                    "GET /healthz HTTP/1.1\r\nHost: x\r\n\(headers)\r\n", closingInput: false)
                #expect(statuses(answer) == [431])
            }
            // What came before the damage is answered first.
            let answer = try await server.raw("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n")
            #expect(statuses(answer) == [200, 400])
        }
    }

    @Test func bodiesAreAskedForOnlyWhenWanted() async throws {
        try await withCollection { server in
            let post = "POST /collections/c/points/count HTTP/1.1\r\n\(Self.json)Expect: 100-continue\r\n"
            #expect(statuses(try await server.raw(post + "Content-Length: 2\r\n\r\n{}")) == [100, 200])
            let refused = try await server.raw(post + "Content-Length: 99999999\r\n\r\n", closingInput: false)
            #expect(statuses(refused) == [413])
            let unknown = try await server.raw(
                "POST /none HTTP/1.1\r\n\(Self.json)Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
                closingInput: false)
            #expect(statuses(unknown) == [404])
        }
    }

    @Test func theWholeAddressAndHalfRequests() async throws {
        try await withCollection { server in
            let absolute = "GET http://x:1/healthz?a=b HTTP/1.1\r\nHost: x\r\n\r\n"
            #expect(statuses(try await server.raw(absolute)) == [200])
            // The client goes away in the middle of its body.
            let half = "PUT /collections/c/points HTTP/1.1\r\n\(Self.json)Content-Length: 50\r\n\r\n{"
            _ = try await server.raw(half)
            try await server.ok(.GET, "/collections")
        }
    }

    /// Neither half a head nor half a body keeps a connection for longer than the limit.
    @Test func idleConnectionsAreClosed() async throws {
        try await withServer({ $0.idleTimeoutSeconds = 1 }) { server in
            for request in [
                "", "GET /healthz HT",
                "POST /collections/c/points/count HTTP/1.1\r\n\(Self.json)Content-Length: 9\r\n\r\n{",
                "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
            ] {
                let answer = try await server.raw(request, closingInput: false)
                #expect(statuses(answer) == (request.hasSuffix("\r\n\r\n") ? [200] : []))
            }
        }
    }

    /// The answer that is on its way when the server stops arrives whole, however slowly it is read.
    @Test func stoppingFinishesALargeAnswer() async throws {
        try await withServer { server in
            try await fillWithLargePayloads(server)
            let channel = try await connect(server)
            let received = try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(Self.largeScroll)
                var iterator = inbound.makeAsyncIterator()
                var received = try await iterator.next()?.readableBytes ?? 0
                async let stopped: Void = server.server.stop()
                while let chunk = try await iterator.next() { received += chunk.readableBytes }
                await stopped
                return received
            }
            #expect(received > 30_000_000)
        }
    }

    /// A client that takes nothing of its answer holds the memory for large ones until another wants it.
    @Test func aReaderThatDoesNotReadMakesRoomForOthers() async throws {
        try await withServer({
            $0.replyMemoryBytes = 32 << 20
            $0.slowReplyPatience = .seconds(1)
        }) { server in
            try await fillWithLargePayloads(server)
            let channel = try await connect(server)
            try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(Self.largeScroll)
                var iterator = inbound.makeAsyncIterator()
                // It is under way, and nobody reads on.
                var received = 0
                while received < 4 << 20 { received += try await iterator.next()?.readableBytes ?? 4 << 20 }
                let body = #"{"limit": 300, "with_payload": true}"#
                try await server.fails(503, .POST, "/collections/c/points/scroll", body)
                let clock = ContinuousClock()
                let limit = clock.now + .seconds(60)
                var status = 503
                while status == 503, clock.now < limit {
                    try await Task.sleep(for: .milliseconds(200))
                    status = try await server.send(.POST, "/collections/c/points/scroll", body).status
                }
                #expect(status == 200)
            }
        }
    }

    private static let largeScroll = {
        let body = #"{"limit": 300, "with_payload": true}"#
        return ByteBuffer(
            string: "POST /collections/c/points/scroll HTTP/1.1\r\n\(json)"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }()

    /// 30 MB of payloads.
    private func fillWithLargePayloads(_ server: TestServer) async throws {
        try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 1, "distance": "Dot"}}"#)
        let text = String(repeating: "x", count: 100_000)
        for first in stride(from: 0, to: 300, by: 50) {
            let points = (first..<first + 50).map { #"{"id": \#($0), "vector": [1], "payload": {"t": "\#(text)"}}"# }
            try await server.ok(
                .PUT, "/collections/c/points?wait=true", #"{"points": [\#(points.joined(separator: ","))]}"#)
        }
    }

    private func connect(_ server: TestServer) async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: server.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
    }
}
