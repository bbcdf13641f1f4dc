import JSON
import OpenAI
import Synchronization
import Testing

/// Chats, without a network and without time.
@Suite struct ChatClientTests {
    private let time = FakeTime()
    private let log = KeptLog()
    private let model = ChatModel(name: "m", dollarsPerMillionInputTokens: 1_000, dollarsPerMillionOutputTokens: 2_000)

    private func client(
        _ transport: ScriptedTransport, accounting: OpenAIAccounting = OpenAIAccounting(),
        _ change: (inout OpenAISettings) -> Void = { _ in }
    ) throws -> ChatClient {
        var settings = OpenAISettings(endpoint: "http://127.0.0.1:1/v1")
        settings.apiKey = try APIKey(secret)
        change(&settings)
        return try ChatClient(
            settings, mostOutputTokens: 100, accounting: accounting, transport: transport,
            environment: time.environment(), logger: log.logger)
    }

    private func ask(_ client: ChatClient) throws -> ChatAnswer {
        try client.answer([ChatMessage(.system, "s"), ChatMessage(.user, "u\n\"")], model: model)
    }

    private static func answer(_ content: JSONValue, usage: JSONValue? = nil, finish: String = "stop") -> String {
        var body: JSONValue = ["choices": [["message": ["content": content], "finish_reason": .string(finish)]]]
        body["usage"] = usage
        return body.text
    }

