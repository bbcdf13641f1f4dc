import Embedding
import JSON
import Logging
import OpenAI
import Synchronization
import Testing

/// Requests, retries and answers, without a network and without time.
@Suite struct OpenAITests {
    private let time = FakeTime()
    private let log = KeptLog()

    private func embedder(
        _ transport: ScriptedTransport, spending: Spending? = nil, random: Double = 0.5,
        _ change: (inout OpenAIEmbeddingConfiguration) -> Void = { _ in }
    ) throws -> OpenAIEmbedder {
        try OpenAIEmbedder(
            configuration(change), accounting: OpenAIAccounting(earlier: spending), transport: transport,
            environment: time.environment(random: random), logger: log.logger)
    }

    private func expect(
        _ wanted: EmbeddingError, from embedder: OpenAIEmbedder, deadline: Duration = .seconds(3_600),
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        do {
            _ = try embedder.embed(["solar"], deadline: time.now + deadline)
            Issue.record("The text was embedded", sourceLocation: sourceLocation)
        } catch { #expect(error == wanted, sourceLocation: sourceLocation) }
    }

    @Test func aRequestIsOpenAIs() throws {
        let transport = ScriptedTransport([ScriptedTransport.right])
        let embedder = try embedder(transport)
        let vectors = try embedder.embed(["solar", ""], deadline: time.now + .seconds(10))
        #expect(vectors.count == 2 && vectors.allSatisfy { abs(cosine($0, $0) - 1) < 1e-6 })
        #expect(abs(vectors[0][0] - 5 / Float(26).squareRoot()) < 1e-6)
        let request = try #require(transport.requests.first)
        #expect(request.url == "http://127.0.0.1:1/v1/embeddings")
        #expect(request.headers["authorization"] == "Bearer \(secret)")
        #expect(request.body["model"] == "text-embedding-3-small" && request.body["dimensions"] == 4)
        // An empty text goes as a blank.
        #expect(request.texts == ["solar", " "])
        #expect(request.timeout == .seconds(10), "No longer than the caller waits")
        #expect(embedder.model.identity == "127.0.0.1:1/text-embedding-3-small/4")
        #expect(!embedder.model.isLexical)
        #expect(try embedder.embed([], deadline: time.now).isEmpty)
        #expect(transport.requests.count == 1)
    }

    @Test func optionsLeaveThingsOut() throws {
        let transport = ScriptedTransport([ScriptedTransport.right])
        let embedder = try embedder(transport) { configuration in
            configuration.service.apiKey = nil
            configuration.asksForDimensions = false
        }
        _ = try embedder.embed(["a"], deadline: time.now + .seconds(100))
        #expect(transport.requests[0].headers["authorization"] == nil)
        #expect(transport.requests[0].body["dimensions"] == nil)
    }

    @Test func textsGoInBatches() throws {
        let transport = ScriptedTransport([ScriptedTransport.right])
        let embedder = try embedder(transport) { configuration in
            configuration.mostTextsOfRequest = 3
            configuration.mostBytesOfRequest = 20
            configuration.longestText = 30
        }
        let texts = [
            "aa", "bb", "cc", "dd", String(repeating: "e", count: 25), "f", String(repeating: "яя", count: 10), "g",
        ]
        let vectors = try embedder.embed(texts, deadline: time.now + .seconds(100))
        #expect(vectors.count == texts.count)
        // Three at most; 20 bytes at most; a longer one alone, cut at 30 bytes.
        #expect(
            transport.requests.map(\.texts) == [
                ["aa", "bb", "cc"], ["dd"], [texts[4]], ["f"], [String(repeating: "я", count: 15)], ["g"],
            ])
    }

    @Test func aTextIsCutBetweenCharacters() throws {
        let transport = ScriptedTransport([ScriptedTransport.right])
        let embedder = try embedder(transport) { $0.longestText = 6 }
        _ = try embedder.embed(["abcя🚀", "abcде"], deadline: time.now + .seconds(100))
        #expect(transport.requests[0].texts == ["abcя", "abcд"])
    }

    // MARK: Retries

