import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOPosix
import SearchEngine
import Synchronization

/// What every request shares.
final class ServerContext: Sendable {
    let engine: Engine
    let configuration: ServerConfiguration
    let workers: Workers
    let authentication: Authentication
    let metrics: RequestMetrics
    let routes: RouteTable
    let logger: Logger
    let writeLock = WriteLock()
    let connections: ConnectionLimit
    /// Of large bodies of requests, until they are answered.
    let requestMemory: ByteBudget
    let date = DateHeader()
    /// By event loop.
    private let loopTimes = Mutex<[ObjectIdentifier: LoopTime]>([:])
    /// Fetches snapshots. It follows no redirections, so that a key goes to the server that the user named.
    let httpClient: HTTPClient
    let startTime = ContinuousClock.now
    let startDate = Date.now
    /// Names this run of the server in its telemetry.
    let instanceID = randomHexadecimal(bytes: 16)
    /// Names this node, the only one of its "cluster". Below 2^53, so that every JSON reader keeps it.
    let peerID = UInt64.random(in: 1..<1 << 53)

    init(engine: Engine, configuration: ServerConfiguration, logger: Logger) {
        self.engine = engine
        self.configuration = configuration
        self.logger = logger
        workers = Workers(computeThreads: configuration.computeThreads)
        ProcessUsage.raiseOpenFilesLimit()
        requestMemory = ByteBudget(configuration.requestMemoryBytes)
        connections = ConnectionLimit(asked: configuration.maxConnections, files: ProcessUsage.openFilesLimit)
        authentication = Authentication(
            apiKey: configuration.apiKey, alternativeKey: configuration.alternativeAPIKey,
            readOnlyKey: configuration.readOnlyAPIKey)
        var clientConfiguration = HTTPClient.Configuration()
        clientConfiguration.redirectConfiguration = .disallow
        clientConfiguration.connectionPool.retryConnectionEstablishment = false
        clientConfiguration.timeout = .init(connect: .seconds(10), read: .seconds(60))
        httpClient = HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: clientConfiguration)
        let endpoints =
            Endpoints.service + Endpoints.collections + Endpoints.recall + Endpoints.points + Endpoints.searches
            + Endpoints.snapshots + Endpoints.unsupported
        routes = RouteTable(endpoints)
        metrics = RequestMetrics(endpoints: endpoints)
    }

    func loopTime(of eventLoop: any EventLoop) -> LoopTime {
        loopTimes.withLock { times in
            if let time = times[ObjectIdentifier(eventLoop)] { return time }
            let time = LoopTime()
            times[ObjectIdentifier(eventLoop)] = time
            return time
        }
    }

    /// Ends the threads and connections, not the engine. No request may be under way.
    func shutdown() async {
        try? await httpClient.shutdown()
        await workers.shutdown()
    }
}

/// The lock of the older API's `/locks`: while it is set, changes are refused.
final class WriteLock: Sendable {
    struct State: Sendable {
        var isLocked = false
        var message: String?
    }

    private let state = Mutex(State())

    /// Sets the state and answers the one before.
    func set(_ new: State) -> State {
        state.withLock { current in
            defer { current = new }
            return current
        }
    }

    var current: State { state.withLock { $0 } }

    func check() throws {
        let current = current
        guard current.isLocked else { return }
        throw APIError(.forbidden, "Storage locked: \(current.message ?? "write operations are forbidden")")
    }
}

/// Random bytes in hexadecimal, for names that must not meet.
func randomHexadecimal(bytes count: Int) -> String {
    var text = ""
    for _ in 0..<count {
        let byte = UInt8.random(in: .min ... .max)
        text += byte < 16 ? "0" : ""
        text += String(byte, radix: 16)
    }
    return text
}
