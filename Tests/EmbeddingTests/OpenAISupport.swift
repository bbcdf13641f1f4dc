import Embedding
import Foundation
import JSON
import Logging
import OpenAI
import Synchronization
import Testing

/// A clock that only pauses move, and random numbers that are all the same.
final class FakeTime: Sendable {
    private struct State {
        var elapsed = Duration.zero
        var paused = Duration.zero
    }

    private let start = ContinuousClock.now
    private let epoch: Double
    private let state = Mutex(State())

    /// - Parameter epoch: The time of day at the start, in seconds since 1970.
    init(epoch: Double = 1_700_000_000) { self.epoch = epoch }

    var now: ContinuousClock.Instant { start + state.withLock { $0.elapsed } }
    /// The sum of all pauses.
    var paused: Duration { state.withLock { $0.paused } }

    func pass(_ duration: Duration) { state.withLock { $0.elapsed += duration } }

    func environment(random: Double = 0.5) -> OpenAIEnvironment {
        OpenAIEnvironment(
            now: { self.now },
            secondsSince1970: { self.epoch + Double(self.state.withLock { $0.elapsed }.components.seconds) },
            pause: { duration in
                self.state.withLock { state in
                    state.elapsed += duration
                    state.paused += duration
                }
            }, random: { random })
    }
}

/// Answers requests with what a test says, and keeps them.
final class ScriptedTransport: OpenAITransport {
    struct Request: Sendable {
        var url: String
        var headers: [String: String]
        var body: JSONValue
        var mostBytes: Int
        var timeout: Duration

        var texts: [String] { body["input"]?.arrayValue?.compactMap(\.stringValue) ?? [] }
    }

    typealias Answer = @Sendable (Request) -> Result<OpenAIResponse, OpenAITransportError>

    private let script: Mutex<(answers: [Answer], requests: [Request])>

    /// - Parameter answers: In order; the last one is for all further requests, too.
    init(_ answers: [Answer]) { script = Mutex((answers, [])) }

    var requests: [Request] { script.withLock { $0.requests } }

    func post(
        _ url: String, headers: [(String, String)], body: [UInt8], mostBytes: Int, timeout: Duration,
        goesOn: () -> Bool
    ) throws(OpenAITransportError) -> OpenAIResponse {
        let request = Request(
            url: url, headers: Dictionary(uniqueKeysWithValues: headers),
            body: (try? JSONValue(parsing: body)) ?? .null,
            mostBytes: mostBytes, timeout: timeout)
        let answer = script.withLock { script in
            script.requests.append(request)
            return script.answers.count > 1 ? script.answers.removeFirst() : script.answers[0]
        }
        return try answer(request).get()
    }
}

/// Vectors of a right answer: text i has its length in component i % dimensions, and 1 in the next.
func rightVectors(_ texts: [String], dimensions: Int) -> [[Float]] {
    texts.enumerated().map { index, text in
        var vector = [Float](repeating: 0, count: dimensions)
        vector[index % dimensions] = Float(text.utf8.count)
        vector[(index + 1) % dimensions] = 1
        return vector
    }
}

func answerBody(_ vectors: [[Float]], tokens: Int? = nil) -> [UInt8] {
    var value: JSONValue = ["object": "list", "model": "m"]
    value["data"] = .array(
        vectors.enumerated().map { index, vector in
            ["object": "embedding", "index": JSONValue(index), "embedding": .array(vector.map { .double(Double($0)) })]
        })
    if let tokens { value["usage"] = ["prompt_tokens": JSONValue(tokens), "total_tokens": JSONValue(tokens)] }
    return value.serialized()
}

extension ScriptedTransport {
    static let right: Answer = { request in
        let dimensions = Int(request.body["dimensions"]?.integerValue ?? 4)
        return .success(
            OpenAIResponse(
                status: 200, body: answerBody(rightVectors(request.texts, dimensions: dimensions), tokens: 10)))
    }

    static func status(_ status: Int, retryAfter: String? = nil, body: String = "") -> Answer {
        { _ in .success(OpenAIResponse(status: status, retryAfter: retryAfter, body: Array(body.utf8))) }
    }

    static func body(_ text: String) -> Answer { status(200, body: text) }

    static func failing(_ error: OpenAITransportError) -> Answer {
        { _ in .failure(error) }
    }
}

/// Keeps all that is logged.
final class KeptLog: Sendable {
    private let lines = Mutex<[String]>([])
    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(log: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let log: KeptLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            log.lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }
}

let secret = "sk-very-secret-1234567890"

func configuration(_ change: (inout OpenAIEmbeddingConfiguration) -> Void = { _ in }) throws
    -> OpenAIEmbeddingConfiguration
{
    var configuration = OpenAIEmbeddingConfiguration()
    configuration.service.endpoint = "http://127.0.0.1:1/v1/embeddings"
    configuration.dimensions = 4
    configuration.service.apiKey = try APIKey(secret)
    change(&configuration)
    return configuration
}
