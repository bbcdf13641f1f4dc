import HookedFiles
import JSON
import SearchEngine
import Testing

@Suite struct IndexOnFirstUseTests {
    private let path = "/collections/c/points"
    private let filter = #""filter": {"must": [{"key": "n", "range": {"gte": 5}}]}"#

    private func fill(_ server: TestServer) async throws {
        try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 1, "distance": "Dot"}}"#)
        let points = (0..<10).map { #"{"id": \#($0), "vector": [1], "payload": {"n": \#($0)}}"# }
        try await server.ok(.PUT, path + "?wait=true", #"{"points": [\#(points.joined(separator: ","))]}"#)
    }

    /// Requests whose filters need an index that can't be built for now take no compute thread from others.
    @Test func holdsUpNoOtherRequest() async throws {
        let files = HookedFileSystem()
        try await withServer({ $0.computeThreads = 1 }, fileSystem: files) { server in
            try await fill(server)
            // The sync holds up publication, which building an index needs.
            let sync = HeldSync(of: ".f32", on: files)
            // A failure must not leave the writer waiting.
            defer { sync.release() }
            async let written = server.ok(.PUT, path + "?wait=true", #"{"points": [{"id": 77, "vector": [1]}]}"#)
            try #require(await sync.hasBegun())
            async let counted = server.ok(.POST, path + "/count", "{\(filter)}")
            async let scrolled = server.ok(.POST, path + "/scroll", "{\(filter)}")
            async let searched = server.ok(.POST, path + "/search", #"{"vector": [1], "limit": 9, \#(filter)}"#)
            async let queried = server.ok(
                .POST, path + "/query/batch", #"{"searches": [{"query": [1], \#(filter)}]}"#)
            // Time for them to take a compute thread, if they did.
            try await Task.sleep(for: .milliseconds(200))
            for id in 0..<10 {
                let point = try await server.ok(.GET, "\(path)/\(id)")
                #expect(point["payload"]?["n"] == .integer(Int64(id)))
            }
            #expect(try await server.ok(.GET, "/collections/c")["points_count"] == 10)
            for other in ["/collections/c/cluster", "/collections/c/snapshots", "/collections"] {
                try await server.ok(.GET, other)
            }
            #expect(try await server.send(.GET, "/metrics").status == 200)
            sync.release()
            _ = try await written
            #expect(try await counted == ["count": 5])
            #expect(try await scrolled["points"]?.arrayValue?.count == 5)
            #expect(try await searched.arrayValue?.count == 5)
            #expect(try await queried.arrayValue?.first?["points"]?.arrayValue?.count == 5)
        }
    }

    @Test func isRefusedWhereAskedTo() async throws {
        try await withServer { server in
            try await fill(server)
            let filter = Filter(must: [.field(try PayloadPath("n"), .range(RangeBounds(gte: 5)))])
            let count = { try server.engine.count("c", filter: filter, exact: true) }
            #expect(throws: PayloadIndexesMissing.self) { try Engine.withoutWaitingForIndexes(count) }
            #expect(throws: PayloadIndexesMissing.self) { try Engine.withoutWaitingForIndexes(count) }
            #expect(try count() == 5)
            #expect(try Engine.withoutWaitingForIndexes(count) == 5)
        }
    }
}
