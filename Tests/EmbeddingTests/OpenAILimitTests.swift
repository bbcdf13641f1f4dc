import Embedding
import JSON
import OpenAI
import Synchronization
import Testing

/// Limits of rate and cost.
@Suite struct OpenAILimitTests {
    private let time = FakeTime()
    private let transport = ScriptedTransport([ScriptedTransport.right])

    private func embedder(
        spending: Spending? = nil, transport: ScriptedTransport? = nil, time: FakeTime? = nil,
        _ change: (inout OpenAIEmbeddingConfiguration) -> Void
    ) throws -> OpenAIEmbedder {
        try OpenAIEmbedder(
            configuration(change), accounting: OpenAIAccounting(earlier: spending),
            transport: transport ?? self.transport,
            environment: (time ?? self.time).environment(), logger: KeptLog().logger)
    }

    private func embed(_ embedder: OpenAIEmbedder, _ text: String = "solar", within: Duration = .seconds(3_600)) throws
    {
        _ = try embedder.embed([text], deadline: time.now + within)
    }

    @Test func requestsAMinuteAreKept() throws {
        let embedder = try embedder { $0.service.requestsPerMinute = 6 }
        for _ in 0..<6 { try embed(embedder) }
        #expect(time.paused == .zero)
        try embed(embedder)
        #expect(abs(time.paused.seconds - 10) < 0.01)
        try embed(embedder)
        #expect(abs(time.paused.seconds - 20) < 0.01)
        time.pass(.seconds(3_600))
        // However long it rests, a minute's worth comes at once and no more.
        for _ in 0..<6 { try embed(embedder) }
        #expect(abs(time.paused.seconds - 20) < 0.01)
        try embed(embedder)
        #expect(abs(time.paused.seconds - 30) < 0.01)
    }

    @Test func tokensAMinuteAreKeptAsUsed() throws {
        // Each request is estimated at 101 tokens and uses 10.
        let embedder = try embedder { $0.service.tokensPerMinute = 120 }
        let text = String(repeating: "x", count: 300)
        try embed(embedder, text)
        try embed(embedder, text)
        #expect(time.paused == .zero, "110 tokens are left, of which the second needs 101")
        try embed(embedder, text)
        #expect(abs(time.paused.seconds - 0.5) < 0.01, "100 tokens are left")
    }