    @Test(arguments: [408, 425, 429, 500, 502, 503, 529]) func temporaryFailuresAreSentAgain(status: Int) throws {
        let failure = ScriptedTransport.status(status, body: #"{"error": {"message": "busy"}}"#)
        let transport = ScriptedTransport([failure, failure, failure, ScriptedTransport.right])
        let vectors = try embedder(transport).embed(["solar"], deadline: time.now + .seconds(100))
        #expect(vectors.count == 1 && transport.requests.count == 4)
        // Half of 0.5, 1 and 2 seconds.
        #expect(time.paused == .milliseconds(1_750))
        #expect(log.text.contains("attempt: 3") || log.text.contains("\"attempt\": 3"), "\(log.text)")
    }

    @Test func attemptsAreBounded() throws {
        let transport = ScriptedTransport([ScriptedTransport.status(503, body: #"{"error": {"message": "down"}}"#)])
        expect(.unavailable(reason: "it answers 503: down", retryAfter: nil), from: try embedder(transport))
        #expect(transport.requests.count == 5)
    }

    @Test func connectionsThatFailAreTriedAgain() throws {
        let transport = ScriptedTransport([
            ScriptedTransport.failing(.notConnected(reason: "no connection")),
            ScriptedTransport.failing(.interrupted(reason: "cut")), ScriptedTransport.right,
        ])
        #expect(try embedder(transport).embed(["solar"], deadline: time.now + .seconds(100)).count == 1)
        let dead = ScriptedTransport([ScriptedTransport.failing(.notConnected(reason: "no connection"))])
        expect(.unavailable(reason: "no connection", retryAfter: nil), from: try embedder(dead))
    }

    @Test(arguments: [300, 301, 307, 400, 401, 403, 404, 413, 422]) func otherStatusesAreFinal(status: Int) throws {
        let transport = ScriptedTransport([ScriptedTransport.status(status, body: #"{"error": {"message": "no"}}"#)])
        expect(
            .refused(status: status, reason: status < 400 ? "it redirects, which isn't followed" : "no"),
            from: try embedder(transport))
        #expect(transport.requests.count == 1 && time.paused == .zero)
    }

    @Test(arguments: [
        ("7", Duration.seconds(7)), ("0", .zero), (" 3 ", .seconds(3)),
        // The fake clock begins at Tue, 14 Nov 2023 22:13:20 GMT.
        ("Tue, 14 Nov 2023 22:13:32 GMT", .seconds(12)), ("Tue, 14 Nov 2023 21:00:00 GMT", .zero),
        // What can't be read counts as nothing said: half of half a second.
        ("soon", .milliseconds(250)), ("-1", .milliseconds(250)), ("Tue, 99 Nov 2023 22:13:32 GMT", .milliseconds(250)),
        ("Tue, 14 Nov 2023 22:13:32 CET", .milliseconds(250)), ("", .milliseconds(250)),
    ])
    func retryAfterIsKept(header: String, pause: Duration) throws {
        let transport = ScriptedTransport([ScriptedTransport.status(429, retryAfter: header), ScriptedTransport.right])
        _ = try embedder(transport).embed(["solar"], deadline: time.now + .seconds(100))
        #expect(time.paused == pause)
    }

    /// A pause that is too long is the caller's to make.
    @Test func longPausesAreReported() throws {
        let transport = ScriptedTransport([ScriptedTransport.status(429, retryAfter: "31")])
        let reason = "it answers 429: no reason given"
        expect(.unavailable(reason: reason, retryAfter: .seconds(31)), from: try embedder(transport))
        let huge = ScriptedTransport([
            ScriptedTransport.status(503, retryAfter: "99999999999999999999999999999999999999999999")
        ])
        expect(
            .unavailable(reason: "it answers 503: no reason given", retryAfter: .seconds(315_360_000)),
            from: try embedder(huge))
        let short = ScriptedTransport([ScriptedTransport.status(429, retryAfter: "10")])
        expect(
            .unavailable(reason: reason, retryAfter: .seconds(10)), from: try embedder(short), deadline: .seconds(9))
        #expect(time.paused == .zero)
    }

    @Test func anAccountWithoutMoneyIsNotAskedAgain() throws {
        let transport = ScriptedTransport([
            ScriptedTransport.status(429, body: #"{"error": {"message": "no money", "code": "insufficient_quota"}}"#)
        ])
        expect(.unavailable(reason: "it answers 429: no money", retryAfter: nil), from: try embedder(transport))
        #expect(transport.requests.count == 1)
    }

    @Test func deadlinesHold() throws {
        let transport = ScriptedTransport([ScriptedTransport.right])
        expect(.deadlineExceeded, from: try embedder(transport), deadline: .zero)
        #expect(transport.requests.isEmpty)
        // The transport's own time limit was the caller's.
        let slow = ScriptedTransport([
            { [time] request in
                time.pass(request.timeout)
                return .failure(.interrupted(reason: "no answer"))
            }
        ])
        expect(.deadlineExceeded, from: try embedder(slow), deadline: .seconds(5))
        #expect(slow.requests.count == 1)
    }

    @Test func aClosedEmbedderEndsPauses() throws {
        let closing = Mutex<OpenAIEmbedder?>(nil)
        let transport = ScriptedTransport([
            { _ in
                closing.withLock { $0 }?.close()
                return .success(OpenAIResponse(status: 503, retryAfter: "20", body: []))
            }
        ])
        let embedder = try embedder(transport)
        closing.withLock { $0 = embedder }
        expect(.closed, from: embedder)
        #expect(time.paused == .zero)
        expect(.closed, from: embedder)
        #expect(transport.requests.count == 1)
    }

    // MARK: Answers

    @Test func answersThatAreNoVectorsAreRefused() throws {
        func element(_ index: String, _ vector: String) -> String { #"{"index": \#(index), "embedding": \#(vector)}"# }
        func data(_ elements: String...) -> String { #"{"data": [\#(elements.joined(separator: ","))]}"# }
        let good = "[1,0,0,0]"
        let cases: [(String, String)] = [
            ("0 vectors for 1 texts", "{}"), ("0 vectors for 1 texts", data()),
            ("the index 1 for 1 texts", data(element("0", good), element("1", good))),
            ("two vectors of the index 0", data(element("0", good), element("0", good))),
            ("the index 1 for 1 texts", data(element("1", good))),
            ("the index -1 for 1 texts", data(element("-1", good))),
            ("an index that is no integer", data(element("0.5", good))),
            ("an index that is no integer", data(element("99999999999999999999", good))),
            ("expected a number", data(element("\"0\"", good))),
            ("a vector of 3 numbers, not 4", data(element("0", "[1,0,0]"))),
            ("a vector of 5 numbers, not 4", data(element("0", "[1,0,0,0,0]"))),
            ("a vector of 0 numbers, not 4", data(element("0", "[]"))),
            ("a vector of 0 numbers, not 4", data(#"{"index": 0}"#)),
            ("without a finite length", data(element("0", "[0,0,0,0]"))),
            ("at line 1", data(element("0", "[NaN,0,0,0]"))), ("at line 1", data(element("0", "[Infinity,0,0,0]"))),
            ("at line 1", data(element("0", "[\"1\",0,0,0]"))), ("at line 1", data(element("0", "[null,0,0,0]"))),
            ("at line 1", data(element("0", "\"AACAPwAAAAA=\""))), ("at line 1", #"{"data": {}}"#), ("at line 1", "[]"),
            ("at line 1", ""), ("at line 1", "<html>"), ("at line 1", data(element("0", good)) + "x"),
            ("levels", #"{"x": "# + String(repeating: "[", count: 1_000)),
        ]
        for (reason, body) in cases {
            let transport = ScriptedTransport([ScriptedTransport.body(body)])
            do {
                _ = try embedder(transport).embed(["solar"], deadline: time.now + .seconds(100))
                Issue.record("\(body) was accepted")
            } catch EmbeddingError.malformedAnswer(let given) {
                #expect(given.contains(reason), "\(body): \(given)")
            }
            #expect(transport.requests.count == 1, "What is charged isn't asked for again")
        }
        let overflow = ScriptedTransport([ScriptedTransport.body(data(element("0", "[1e300,0,0,0]")))])
        #expect(throws: EmbeddingError.self) {
            try embedder(overflow).embed(["solar"], deadline: time.now + .seconds(100))
        }
        let large = ScriptedTransport([ScriptedTransport.failing(.tooLarge)])
        expect(.malformedAnswer(reason: "more bytes than 1 vectors can take"), from: try embedder(large))
    }

    @Test func vectorsAreInTheOrderOfTheTexts() throws {
        let transport = ScriptedTransport([
            ScriptedTransport.body(
                #"{"data": [{"index": 1, "embedding": [0,2,0,0]}, {"embedding": [3,0,0,0], "index": 0}], "usage": null}"#
            )
        ])
        let vectors = try embedder(transport).embed(["a", "b"], deadline: time.now + .seconds(100))
        #expect(vectors == [[1, 0, 0, 0], [0, 1, 0, 0]])
        // Without indexes, as some services answer.
        let plain = ScriptedTransport([
            ScriptedTransport.body(#"{"data": [{"embedding": [3,0,0,0]}, {"embedding": [0,2,0,0]}]}"#)
        ])
        #expect(try embedder(plain).embed(["a", "b"], deadline: time.now + .seconds(100)) == vectors)
    }
}
