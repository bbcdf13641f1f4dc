import Embedding
import SearchEngine
import Synchronization
import TrendStore

/// What operations work on. A server has one.
public final class Services: Sendable {
    public let engine: Engine
    public let trends: TrendStore
    public let collectionDefaults: CollectionDefaults
    public let keys: APIKeys
    let tokens: TokenVerifier?
    let writeLock = WriteLock()
    private let upkeep: Upkeep
    let discoveries: DiscoveryLog
    /// Makes vectors of texts; `nil` where the server has none.
    public let texts: TextEmbedding?
    /// Makes ideas of trends; `nil` where no chat service is configured.
    public let analyst: Analyst?
    public let modelCalls: ModelCallMetrics
    public let executions = ExecutionMetrics()

    /// Opens the trend store over the engine. Throws `EngineError.storage` for one of a newer program.
    ///
    /// - Parameters:
    ///   - tokens: `nil` takes no JSON Web Tokens.
    ///   - modelCalls: counts the calls of `models`.
    ///   - models: makes them, over the store that is opened.
    public init(
        engine: Engine, collectionDefaults: CollectionDefaults = CollectionDefaults(), keys: APIKeys,
        tokens: TokenVerifier? = nil, modelCalls: ModelCallMetrics = ModelCallMetrics(models: []),
        models: (TrendStore) throws -> Models = { _ in Models() }
    ) throws {
        self.engine = engine
        trends = try TrendStore(engine: engine)
        self.collectionDefaults = collectionDefaults
        self.keys = keys
        upkeep = Upkeep(trends, logger: engine.logger)
        self.modelCalls = modelCalls
        let models = try models(trends)
        texts = models.embedder.map { [trends] in
            TextEmbedding($0, schedule: models.embeddingSchedule, trends, logger: engine.logger)
        }
        analyst = models.analyst.map { [trends] in Analyst($0, trends, logger: engine.logger) }
        self.tokens = tokens
        discoveries = DiscoveryLog(logger: engine.logger, time: engine.environment.time)
        trends.observeEndedExecutions { [executions] in executions.observe($0) }
    }

    /// Who presents a credential: an API key or, where the server takes them, a token. Without both everybody may do everything.
    /// Throws `.unauthenticated` for one that there isn't, `.forbidden` for a token whose rights can't be told.
    public func principal(presenting credential: String?) throws -> Principal {
        guard let tokens else { return try keys.principal(presenting: credential) }
        guard let credential else { return .unknown }
        if let principal = keys.match(credential) { return principal }
        guard TokenVerifier.isToken(credential) else { throw APIKeys.unknownCredential }
        return try tokens.principal(credential, at: engine.environment.time.date)
    }

    /// Begins what goes on beside requests: schedules, leases that run out, and what has grown old. To be called once.
    public func start() {
        // Before leases of an earlier run of the process run out.
        analyst?.start()
        upkeep.start()
        texts?.start()
    }

    /// Ends it, and waits until it has. Before the engine is closed.
    public func stop() {
        analyst?.stop()
        texts?.stop()
        upkeep.stop()
    }

    /// Throws unless the principal may ask for what needs this now. Transports call it before they read a body.
    public func admit(_ principal: Principal, to requirement: Requirement) throws {
        try principal.require(requirement)
        if requirement.changesData { try writeLock.check() }
    }
}

/// The models that a server has.
public struct Models: Sendable {
    /// `nil` embeds no texts.
    public var embedder: (any Embedder)?
    /// When what lacks an embedding gets one; `nil` at once.
    public var embeddingSchedule: CronTime?
    /// `nil` leaves the analysis of trends to other workers.
    public var analyst: AnalystConfiguration?

    public init(
        embedder: (any Embedder)? = nil, embeddingSchedule: CronTime? = nil, analyst: AnalystConfiguration? = nil
    ) {
        self.embedder = embedder
        self.embeddingSchedule = embeddingSchedule
        self.analyst = analyst
    }
}

/// The lock of the older API's `/locks`: while it is set, changes are refused.
final class WriteLock: Sendable {
    private let state = Mutex(LockState())

    /// Sets the state and answers the one before.
    func set(_ new: LockState) -> LockState {
        state.withLock { current in
            defer { current = new }
            return current
        }
    }

    var current: LockState { state.withLock { $0 } }

    func check() throws {
        let current = current
        guard current.isLocked else { return }
        throw ServiceError(.locked, current.message ?? "write operations are forbidden")
    }
}

public struct LockState: Sendable, Equatable {
    public var isLocked: Bool
    /// Told to whoever is refused.
    public var message: String?

    public init(isLocked: Bool = false, message: String? = nil) {
        self.isLocked = isLocked
        self.message = message
    }
}

public enum LockOperations {
    public static let state = Operation<Void, LockState>(.read) { services, _, _ in services.writeLock.current }

    /// Answers the state before.
    public static let set = Operation<LockState, LockState>(.manage) { services, _, state in
        services.writeLock.set(state)
    }
}