    @Test func aWaitBeyondTheDeadlineIsRefusedAndTakesNothing() throws {
        let embedder = try embedder { $0.service.requestsPerMinute = 1 }
        try embed(embedder)
        for _ in 0..<3 {
            #expect(
                throws: EmbeddingError.unavailable(
                    reason: "the configured rate limit is reached", retryAfter: .seconds(60))
            ) { try embed(embedder, within: .seconds(30)) }
        }
        #expect(transport.requests.count == 1 && time.paused == .zero)
        time.pass(.seconds(60))
        try embed(embedder, within: .seconds(1))
    }

    @Test func aTextOfMoreTokensThanAMinuteHasGoesThrough() throws {
        let embedder = try embedder { $0.service.tokensPerMinute = 50 }
        try embed(embedder, String(repeating: "x", count: 3_000))
        #expect(transport.requests.count == 1)
    }

    @Test func aDayCostsNoMoreThanAllowed() throws {
        // 10 tokens a request at a dollar a thousand: a cent each. The estimate of "solar" is 3 tokens.
        let embedder = try embedder { configuration in
            configuration.dollarsPerMillionTokens = 1_000
            configuration.service.dollarsPerDay = 0.05
        }
        for _ in 0..<5 { try embed(embedder) }
        #expect(embedder.spending.tokens == 50 && abs(embedder.spending.dollars - 0.05) < 1e-9)
        // 22:13:20 on day 19,675.
        #expect(embedder.spending.day == 19_675)
        #expect(throws: EmbeddingError.costLimit(retryAfter: .seconds(6_400))) { try embed(embedder) }
        #expect(transport.requests.count == 5)
        time.pass(.seconds(6_400))
        try embed(embedder)
        #expect(embedder.spending == Spending(day: 19_676, tokens: 10, dollars: 0.01))
    }

    @Test func spendingOutlivesARestart() throws {
        func change(_ configuration: inout OpenAIEmbeddingConfiguration) {
            configuration.dollarsPerMillionTokens = 1_000
            configuration.service.dollarsPerDay = 0.05
        }
        let spent = Spending(day: 19_675, tokens: 48, dollars: 0.048)
        #expect(throws: EmbeddingError.costLimit(retryAfter: .seconds(6_400))) {
            try embed(try embedder(spending: spent, change))
        }
        // Yesterday's is over; nonsense is forgotten; what lies ahead counts, as the clock may have been set back.
        for other in [
            Spending(day: 19_674, tokens: 48, dollars: 9),
            Spending(day: 19_675, tokens: -1, dollars: 9),
            Spending(day: 19_675, tokens: 1, dollars: .nan),
        ] {
            let embedder = try embedder(spending: other, change)
            #expect(embedder.spending == Spending(day: 19_675, tokens: 0, dollars: 0))
            try embed(embedder)
        }
        #expect(throws: EmbeddingError.costLimit(retryAfter: .seconds(92_800))) {
            try embed(try embedder(spending: Spending(day: 19_676, tokens: 50, dollars: 0.05), change))
        }
    }

    /// What the service surely didn't do costs nothing; what it may have done counts as estimated.
    @Test func failedRequestsCountAsTheyMayHaveCost() throws {
        let cases: [(ScriptedTransport.Answer, Int)] = [
            (ScriptedTransport.status(400), 0), (ScriptedTransport.failing(.notConnected(reason: "x")), 0),
            (ScriptedTransport.failing(.interrupted(reason: "x")), 3), (ScriptedTransport.failing(.tooLarge), 3),
            (ScriptedTransport.body("{}"), 3),
            (ScriptedTransport.body(#"{"data": [{"embedding": [1,0,0,0]}], "usage": {"total_tokens": -5}}"#), 3),
            (ScriptedTransport.body(#"{"data": [{"embedding": [1,0,0,0]}], "usage": {"total_tokens": 9e99}}"#), 3),
            (ScriptedTransport.body(#"{"data": [{"embedding": [1,0,0,0]}], "usage": {"prompt_tokens": 7}}"#), 7),
        ]
        for (index, (answer, tokens)) in cases.enumerated() {
            let embedder = try embedder(transport: ScriptedTransport([answer])) { $0.service.attempts = 1 }
            _ = try? embedder.embed(["solar"], deadline: time.now + .seconds(10))
            #expect(embedder.spending.tokens == tokens, "case \(index)")
        }
        let huge = ScriptedTransport([
            ScriptedTransport.body(
                #"{"data": [{"embedding": [1,0,0,0]}], "usage": {"total_tokens": 9223372036854775807}}"#)
        ])
        let embedder = try embedder(transport: huge) { $0.service.tokensPerMinute = 100 }
        for _ in 0..<3 { try embed(embedder) }
        #expect(embedder.spending.tokens == 3 << 30)
        // A minute of debt at most: each waits for two minutes' worth less its own.
        #expect(time.paused < .seconds(400))
    }

    /// Requests that are on their way are counted, so that callers together keep the limit.
    @Test func callersShareTheLimit() throws {
        let inner = Mutex<OpenAIEmbedder?>(nil)
        let refused = Mutex(0)
        let nested = ScriptedTransport([
            { [time] _ in
                do { _ = try inner.withLock { $0 }?.embed(["other"], deadline: time.now + .seconds(1)) } catch {
                    if case EmbeddingError.costLimit = error { refused.withLock { $0 += 1 } }
                }
                return .success(OpenAIResponse(status: 200, body: answerBody([[1, 0, 0, 0]], tokens: 3)))
            }
        ])
        let embedder = try embedder(transport: nested) { configuration in
            configuration.dollarsPerMillionTokens = 1_000_000
            configuration.service.dollarsPerDay = 5
        }
        inner.withLock { $0 = embedder }
        try embed(embedder)
        #expect(refused.withLock { $0 } == 1 && nested.requests.count == 1)
        #expect(embedder.spending.dollars == 3)
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
