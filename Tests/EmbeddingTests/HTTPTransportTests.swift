import Embedding
import Foundation
import OpenAI
import Synchronization
import Testing

/// The embedder over real connections to a service that misbehaves.
@Suite struct HTTPTransportTests {
    private let log = KeptLog()

    /// Runs off Swift's cooperative threads, as callers do: the embedder blocks.
    private func embed(
        _ behaviours: [StubService.Behaviour], texts: [String] = ["solar"],
        _ change: @escaping @Sendable (inout OpenAIEmbeddingConfiguration) -> Void = { _ in }
    ) async throws -> (outcome: Result<[[Float]], EmbeddingError>, requests: [String]) {
        let service = try await onThread { try StubService(behaviours) }
        let log = log
        let outcome = try await onThread {
            // Pauses are not waited for.
            var environment = OpenAIEnvironment.system
            environment.pause = { _ in }
            environment.random = { 0 }
            let embedder = try OpenAIEmbedder(
                configuration { configuration in
                    configuration.service.endpoint = service.url
                    configuration.service.attempts = 2
                    change(&configuration)
                }, environment: environment, logger: log.logger)
            return Result { () throws(EmbeddingError) in try embedder.embed(texts, deadline: .never) }
        }
        let requests = service.requests
        try await onThread { try service.stop() }
        return (outcome, requests)
    }

    private func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
        }
    }

    private static let good = String(decoding: answerBody([[0, 3, 0, 4]], tokens: 2), as: UTF8.self)

    @Test func vectorsComeOverAConnection() async throws {
        let (outcome, requests) = try await embed([.answer(StubService.response(200, Self.good))])
        #expect(try outcome.get() == [[0, 0.6, 0, 0.8]])
        #expect(requests.count == 1 && requests[0].hasPrefix("POST /v1/embeddings HTTP/1.1\r\n"))
        #expect(requests[0].contains("\r\nauthorization: Bearer \(secret)\r\n"))
    }

    @Test func connectionsThatAreCutAreTriedAgain() async throws {
        for cut in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"data\":", "nonsense\r\n\r\n"] {
            let (outcome, requests) = try await embed([.cut(cut), .answer(StubService.response(200, Self.good))])
            #expect(try outcome.get() == [[0, 0.6, 0, 0.8]], "\(cut)")
            #expect(requests.count == 2)
        }
        let (outcome, requests) = try await embed([.cut("")])
        guard case .failure(.unavailable) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(requests.count == 2)
    }

    @Test func aServiceThatDoesNotListenIsUnavailable() async throws {
        let service = try await onThread { try StubService([.silence]) }
        try await onThread { try service.stop() }
        let url = service.url
        let (outcome, requests) = try await embed([.silence]) { $0.service.endpoint = url }
        #expect(outcome == .failure(.unavailable(reason: "no connection", retryAfter: nil)))
        #expect(requests.isEmpty)
    }

    @Test func aSilentServiceIsGivenUp() async throws {
        for behaviour in [
            StubService.Behaviour.silence, .answer("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"),
        ] {
            let (outcome, requests) = try await embed([behaviour]) { $0.service.timeout = .seconds(1) }
            #expect(outcome == .failure(.unavailable(reason: "no answer within 1 s", retryAfter: nil)))
            #expect(requests.count == 2)
        }
    }

    /// Closing waits for no answer.
    @Test func closingBreaksARequestOff() async throws {
        let service = try await onThread { try StubService([.silence]) }
        let log = log
        let embedder = try OpenAIEmbedder(
            configuration { $0.service.endpoint = service.url }, logger: log.logger)
        let start = ContinuousClock.now
        let outcome = try await onThread {
            Thread.detachNewThread {
                while service.requests.isEmpty { Thread.sleep(forTimeInterval: 0.01) }
                embedder.close()
            }
            return Result { () throws(EmbeddingError) in try embedder.embed(["solar"], deadline: .never) }
        }
        #expect(outcome == .failure(.closed) && service.requests.count == 1)
        #expect(ContinuousClock.now - start < .seconds(20), "The timeout is 60 seconds")
        try await onThread { try service.stop() }
    }

    @Test func hugeAnswersAreNotTakenIn() async throws {
        let announced = "HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n{"
        for behaviour in [StubService.Behaviour.endless, .answer(announced)] {
            let (outcome, requests) = try await embed([behaviour])
            #expect(outcome == .failure(.malformedAnswer(reason: "more bytes than 1 vectors can take")))
            #expect(requests.count == 1)
        }
    }

    /// The key must not go where the endpoint points to.
    @Test(arguments: [301, 302, 303, 307, 308]) func redirectsAreRefused(status: Int) async throws {
        let other = try await onThread { try StubService([.answer(StubService.response(200, Self.good))]) }
        let redirect = StubService.response(status, "", headers: "location: \(other.url)\r\n")
        let (outcome, requests) = try await embed([.answer(redirect)])
        #expect(outcome == .failure(.refused(status: status, reason: "it redirects, which isn't followed")))
        #expect(requests.count == 1 && other.requests.isEmpty)
        try await onThread { try other.stop() }
    }

    @Test func statusesAndRetryAfterComeThrough() async throws {
        let busy = StubService.response(429, #"{"error": {"message": "slow down"}}"#, headers: "Retry-After: 40\r\n")
        let (outcome, _) = try await embed([.answer(busy)])
        #expect(outcome == .failure(.unavailable(reason: "it answers 429: slow down", retryAfter: .seconds(40))))
        let (second, requests) = try await embed([
            .answer(StubService.response(500, "oops")), .answer(StubService.response(200, Self.good)),
        ])
        #expect(try second.get().count == 1)
        #expect(requests.count == 2)
        let (third, _) = try await embed([.answer(StubService.response(200, #"{"data": [{"embedding": [NaN]}]}"#))])
        guard case .failure(.malformedAnswer) = third else {
            Issue.record("\(third)")
            return
        }
        #expect(!log.text.contains(secret))
    }
}
