import Foundation
import Logging
import SearchServer
import TestSupport
import Testing

/// What the server logs at INFO.
@Suite struct ServerLogTests {
    private func number<Value>(_ entry: LogRecorder.Entry, _ key: String) throws -> Value {
        guard case .stringConvertible(let value) = entry.values[key] else {
            Issue.record("\(key) of \(entry) is no number")
            throw CancellationError()
        }
        return try #require(value as? Value)
    }

    @Test func slowRequestsAreTold() async throws {
        let log = LogRecorder()
        try await withServer({ $0.slowRequestThreshold = .zero }, logger: log.logger) { server in
            _ = try await server.send(.GET, "/collections/none?timeout=5")
            let slow = try #require(log.entries("Slow request").first)
            #expect(slow.level == .info)
            #expect(slow.metadata["method"] == "GET" && slow.metadata["endpoint"] == "/collections/{name}")
            // Without the query: it may hold what is nobody's business.
            #expect(slow.metadata["path"] == "/collections/none")
            #expect(try number(slow, "status") as Int == 404)
            #expect(try number(slow, "milliseconds") as Double >= 0)
            #expect(slow.metadata["untold"] == nil)
        }
    }

    @Test func quickRequestsAreNotTold() async throws {
        for threshold in [Duration.seconds(3_600), nil] {
            let log = LogRecorder()
            try await withServer({ $0.slowRequestThreshold = threshold }, logger: log.logger) { server in
                try await server.ok(.GET, "/collections")
            }
            #expect(log.entries("Slow request").isEmpty)
        }
    }

    @Test func manySlowRequestsTakeFewLines() {
        let log = SlowRequestLog(threshold: .milliseconds(5))
        let start = ContinuousClock.now
        #expect(log.admit(.milliseconds(4), at: start) == nil)
        for _ in 0..<10 { #expect(log.admit(.milliseconds(5), at: start) == 0) }
        for _ in 0..<7 { #expect(log.admit(.seconds(1), at: start + .milliseconds(999)) == nil) }
        #expect(log.admit(.seconds(1), at: start + .seconds(1)) == 7)
        #expect(log.admit(.seconds(1), at: start + .seconds(1)) == 0)
        #expect(SlowRequestLog(threshold: nil).admit(.seconds(9), at: start) == nil)
    }

    @Test func aStopTellsWhatIsInFlight() async throws {
        let log = LogRecorder()
        try await withServer({ $0.shutdownTimeoutSeconds = 1 }, logger: log.logger) { server in
            // One whose body doesn't come, so that it is in flight for as long as the test wants.
            let (opened, openedSource) = AsyncStream<Void>.makeStream()
            let hanging = Task {
                openedSource.yield()
                return try await server.raw(
                    "POST /collections/c/points/scroll HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                        + "content-length: 9\r\n\r\n{", closingInput: false)
            }
            for await _ in opened.prefix(1) {}
            let limit = ContinuousClock.now + .seconds(60)
            while try await inFlight(server) < 2 {
                try #require(ContinuousClock.now < limit)
                try await Task.sleep(for: .milliseconds(5))
            }
            await server.server.stop()
            while log.entries.allSatisfy({ !$0.message.hasPrefix("Stopping") }) {
                try #require(ContinuousClock.now < limit)
                try await Task.sleep(for: .milliseconds(5))
            }
            let line = try #require(log.entries("Stopping, 1 request in flight").first, "\(log.entries)")
            #expect(line.level == .info)
            #expect(try number(line, "requests") as Int == 1)
            #expect(try number(line, "connections") as Int >= 1)
            #expect(try number(line, "seconds_at_most") as Int == 1)
            _ = try? await hanging.value
        }
        #expect(log.entries.filter { $0.message.hasPrefix("Stopping") }.count == 1)
    }

    /// Requests in flight as the metrics tell them, that for the metrics included.
    private func inFlight(_ server: TestServer) async throws -> Int {
        let text = try await server.send(.GET, "/metrics").text
        let line = text.split(separator: "\n").first { $0.hasPrefix("trendex_requests_in_flight ") }
        return try #require(line.flatMap { Int($0.split(separator: " ")[1]) })
    }

    @Test func theStartTellsWhatMatters() throws {
        var configuration = ServerConfiguration()
        configuration.engine.storagePath = "/data/./storage"
        configuration.engine.durability = .normal
        configuration.apiKey = "secret"
        configuration.readOnlyAPIKey = ""
        let told = configuration.startMetadata(url: "http://localhost:6333")
        #expect(told["url"] == "http://localhost:6333" && told["storage"] == "/data/storage")
        #expect("\(told["snapshots"]!)".hasSuffix("/snapshots") && "\(told["snapshots"]!)".hasPrefix("/"))
        #expect(["scalar", "avx2", "avx512", "neon"].contains("\(told["instruction_set"]!)"))
        #expect(told["durability"] == "normal" && told["version"] != nil)
        #expect("\(told["api_key"]!)" == "true" && "\(told["read_only_api_key"]!)" == "false")
        #expect(!told.values.contains { "\($0)".contains("secret") })
    }
}
