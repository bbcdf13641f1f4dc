import AsyncHTTPClient
import Foundation
import JSON
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import SearchEngine
import SearchServer
import Synchronization
import Testing

/// A real server over a real engine, on a free port and in a folder of its own, both gone afterwards.
struct TestServer: Sendable {
    let server: TrendexServer
    let engine: Engine
    let port: Int
    let folder: String

    var url: String { "http://127.0.0.1:\(port)" }

    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        /// The body as JSON; null if it is none.
        var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
        var result: JSONValue { json["result"] ?? .null }
        /// The sentence of an error's envelope.
        var error: String { json["status"]?["error"]?.stringValue ?? "" }
    }

    func send(
        _ method: HTTPMethod, _ path: String, _ body: String? = nil, headers: [(String, String)] = []
    ) async throws -> Answer {
        try await send(method, path, bytes: body.map { Array($0.utf8) }, headers: headers)
    }

    func send(
        _ method: HTTPMethod, _ path: String, bytes: [UInt8]?, headers: [(String, String)] = []
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        if bytes != nil { request.headers.add(name: "content-type", value: "application/json") }
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        if let bytes { request.body = .bytes(ByteBuffer(bytes: bytes)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let buffer = try await response.body.collect(upTo: 1 << 28)
        return Answer(
            status: Int(response.status.code), headers: response.headers, body: Array(buffer.readableBytesView))
    }

    /// Sends bytes as they are over a connection of their own, and answers all that comes back until it is closed;
    /// by the server alone, unless `closingInput`.
    func raw(_ request: String, closingInput: Bool = true) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request))
            if closingInput { outbound.finish() }
            var received = ByteBuffer()
            do {
                for try await chunk in inbound { received.writeImmutableBuffer(chunk) }
            } catch is IOError {
                // A connection that is reset has said what it had to say.
            }
            return String(buffer: received)
        }
    }

    /// Expects 200 and answers the result.
    @discardableResult
    func ok(
        _ method: HTTPMethod, _ path: String, _ body: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> JSONValue {
        let answer = try await send(method, path, body)
        #expect(answer.status == 200, "\(method) \(path): \(answer.text)", sourceLocation: sourceLocation)
        #expect(answer.json["status"] == "ok", sourceLocation: sourceLocation)
        #expect(answer.json["time"]?.doubleValue != nil, sourceLocation: sourceLocation)
        return answer.result
    }

    /// Expects an error's status code and envelope, and answers its sentence.
    @discardableResult
    func fails(
        _ status: Int, _ method: HTTPMethod, _ path: String, _ body: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let answer = try await send(method, path, body)
        #expect(answer.status == status, "\(method) \(path): \(answer.text)", sourceLocation: sourceLocation)
        #expect(answer.json["result"] == nil, sourceLocation: sourceLocation)
        #expect(answer.json["time"]?.doubleValue != nil, sourceLocation: sourceLocation)
        return answer.error
    }
}

/// Runs `body` with a server, stops it gracefully, and removes its folder.
func withServer(
    _ configure: (inout ServerConfiguration) -> Void = { _ in }, fileSystem: any FileSystem = PosixFileSystem(),
    logger: Logger? = nil, _ body: (TestServer) async throws -> Void
) async throws {
    let folder = temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var configuration = ServerConfiguration()
    configuration.host = "127.0.0.1"
    configuration.port = 0
    configuration.engine = EngineConfiguration(
        storagePath: folder + "/storage", snapshotsPath: folder + "/snapshots")
    // Tests audit step by step.
    configuration.engine.recallAudits = .off
    configure(&configuration)
    var quiet = Logger(label: "test")
    quiet.logLevel = .critical
    let logger = logger ?? quiet
    let engine = try Engine(
        configuration: configuration.engine, logger: logger, environment: Environment(files: fileSystem))
    let server = try TrendexServer(engine: engine, configuration: configuration, logger: logger)
    let (ports, portSource) = AsyncStream<Int>.makeStream()
    let running = Task {
        defer { portSource.finish() }
        try await server.run(signals: []) { portSource.yield($0) }
    }
    var iterator = ports.makeAsyncIterator()
    if let port = await iterator.next() {
        do {
            try await body(TestServer(server: server, engine: engine, port: port, folder: folder))
        } catch {
            await server.stop()
            try? await running.value
            try? engine.close()
            throw error
        }
    }
    await server.stop()
    try await running.value
    try engine.close()
}

func temporaryFolder() -> String {
    let path = FileManager.default.temporaryDirectory.path + "/trendex-test-\(UUID().uuidString)"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
}
