import Logging
import NIOCore
import SearchEngine
import Services

/// Everything that the server is started with. Its defaults are Qdrant's.
public struct ServerConfiguration: Sendable {
    public enum LogFormat: String, Sendable, CaseIterable {
        case text, json
    }

    public var host = "0.0.0.0"
    /// 0 takes any free port.
    public var port = 6333
    public var engine = EngineConfiguration(storagePath: "./storage", snapshotsPath: "./snapshots")
    public var collectionDefaults = CollectionDefaults()
    public var maxRequestBytes = 32 << 20
    /// Bytes of all large requests that are coming in or being worked on.
    public var requestMemoryBytes = 1 << 30
    /// Bytes of all large answers that wait for their clients to take them.
    public var replyMemoryBytes = 1 << 30
    /// Threads that decode, search and encode.
    public var computeThreads: Int
    /// Connections that are answered at once; `nil` for as many as the process may have files.
    public var maxConnections: Int?
    /// Streams of events that may be open at once; `nil` for 1,000, or half of the connections if that is less.
    public var maxEventStreams: Int?
    /// What browsers may do from other origins; `nil` tells them nothing.
    public var cors: CORS? = CORS()
    public var apiKey: String?
    /// A second key with the same rights, so that keys can be changed one after the other.
    public var alternativeAPIKey: String?
    public var readOnlyAPIKey: String?
    /// JSON Web Tokens that are taken beside API keys.
    public var tokens = TokenSettings()
    public var rateLimits = RateLimits()
    /// What makes vectors of the trend store's texts.
    public var embedder = EmbedderSettings()
    /// What makes ideas of trends.
    public var analyst = AnalystSettings()
    /// Of all requests to OpenAI-compatible services together, counted across restarts; `nil` for no limit.
    public var openAILimit: RateLimit?
    /// Put before every metric's name.
    public var metricsPrefix = ""
    public var logLevel = Logger.Level.info
    public var logFormat = LogFormat.text
    /// Requests that take longer are told in the log; `nil` for none.
    public var slowRequestThreshold: Duration? = .seconds(1)
    /// While large answers are refused because those that wait take all of the memory for them, a client's connection ends that
    /// has taken less than 64 KiB a second of its own over such a time.
    package var slowReplyPatience = TimeAmount.seconds(10)
    /// A stream of events ends whose client hasn't taken for so long what was sent.
    package var eventPatience = Duration.seconds(10)
    /// Seconds after which a connection is closed on which no request is going on, or no more of it comes in.
    public var idleTimeoutSeconds = 75
    /// Seconds that requests in flight have to finish when the server stops; then they are broken off. Service managers
    /// kill after 10 seconds, and saving takes its time, too.
    public var shutdownTimeoutSeconds = 5

    public init() { computeThreads = ProcessorCount.available }
}

/// What makes a start impossible: one sentence for each problem.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible, Equatable {
    public var problems: [String]

    public var description: String { problems.joined(separator: "\n") }
}
