import AsyncHTTPClient
import Foundation
import HTTPTypes
import Logging
import NIOCore
import NIOPosix
import SearchEngine
import Services
import Synchronization

/// What every request shares.
final class ServerContext: Sendable {
    let services: Services
    let configuration: ServerConfiguration
    let workers: Workers
    let metrics: RequestMetrics
    let routes: RouteTable
    /// `nil` where nobody is limited.
    let limiter: RateLimiter?
    let requestIDs = RequestIDs()
    let logger: Logger
    let connections: ConnectionLimit
    let events: EventStreams
    /// Of large bodies of requests, until they are answered.
    let requestMemory: ByteBudget
    /// Of large answers, until they are sent.
    let replyMemory: ByteBudget
    let date = DateHeader()
    /// By event loop.
    private let loopTimes = Mutex<[ObjectIdentifier: LoopTime]>([:])
    /// Fetches snapshots. It follows no redirections, so that a key goes to the server that the user named.
    let httpClient: HTTPClient
    /// When an answer was last refused for want of memory, in nanoseconds of the loops' clock.
    private let lastRefusedReply = Atomic<UInt64>(0)
    private let failures = Mutex(FailureLog())
    let slowRequests: SlowRequestLog
    /// Requests whose head has come in and that aren't answered yet.
    let requestsInFlight = Atomic(0)
    let startTime = ContinuousClock.now
    let startDate = Date.now
    /// Names this run of the server in its telemetry.
    let instanceID = randomHexadecimal(bytes: 16)
    /// Names this node, the only one of its "cluster". Below 2^53, so that every JSON reader keeps it.
    let peerID = UInt64.random(in: 1..<1 << 53)

    init(engine: Engine, configuration: ServerConfiguration, logger: Logger) async throws {
        let tokens = configuration.tokens.isOn ? try await TokenVerifier(configuration.tokens) : nil
        let calls = ModelCallMetrics(models: configuration.modelNames)
        services = try Services(
            engine: engine, collectionDefaults: configuration.collectionDefaults,
            keys: APIKeys(
                apiKey: configuration.apiKey, alternativeKey: configuration.alternativeAPIKey,
                readOnlyKey: configuration.readOnlyAPIKey), tokens: tokens, modelCalls: calls,
            models: { try configuration.models($0, calls, logger) })
        self.configuration = configuration
        self.logger = logger
        slowRequests = SlowRequestLog(threshold: configuration.slowRequestThreshold)
        workers = Workers(computeThreads: configuration.computeThreads)
        ProcessUsage.raiseOpenFilesLimit()
        requestMemory = ByteBudget(configuration.requestMemoryBytes)
        replyMemory = ByteBudget(configuration.replyMemoryBytes)
        connections = ConnectionLimit(asked: configuration.maxConnections, files: ProcessUsage.openFilesLimit)
        events = EventStreams(
            log: services.trends.events, asked: configuration.maxEventStreams, connections: connections.most)
        var clientConfiguration = HTTPClient.Configuration()
        clientConfiguration.redirectConfiguration = .disallow
        clientConfiguration.connectionPool.retryConnectionEstablishment = false
        clientConfiguration.timeout = .init(connect: .seconds(10), read: .seconds(60))
        httpClient = HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: clientConfiguration)
        limiter = try Self.limiter(configuration.rateLimits, Endpoints.all)
        routes = RouteTable(Endpoints.all)
        metrics = RequestMetrics(endpoints: Endpoints.all)
        services.start()
    }

    private static func limiter(_ limits: RateLimits, _ endpoints: [Endpoint]) throws -> RateLimiter? {
        let routes = endpoints.map { LimitedRoute(method: $0.method.rawValue, path: $0.path) }
        let problems = limits.problems(with: routes)
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return RateLimiter(limits, routes: routes)
    }

    var engine: Engine { services.engine }

    func loopTime(of eventLoop: any EventLoop) -> LoopTime {
        loopTimes.withLock { times in
            if let time = times[ObjectIdentifier(eventLoop)] { return time }
            let time = LoopTime()
            times[ObjectIdentifier(eventLoop)] = time
            return time
        }
    }

    /// Says that memory for a large answer was wanting.
    func refusedReply() { lastRefusedReply.store(NIODeadline.now().uptimeNanoseconds, ordering: .relaxed) }

    /// Whether memory for large answers has been wanting lately: those whose client hardly takes them have to make room.
    var refusesReplies: Bool {
        let last = lastRefusedReply.load(ordering: .relaxed)
        return last > 0 && NIODeadline.now() - .uptimeNanoseconds(last) < Self.wantsMemoryFor
    }

    private static let wantsMemoryFor = TimeAmount.seconds(10)

    /// As ``FailureLog`` decides.
    func admitToLog(_ status: HTTPResponse.Status) -> Int? { failures.withLock { $0.admit(status, at: .now) } }

    /// Ends the threads and connections, not the engine. No request may be under way.
    func shutdown() async {
        services.stop()
        try? await httpClient.shutdown()
        await workers.shutdown()
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
