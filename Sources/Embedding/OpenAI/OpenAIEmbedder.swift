import Logging
import Synchronization

/// Embeds texts with any service that speaks OpenAI's `/v1/embeddings`.
///
/// Texts go in requests of limited number and size, one after the other. A request that fails in a way that may pass is sent
/// again after a pause; rate and cost limits hold over all callers. An answer is used only if it has a vector of the right
/// length for each text and nothing else. An empty text is sent as a blank, because OpenAI refuses empty ones.
///
/// The key goes to the one host of the endpoint alone: redirects are refused. It stands in no error and in no log.
public final class OpenAIEmbedder: Embedder {
    public let model: EmbeddingModel

    private struct State {
        var rate: RateLimit
        var cost: DailyCost
        var isClosed = false
    }

    private let configuration: OpenAIConfiguration
    private let address: EndpointAddress
    private let headers: [(String, String)]
    private let transport: any EmbeddingTransport
    private let environment: EmbeddingEnvironment
    private let logger: Logger
    private let state: Mutex<State>

    /// No pause lasts longer without a look at whether the embedder was closed.
    private static let longestSleep = Duration.milliseconds(200)
    /// Tokens have three to four bytes in most texts; three errs on the safe side.
    private static let bytesOfToken = 3
    /// Of a number in an answer: sign, 17 digits, exponent, comma and space.
    private static let bytesOfNumber = 32
    private static let otherBytes = 1 << 16

    /// - Parameters:
    ///   - spending: What `spending` said before a restart.
    /// - Throws: `EmbeddingError.invalidConfiguration`.
    public init(
        _ configuration: OpenAIConfiguration, spending: EmbeddingSpending? = nil,
        transport: any EmbeddingTransport = HTTPTransport(), environment: EmbeddingEnvironment = .system, logger: Logger
    ) throws(EmbeddingError) {
        address = try configuration.check()
        self.configuration = configuration
        self.transport = transport
        self.environment = environment
        self.logger = logger
        headers =
            [("content-type", "application/json"), ("accept", "application/json")]
            + (configuration.apiKey.map { [("authorization", "Bearer \($0.value)")] } ?? [])
        model = EmbeddingModel(
            name: configuration.model, dimensions: configuration.dimensions, isLexical: false,
            identity: "\(address.host)/\(configuration.model)/\(configuration.dimensions)")
        state = Mutex(
            State(
                rate: RateLimit(
                    requestsPerMinute: configuration.requestsPerMinute, tokensPerMinute: configuration.tokensPerMinute,
                    now: environment.now()),
                cost: DailyCost(
                    configuration: configuration, earlier: spending, secondsSince1970: environment.secondsSince1970())))
    }

    /// What the day has cost so far, without requests on their way. Store it after each call.
    public var spending: EmbeddingSpending { state.withLock { $0.cost.spending } }

    public var spendingToday: EmbeddingSpending? { spending }

    /// Ends pauses of calls in progress; they and all later ones throw `.closed`. A request on its way is waited for up to its
    /// timeout.
    public func close() { state.withLock { $0.isClosed = true } }

    public func embed(_ texts: [String], deadline: ContinuousClock.Instant) throws(EmbeddingError) -> [[Float]] {
        var vectors: [[Float]] = []
        vectors.reserveCapacity(texts.count)
        var rest = texts.map { OpenAIRequestBody.cut($0, bytes: configuration.longestText) }[...]
        while !rest.isEmpty {
            let batch = takeBatch(&rest)
            vectors += try embed(batch, deadline: deadline)
        }
        return vectors
    }

    /// At least one text, and more up to the limits of a request.
    private func takeBatch(_ rest: inout ArraySlice<String>) -> ArraySlice<String> {
        var bytes = 0
        var end = rest.startIndex
        while end < rest.endIndex, end - rest.startIndex < configuration.mostTextsOfRequest {
            bytes += rest[end].utf8.count
            if bytes > configuration.mostBytesOfRequest, end > rest.startIndex { break }
            end += 1
        }
        defer { rest = rest[end...] }
        return rest[..<end]
    }

    // MARK: Attempts

    private enum Outcome {
        case done(OpenAIAnswer)
        case failed(EmbeddingError, retryAfter: Duration?)
    }

    private func embed(
        _ texts: ArraySlice<String>, deadline: ContinuousClock.Instant
    ) throws(EmbeddingError) -> [[Float]] {
        let body = OpenAIRequestBody.make(texts, configuration)
        let estimate = texts.reduce(0) { $0 + ($1.utf8.count + Self.bytesOfToken - 1) / Self.bytesOfToken + 1 }
        let policy = RetryPolicy(first: configuration.firstPause, longest: configuration.longestPause)
        var attempt = 1
        while true {
            switch try send(body, texts: texts.count, estimate: estimate, deadline: deadline) {
            case .done(let answer): return answer.vectors
            case .failed(let error, let retryAfter):
                let pause = policy.pause(afterAttempt: attempt, retryAfter: retryAfter, random: environment.random())
                // A pause that can't be made is left to the caller, who may have more time.
                guard attempt < configuration.attempts, pause <= configuration.longestPause,
                    environment.now() + pause < deadline
                else { throw error }
                logger.warning(
                    "An embedding request failed and is sent again",
                    metadata: [
                        "host": "\(address.host)", "attempt": "\(attempt)", "seconds": "\(pause.inSeconds)",
                        "error": "\(error)",
                    ])
                try wait(pause)
                attempt += 1
            }
        }
    }

