import Logging
import OpenAI

/// Embeds texts with any service that speaks OpenAI's `/v1/embeddings`.
///
/// Texts go in requests of limited number and size, one after the other. An answer is used only if it has a vector of the right
/// length for each text and nothing else. An empty text is sent as a blank, because OpenAI refuses empty ones.
public final class OpenAIEmbedder: Embedder {
    public let model: EmbeddingModel

    private let configuration: OpenAIEmbeddingConfiguration
    private let service: OpenAIService

    /// Of a number in an answer: sign, 17 digits, exponent, comma and space.
    private static let bytesOfNumber = 32
    private static let otherBytes = 1 << 16

    /// - Throws: `EmbeddingError.invalidConfiguration`.
    public init(
        _ configuration: OpenAIEmbeddingConfiguration, accounting: OpenAIAccounting = OpenAIAccounting(),
        transport: any OpenAITransport = HTTPTransport(), environment: OpenAIEnvironment = .system, logger: Logger
    ) throws(EmbeddingError) {
        self.configuration = configuration
        do throws(OpenAIError) {
            try configuration.check()
            service = try OpenAIService(
                configuration.service, accounting: accounting, transport: transport, environment: environment,
                logger: logger)
        } catch { throw EmbeddingError(error) }
        model = EmbeddingModel(
            name: configuration.model, dimensions: configuration.dimensions, isLexical: false,
            identity: "\(service.host)/\(configuration.model)/\(configuration.dimensions)")
    }

    /// What the day has cost so far, without requests on their way.
    public var spending: Spending { service.spending }

    public var spendingToday: Spending? { spending }

    /// Breaks calls in progress off; they and all later ones throw `.closed`.
    public func close() { service.close() }

    public func embed(_ texts: [String], deadline: ContinuousClock.Instant) throws(EmbeddingError) -> [[Float]] {
        var vectors: [[Float]] = []
        vectors.reserveCapacity(texts.count)
        var rest = texts.map { $0.cut(bytes: configuration.longestText) }[...]
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

    private func embed(
        _ texts: ArraySlice<String>, deadline: ContinuousClock.Instant
    ) throws(EmbeddingError) -> [[Float]] {
        let request = OpenAIService.Request(
            model: configuration.model, body: EmbeddingRequestBody.make(texts, configuration),
            estimate: usage(texts.reduce(0) { $0 + TokenCount.estimate(bytes: $1.utf8.count) + 1 }),
            mostBytes: texts.count * configuration.dimensions * Self.bytesOfNumber + Self.otherBytes,
            tooLarge: "more bytes than \(texts.count) vectors can take")
        do throws(OpenAIError) {
            return try service.send(request, deadline: deadline) { (body) throws(OpenAIError) in
                let answer = try EmbeddingAnswer(body, texts: texts.count, dimensions: configuration.dimensions)
                return (answer.vectors, answer.tokens.map(usage))
            }
        } catch { throw EmbeddingError(error) }
    }

    private func usage(_ tokens: Int) -> Usage {
        Usage(tokens: tokens, dollars: Double(tokens) * (configuration.dollarsPerMillionTokens / 1e6))
    }
}
