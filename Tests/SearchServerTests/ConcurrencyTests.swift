import AsyncHTTPClient
import JSON
import NIOCore
import NIOPosix
import Testing

@Suite struct ConcurrencyTests {
    /// Writers, readers and searchers at once; every write is there in the end, and no search sees half of one.
    @Test func mixedLoad() async throws {
        try await withServer { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 4, "distance": "Cosine"}}"#)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        for batch in 0..<10 {
                            let points = (0..<10).map { index -> String in
                                let id = writer * 100 + batch * 10 + index
                                return #"{"id": \#(id), "vector": [\#(id + 1), 1, 2, 3], "payload": {"w": \#(writer)}}"#
                            }
                            try await server.ok(
                                .PUT, "/collections/c/points?wait=true",
                                #"{"points": [\#(points.joined(separator: ","))]}"#)
                            // The next search finds what was acknowledged.
                            let found = try await server.ok(
                                .POST, "/collections/c/points/query",
                                #"{"query": \#(writer * 100 + batch * 10), "limit": 1}"#)
                            #expect(found["points"]?.arrayValue?.count == 1)
                        }
                    }
                }
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<30 {
                            let found = try await server.ok(
                                .POST, "/collections/c/points/search",
                                #"{"vector": [1, 1, 1, 1], "limit": 20, "with_payload": true, "filter": {"must": [{"key": "w", "match": {"value": 3}}]}}"#
                            )
                            #expect(found.arrayValue?.allSatisfy { $0["payload"]?["w"] == 3 } == true)
                            try await server.ok(.GET, "/collections/c")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await server.ok(.POST, "/collections/c/points/count", "{}") == ["count": 800])
        }
    }

    @Test func aThousandConnections() async throws {
        try await withServer { server in
            let channels = try await withThrowingTaskGroup(of: (any Channel).self) { group in
                for _ in 0..<1000 {
                    group.addTask {
                        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                            .connect(host: "127.0.0.1", port: server.port).get()
                    }
                }
                var channels: [any Channel] = []
                for try await channel in group { channels.append(channel) }
                return channels
            }
            #expect(channels.count == 1000)
            // Half of a request on each of them; others are served meanwhile.
            for channel in channels {
                try await channel.writeAndFlush(ByteBuffer(string: "GET /collections HTTP/1.1\r\nHost: x\r\n")).get()
            }
            for _ in 0..<20 { try await server.ok(.GET, "/collections") }
            for channel in channels { try await channel.close().get() }
            try await server.ok(.GET, "/collections")
        }
    }

    /// A request that never comes in whole does not keep the server from stopping.
    @Test func stoppingDoesNotWaitForever() async throws {
        try await withServer({ $0.shutdownTimeoutSeconds = 1 }) { server in
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: server.port).get()
            let half = "POST /collections HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"
            try await channel.writeAndFlush(ByteBuffer(string: half)).get()
            try await server.ok(.GET, "/collections")
        }
    }

    /// A request whose body is still coming in when the server is told to stop is answered.
    @Test func stoppingFinishesRequestsInFlight() async throws {
        try await withServer { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            let (chunks, source) = AsyncStream<ByteBuffer>.makeStream()
            let (begun, begin) = AsyncStream<Void>.makeStream()
            let answer = Task {
                var request = HTTPClientRequest(url: server.url + "/collections/c/points?wait=true")
                request.method = .PUT
                request.headers.add(name: "content-type", value: "application/json")
                request.body = .stream(chunks, length: .unknown)
                begin.yield()
                let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
                let body = try await response.body.collect(upTo: 1 << 20)
                return (response.status.code, String(buffer: body))
            }
            var iterator = begun.makeAsyncIterator()
            _ = await iterator.next()
            source.yield(ByteBuffer(string: #"{"points": [{"id": 1, "#))
            try await Task.sleep(for: .milliseconds(300))
            let stopping = Task { await server.server.stop() }
            await stopping.value
            try await Task.sleep(for: .milliseconds(300))
            source.yield(ByteBuffer(string: #""vector": [1, 2]}]}"#))
            source.finish()
            let (status, text) = try await answer.value
            #expect(status == 200, "\(text)")
            #expect(try server.engine.count("c", filter: nil, exact: true) == 1)
        }
    }
}