    /// One attempt, within the limits of rate and cost.
    private func send(
        _ body: [UInt8], texts: Int, estimate: Int, deadline: ContinuousClock.Instant
    ) throws(EmbeddingError) -> Outcome {
        try admit(estimate: estimate, deadline: deadline)
        let response: EmbeddingResponse
        let rest = environment.now().duration(to: deadline)
        guard rest > .zero else {
            settle(estimate, used: 0)
            throw .deadlineExceeded
        }
        do throws(EmbeddingTransportError) {
            response = try transport.post(
                address.url, headers: headers, body: body,
                mostBytes: texts * configuration.dimensions * Self.bytesOfNumber + Self.otherBytes,
                timeout: min(configuration.timeout, rest))
        } catch .notConnected(let reason) {
            settle(estimate, used: 0)
            return .failed(.unavailable(reason: redacted(reason), retryAfter: nil), retryAfter: nil)
        } catch .interrupted(let reason) {
            settle(estimate, used: estimate)
            guard environment.now() < deadline else { throw .deadlineExceeded }
            return .failed(.unavailable(reason: redacted(reason), retryAfter: nil), retryAfter: nil)
        } catch {
            settle(estimate, used: estimate)
            throw .malformedAnswer(reason: "more bytes than \(texts) vectors can take")
        }
        guard response.status == 200 else {
            settle(estimate, used: 0)
            return try failure(response)
        }
        do throws(EmbeddingError) {
            let answer = try OpenAIAnswer(response.body, texts: texts, dimensions: configuration.dimensions)
            settle(estimate, used: answer.tokens ?? estimate)
            return .done(answer)
        } catch {
            settle(estimate, used: estimate)
            throw error
        }
    }

    private func failure(_ response: EmbeddingResponse) throws(EmbeddingError) -> Outcome {
        let reason = OpenAIFailure.reason(response.body, key: configuration.apiKey)
        guard RetryPolicy.isTemporary(status: response.status) else {
            throw .refused(
                status: response.status,
                reason: (300..<400).contains(response.status) ? "it redirects, which isn't followed" : reason)
        }
        let retryAfter = RetryPolicy.retryAfter(
            response.retryAfter, secondsSince1970: environment.secondsSince1970())
        let error = EmbeddingError.unavailable(
            reason: "it answers \(response.status): \(reason)", retryAfter: retryAfter)
        if response.status == 429, OpenAIFailure.isOutOfQuota(response.body) { throw error }
        return .failed(error, retryAfter: retryAfter)
    }

    // MARK: Limits

    /// Reserves the cost and waits for the rate limit's turn.
    private func admit(estimate: Int, deadline: ContinuousClock.Instant) throws(EmbeddingError) {
        let (now, date) = (environment.now(), environment.secondsSince1970())
        guard now < deadline else { throw .deadlineExceeded }
        let pause = try state.withLock { state throws(EmbeddingError) in
            guard !state.isClosed else { throw .closed }
            if let wait = state.cost.reserve(tokens: estimate, secondsSince1970: date) {
                throw .costLimit(retryAfter: wait)
            }
            let pause = state.rate.take(tokens: estimate, now: now)
            guard now + pause < deadline else {
                state.rate.giveBack(tokens: estimate)
                state.cost.settle(reserved: estimate, used: 0, secondsSince1970: date)
                throw .unavailable(reason: "the configured rate limit is reached", retryAfter: pause)
            }
            return pause
        }
        do throws(EmbeddingError) { try wait(pause) } catch {
            settle(estimate, used: 0)
            throw error
        }
    }

    private func settle(_ estimate: Int, used: Int) {
        let date = environment.secondsSince1970()
        state.withLock { state in
            state.rate.settle(estimated: estimate, used: used)
            state.cost.settle(reserved: estimate, used: used, secondsSince1970: date)
        }
    }

    private func wait(_ duration: Duration) throws(EmbeddingError) {
        let end = environment.now() + duration
        while true {
            guard !state.withLock({ $0.isClosed }) else { throw .closed }
            let rest = environment.now().duration(to: end)
            guard rest > .zero else { return }
            environment.pause(min(rest, Self.longestSleep))
        }
    }

    private func redacted(_ text: String) -> String { configuration.apiKey?.redacted(text) ?? text }
}
