import JSON
import Logging

/// A model, and the prices that are reckoned with.
public struct ChatModel: Sendable, Equatable {
    public var name: String
    public var dollarsPerMillionInputTokens: Double
    public var dollarsPerMillionOutputTokens: Double

    public init(name: String, dollarsPerMillionInputTokens: Double, dollarsPerMillionOutputTokens: Double) {
        self.name = name
        self.dollarsPerMillionInputTokens = dollarsPerMillionInputTokens
        self.dollarsPerMillionOutputTokens = dollarsPerMillionOutputTokens
    }

    func usage(input: Int, output: Int) -> Usage {
        let (sum, overflow) = input.addingReportingOverflow(output)
        return Usage(
            tokens: overflow ? .max : sum,
            dollars: Double(input) * (dollarsPerMillionInputTokens / 1e6)
                + Double(output) * (dollarsPerMillionOutputTokens / 1e6))
    }
}

public struct ChatMessage: Sendable, Equatable {
    public enum Role: String, Sendable {
        case system, user, assistant
    }

    public var role: Role
    public var content: String

    public init(_ role: Role, _ content: String) {
        self.role = role
        self.content = content
    }
}

/// What a model has answered. It may be anything: the text is to be checked.
public struct ChatAnswer: Sendable, Equatable {
    public var content: String
    /// Whether the model was stopped at the most tokens that an answer may have.
    public var isCut: Bool
    public var usage: Usage
}

/// Asks models for JSON at any service that speaks OpenAI's `/v1/chat/completions`.
public final class ChatClient: Sendable {
    private let service: OpenAIService
    private let mostOutputTokens: Int
    private let environment: OpenAIEnvironment
    private let patience: Duration

    /// Of an answer's body. The longest text that is of use has some KiB.
    private static let mostBytes = 1 << 20

    /// - Parameters:
    ///   - settings: Their endpoint is the base that `/chat/completions` stands behind, such as `https://api.openai.com/v1`.
    ///   - mostOutputTokens: What an answer may have, 1 to 1,000,000; the cost limit reckons with as many before the answer is
    ///     there.
    /// - Throws: `OpenAIError.invalidConfiguration`.
    public init(
        _ settings: OpenAISettings, mostOutputTokens: Int, accounting: OpenAIAccounting = OpenAIAccounting(),
        transport: any OpenAITransport = HTTPTransport(), environment: OpenAIEnvironment = .system, logger: Logger
    ) throws(OpenAIError) {
        try OpenAISettings.require(
            (1...1_000_000).contains(mostOutputTokens), "an answer must have 1 to 1000000 tokens")
        var settings = settings
        let base = settings.endpoint
        settings.endpoint = (base.hasSuffix("/") ? String(base.dropLast()) : base) + "/chat/completions"
        self.mostOutputTokens = mostOutputTokens
        self.environment = environment
        patience = (settings.timeout + settings.longestPause) * settings.attempts
        service = try OpenAIService(
            settings, accounting: accounting, transport: transport, environment: environment, logger: logger)
    }

    /// What the day has cost so far, without requests on their way.
    public var spending: Spending { service.spending }

    /// Breaks calls in progress off; they and all later ones throw `.closed`.
    public func close() { service.close() }

    /// Blocks its thread, for as long as all attempts and pauses may take.
    ///
    /// - Parameter goesOn: Asked several times a second meanwhile; `false` ends the call with `.cancelled`.
    /// - Throws: `OpenAIError`; `.malformedAnswer` for a body that isn't OpenAI's or is longer than 1 MiB.
    public func answer(
        _ messages: [ChatMessage], model: ChatModel, goesOn: () -> Bool = { true }
    ) throws(OpenAIError) -> ChatAnswer {
        // Roles and separators take some tokens of each message.
        let input = messages.reduce(0) { $0 + TokenCount.estimate(bytes: $1.content.utf8.count) + 8 }
        let request = OpenAIService.Request(
            model: model.name, body: body(messages, model),
            estimate: model.usage(input: input, output: mostOutputTokens),
            mostBytes: Self.mostBytes, tooLarge: "it is longer than \(Self.mostBytes) bytes")
        return try service.send(request, deadline: environment.now() + patience, goesOn: goesOn) {
            (body) throws(OpenAIError) in
            let answer = try Self.read(body, model, inputEstimate: input)
            return (answer, answer.usage)
        }
    }

    /// https://platform.openai.com/docs/api-reference/chat/create
    private func body(_ messages: [ChatMessage], _ model: ChatModel) -> [UInt8] {
        let messages = messages.map { message -> JSONValue in
            ["role": .string(message.role.rawValue), "content": .string(message.content)]
        }
        let body: JSONValue = [
            "model": .string(model.name), "messages": .array(messages), "response_format": ["type": "json_object"],
            "max_completion_tokens": JSONValue(mostOutputTokens),
        ]
        return body.serialized()
    }

    private static func read(
        _ body: [UInt8], _ model: ChatModel, inputEstimate: Int
    ) throws(OpenAIError) -> ChatAnswer {
        let value: JSONValue
        do { value = try JSONValue(parsing: body, maximumDepth: 32) } catch {
            throw .malformedAnswer(reason: "it is no JSON: \(error)")
        }
        let choice = value["choices"]?[0]
        guard let content = choice?["message"]?["content"]?.stringValue else {
            throw .malformedAnswer(reason: "it has no text at choices[0].message.content")
        }
        let usage = value["usage"]
        return ChatAnswer(
            content: content, isCut: choice?["finish_reason"]?.stringValue == "length",
            usage: model.usage(
                input: TokenCount.read(usage?["prompt_tokens"]) ?? inputEstimate,
                output: TokenCount.read(usage?["completion_tokens"])
                    ?? TokenCount.estimate(bytes: content.utf8.count)))
    }
}
