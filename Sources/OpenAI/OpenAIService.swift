import Logging
import Synchronization

/// Sends requests to a service that speaks OpenAI's API, and takes its answers.
///
/// A request that fails in a way that may pass is sent again after a pause; rate and cost limits hold over all callers. Calls block
/// their thread.
///
/// The key goes to the one host of the endpoint alone: redirects are refused. It stands in no error and in no log.
package final class OpenAIService: Sendable {
    package struct Request: Sendable {
        /// Names it in metrics.
        package var model: String
        package var body: [UInt8]
        /// What it will use; what it has used, where the service doesn't say.
        package var estimate: Usage
        /// Of the answer's body.
        package var mostBytes: Int
        /// What is wrong with an answer that has more.
        package var tooLarge: String

        package init(model: String, body: [UInt8], estimate: Usage, mostBytes: Int, tooLarge: String) {
            self.model = model
            self.body = body
            self.estimate = estimate
            self.mostBytes = mostBytes
            self.tooLarge = tooLarge
        }
    }

    private struct State {
        var pace: MinuteLimits
        var cost: DailyCost
        var isClosed = false
    }

    private let settings: OpenAISettings
    private let address: EndpointAddress
    private let headers: [(String, String)]
    private let accounting: OpenAIAccounting
    private let transport: any OpenAITransport
    private let environment: OpenAIEnvironment
    private let logger: Logger
    private let state: Mutex<State>
    /// What was stored last. Its lock keeps the order of what is stored.
    private let stored: Mutex<Spending?>

    /// No pause lasts longer without a look at whether it still goes on.
    private static let longestSleep = Duration.milliseconds(200)

    /// - Throws: `OpenAIError.invalidConfiguration`.
    package init(
        _ settings: OpenAISettings, accounting: OpenAIAccounting, transport: any OpenAITransport,
        environment: OpenAIEnvironment, logger: Logger
    ) throws(OpenAIError) {
        address = try settings.check()
        self.settings = settings
        self.accounting = accounting
        self.transport = transport
        self.environment = environment
        self.logger = logger
        headers =
            [("content-type", "application/json"), ("accept", "application/json")]
            + (settings.apiKey.map { [("authorization", "Bearer \($0.value)")] } ?? [])
        state = Mutex(
            State(
                pace: MinuteLimits(
                    requestsPerMinute: settings.requestsPerMinute, tokensPerMinute: settings.tokensPerMinute,
                    now: environment.now()),
                cost: DailyCost(
                    limit: settings.dollarsPerDay, earlier: accounting.earlier,
                    secondsSince1970: environment.secondsSince1970())))
        stored = Mutex(accounting.earlier)
    }

    /// Host, and port if the endpoint names one.
    package var host: String { address.host }

    /// What the day has cost so far, without requests on their way.
    package var spending: Spending {
        let date = environment.secondsSince1970()
        return state.withLock { $0.cost.spending(secondsSince1970: date) }
    }

    /// Breaks requests and pauses in progress off; they and all later ones throw `.closed`.
    package func close() { state.withLock { $0.isClosed = true } }

    // MARK: Attempts

    private enum Outcome<Answer> {
        case done(Answer)
        case failed(OpenAIError, retryAfter: Duration?)
    }

    /// - Parameters:
    ///   - goesOn: Asked several times a second while the call waits; `false` ends it with `.cancelled`.
    ///   - read: Makes an answer of a body of status 200; what the request used, if the service says. It throws
    ///     `.malformedAnswer`, which isn't tried again, as it was paid for.
    package func send<Answer>(
        _ request: Request, deadline: ContinuousClock.Instant, goesOn: () -> Bool = { true },
        read: ([UInt8]) throws(OpenAIError) -> (answer: Answer, usage: Usage?)
    ) throws(OpenAIError) -> Answer {
        let policy = RetryPolicy(first: settings.firstPause, longest: settings.longestPause)
        var attempt = 1
        while true {
            switch try sendOnce(request, deadline: deadline, goesOn: goesOn, read: read) {
            case .done(let answer): return answer
            case .failed(let error, let retryAfter):
                let pause = policy.pause(afterAttempt: attempt, retryAfter: retryAfter, random: environment.random())
                // A pause that can't be made is left to the caller, who may have more time.
                guard attempt < settings.attempts, pause <= settings.longestPause, environment.now() + pause < deadline
                else { throw error }
                logger.warning(
                    "A request to a model's service failed and is sent again",
                    metadata: [
                        "host": "\(address.host)", "model": "\(request.model)", "attempt": "\(attempt)",
                        "seconds": "\(pause.inSeconds)", "error": "\(error)",
                    ])
                try wait(pause, goesOn)
                attempt += 1
            }
        }
    }

    /// One attempt, within the limits of rate and cost.
    private func sendOnce<Answer>(
        _ request: Request, deadline: ContinuousClock.Instant, goesOn: () -> Bool,
        read: ([UInt8]) throws(OpenAIError) -> (answer: Answer, usage: Usage?)
    ) throws(OpenAIError) -> Outcome<Answer> {
        try admit(request.estimate, deadline: deadline, goesOn: goesOn)
        let start = environment.now()
        let rest = start.duration(to: deadline)
        guard rest > .zero else {
            settle(request.estimate, used: Usage())
            throw .deadlineExceeded
        }
        func ended(_ status: OpenAICall.Status, used: Usage) {
            settle(request.estimate, used: used)
            accounting.observer?.observe(
                OpenAICall(
                    model: request.model, status: status, duration: start.duration(to: environment.now()),
                    dollars: used.dollars))
        }
        let response: OpenAIResponse
        do throws(OpenAITransportError) {
            response = try transport.post(
                address.url, headers: headers, body: request.body, mostBytes: request.mostBytes,
                timeout: min(settings.timeout, rest)
            ) { !isClosed && goesOn() }
        } catch .notConnected(let reason) {
            ended(.unreachable, used: Usage())
            return .failed(.unavailable(reason: redacted(reason), retryAfter: nil), retryAfter: nil)
        } catch .interrupted(let reason) {
            ended(.interrupted, used: request.estimate)
            try check(goesOn)
            guard environment.now() < deadline else { throw .deadlineExceeded }
            return .failed(.unavailable(reason: redacted(reason), retryAfter: nil), retryAfter: nil)
        } catch {
            ended(.malformed, used: request.estimate)
            throw .malformedAnswer(reason: request.tooLarge)
        }
        guard response.status == 200 else {
            ended(Self.status(of: response), used: Usage())
            return try failure(response)
        }
        do throws(OpenAIError) {
            let (answer, usage) = try read(response.body)
            ended(.ok, used: usage ?? request.estimate)
            return .done(answer)
        } catch {
            ended(.malformed, used: request.estimate)
            throw error
        }
    }

    private static func status(of response: OpenAIResponse) -> OpenAICall.Status {
        if response.status == 429 { return .rateLimited }
        return RetryPolicy.isTemporary(status: response.status) ? .unavailable : .refused
    }

    private func failure<Answer>(_ response: OpenAIResponse) throws(OpenAIError) -> Outcome<Answer> {
        let failure = OpenAIFailure(response.body, key: settings.apiKey)
        guard RetryPolicy.isTemporary(status: response.status) else {
            throw .refused(
                status: response.status,
                reason: (300..<400).contains(response.status) ? "it redirects, which isn't followed" : failure.reason)
        }
        let retryAfter = RetryPolicy.retryAfter(
            response.retryAfter, secondsSince1970: environment.secondsSince1970())
        let error = OpenAIError.unavailable(
            reason: "it answers \(response.status): \(failure.reason)", retryAfter: retryAfter)
        if response.status == 429, failure.isOutOfQuota { throw error }
        return .failed(error, retryAfter: retryAfter)
    }

    // MARK: Limits

    /// Reserves the cost and waits for the turn that the rate limits give.
    private func admit(
        _ estimate: Usage, deadline: ContinuousClock.Instant, goesOn: () -> Bool
    ) throws(OpenAIError) {
        let (now, date) = (environment.now(), environment.secondsSince1970())
        guard now < deadline else { throw .deadlineExceeded }
        let pause = try state.withLock { state throws(OpenAIError) in
            guard !state.isClosed else { throw .closed }
            if let wait = state.cost.reserve(estimate, secondsSince1970: date) { throw .costLimit(retryAfter: wait) }
            let pause = state.pace.take(tokens: estimate.tokens, now: now)
            guard now + pause < deadline else {
                state.pace.giveBack(tokens: estimate.tokens)
                state.cost.settle(reserved: estimate, used: Usage(), secondsSince1970: date)
                throw Self.tooFast(pause)
            }
            return pause
        }
        do throws(OpenAIError) {
            try wait(pause, goesOn)
            try takeShared(deadline: deadline, goesOn)
        } catch {
            settle(estimate, used: Usage())
            throw error
        }
        store()
    }

    /// Takes a request of the limit that other clients share.
    private func takeShared(deadline: ContinuousClock.Instant, _ goesOn: () -> Bool) throws(OpenAIError) {
        guard let limit = accounting.limit else { return }
        while let pause = limit.take() {
            guard environment.now() + pause < deadline else { throw Self.tooFast(pause) }
            try wait(pause, goesOn)
        }
    }

    private static func tooFast(_ pause: Duration) -> OpenAIError {
        .unavailable(reason: "the configured rate limit is reached", retryAfter: pause)
    }

    private func settle(_ estimate: Usage, used: Usage) {
        let date = environment.secondsSince1970()
        state.withLock { state in
            state.pace.settle(estimated: estimate.tokens, used: used.tokens)
            state.cost.settle(reserved: estimate, used: used, secondsSince1970: date)
        }
        store()
    }

    private func store() {
        guard let store = accounting.store else { return }
        stored.withLock { last in
            let spending = state.withLock { $0.cost.withReserved }
            guard spending != last else { return }
            store(spending)
            last = spending
        }
    }

    private func wait(_ duration: Duration, _ goesOn: () -> Bool) throws(OpenAIError) {
        let end = environment.now() + duration
        while true {
            try check(goesOn)
            let rest = environment.now().duration(to: end)
            guard rest > .zero else { return }
            environment.pause(min(rest, Self.longestSleep))
        }
    }

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    private func check(_ goesOn: () -> Bool) throws(OpenAIError) {
        if isClosed { throw .closed }
        if !goesOn() { throw .cancelled }
    }

    private func redacted(_ text: String) -> String { settings.apiKey?.redacted(text) ?? text }
}