    @Test func aRequestIsOpenAIs() throws {
        let transport = ScriptedTransport([
            ScriptedTransport.body(Self.answer("{}", usage: ["prompt_tokens": 30, "completion_tokens": 5]))
        ])
        let client = try client(transport)
        let answer = try ask(client)
        #expect(answer.content == "{}" && !answer.isCut && answer.usage.tokens == 35)
        #expect(abs(answer.usage.dollars - 0.04) < 1e-12)
        let request = transport.requests[0]
        #expect(request.url == "http://127.0.0.1:1/v1/chat/completions")
        #expect(request.headers["authorization"] == "Bearer \(secret)")
        #expect(
            request.body == [
                "model": "m",
                "messages": [["role": "system", "content": "s"], ["role": "user", "content": "u\n\""]],
                "response_format": ["type": "json_object"], "max_completion_tokens": 100,
            ])
        #expect(client.spending.tokens == 35)
    }

    @Test func anAnswerThatWasCutSaysSo() throws {
        let transport = ScriptedTransport([ScriptedTransport.body(Self.answer("{\"a\":", finish: "length"))])
        #expect(try ask(try client(transport)).isCut)
    }

    @Test(arguments: [
        "", "<html>", "null", "[]", "{}", #"{"choices": []}"#, #"{"choices": [{}]}"#, #"{"choices": {"0": 1}}"#,
        #"{"choices": [{"message": {"content": null, "refusal": "no"}}]}"#,
        #"{"choices": [{"message": {"content": [{"type": "text"}]}}]}"#,
        String(repeating: "[", count: 100_000), String(repeating: #"{"choices":"#, count: 50_000),
    ]) func otherBodiesAreMalformed(body: String) throws {
        let transport = ScriptedTransport([ScriptedTransport.body(body)])
        let client = try client(transport)
        do {
            _ = try ask(client)
            Issue.record("The body was taken")
        } catch OpenAIError.malformedAnswer {}
        #expect(transport.requests.count == 1, "It was paid for")
        #expect(client.spending.dollars > 0.2, "As if it had all the tokens that it may have")
    }

    /// Nonsense is estimated: 18 tokens of input and one of output for each three bytes.
    @Test(
        arguments: [
            nil, [:], ["prompt_tokens": -1, "completion_tokens": "x"],
            ["prompt_tokens": 1.5, "completion_tokens": nil], 7,
        ] as [JSONValue?])
    func usageThatIsNoneIsEstimated(usage: JSONValue?) throws {
        let transport = ScriptedTransport([ScriptedTransport.body(Self.answer("{\"a\": 1}", usage: usage))])
        #expect(try ask(try client(transport)).usage.tokens == 18 + 3)
    }

    @Test func theLimitReckonsWithAllThatMayBeAnswered() throws {
        let stored = Mutex<[Double]>([])
        let accounting = OpenAIAccounting(store: { spending in stored.withLock { $0.append(spending.dollars) } })
        let usage: JSONValue = ["prompt_tokens": 10, "completion_tokens": 5]
        let transport = ScriptedTransport([ScriptedTransport.body(Self.answer("{}", usage: usage))])
        // A question is reckoned at 0.218, and costs 0.02.
        let client = try client(transport, accounting: accounting) { $0.dollarsPerDay = 0.25 }
        _ = try ask(client)
        _ = try ask(client)
        #expect(throws: OpenAIError.costLimit(retryAfter: .seconds(6_400))) { try ask(client) }
        let sums = stored.withLock { $0 }.map { ($0 * 1_000).rounded() }
        #expect(sums == [218, 20, 238, 40])
        #expect(transport.requests.count == 2)
    }

    @Test func aSharedLimitIsWaitedFor() throws {
        let waits = Mutex<[Duration]>([.seconds(3), .seconds(2)])
        struct Limit: RequestLimit {
            let next: @Sendable () -> Duration?
            func take() -> Duration? { next() }
        }
        let limit = Limit { waits.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
        let transport = ScriptedTransport([ScriptedTransport.body(Self.answer("{}"))])
        _ = try ask(try client(transport, accounting: OpenAIAccounting(limit: limit)))
        #expect(time.paused == .seconds(5) && transport.requests.count == 1)
        // A wait that is longer than the caller's is not made.
        let long = Limit { .seconds(10_000) }
        #expect(
            throws: OpenAIError.unavailable(
                reason: "the configured rate limit is reached", retryAfter: .seconds(10_000))
        ) { try ask(try client(transport, accounting: OpenAIAccounting(limit: long))) }
        #expect(time.paused == .seconds(5))
    }

    @Test func callsAreCountedByWhatBecameOfThem() throws {
        final class Observer: CallObserver {
            let calls = Mutex<[OpenAICall]>([])
            func observe(_ call: OpenAICall) { calls.withLock { $0.append(call) } }
        }
        let observer = Observer()
        let good = ScriptedTransport.body(Self.answer("{}"))
        let transport = ScriptedTransport([
            ScriptedTransport.status(429), ScriptedTransport.status(502),
            ScriptedTransport.failing(.notConnected(reason: "no")),
            ScriptedTransport.failing(.interrupted(reason: "cut")),
            good, ScriptedTransport.status(400), ScriptedTransport.failing(.tooLarge),
        ])
        let client = try client(transport, accounting: OpenAIAccounting(observer: observer))
        for _ in 0..<3 { _ = try? ask(client) }
        let calls = observer.calls.withLock { $0 }
        #expect(
            calls.map(\.status) == [
                .rateLimited, .unavailable, .unreachable, .interrupted, .ok, .refused, .malformed,
            ])
        #expect(calls.allSatisfy { $0.model == "m" })
        #expect(abs(calls.reduce(0) { $0 + $1.dollars } - client.spending.dollars) < 1e-12)
        // What surely wasn't done costs nothing.
        #expect(calls.map { $0.dollars > 0 } == [false, false, false, true, true, false, true])
    }

    @Test func whoeverGivesUpIsNotAskedToWait() throws {
        let transport = ScriptedTransport([ScriptedTransport.status(503)])
        let client = try client(transport)
        #expect(throws: OpenAIError.cancelled) {
            try client.answer([], model: model) { transport.requests.isEmpty }
        }
        #expect(transport.requests.count == 1)
        client.close()
        #expect(throws: OpenAIError.closed) { try ask(client) }
        #expect(transport.requests.count == 1)
    }
}
