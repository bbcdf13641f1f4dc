import Foundation

/// Where and how an OpenAI-compatible service embeds texts. The defaults are those of OpenAI's `text-embedding-3-small`.
public struct OpenAIConfiguration: Sendable {
    /// The whole address, such as `https://api.openai.com/v1/embeddings`. `http` and `https` are known.
    public var endpoint = "https://api.openai.com/v1/embeddings"
    public var model = "text-embedding-3-small"
    /// Length of the vectors, 1 to 65,536. The service is asked for it unless `asksForDimensions` is `false`, and vectors of another
    /// length are refused.
    public var dimensions = 768
    /// Services whose models have one length refuse the parameter `dimensions`.
    public var asksForDimensions = true
    /// Sent as a bearer token; `nil` for services that want none.
    public var apiKey: APIKey?

    /// A request has at most so many texts, 1 to 2,048 (OpenAI's limit), …
    public var mostTextsOfRequest = 128
    /// … and so many bytes of UTF-8 in them, unless a single text is longer.
    public var mostBytesOfRequest = 256 << 10
    /// Bytes of a text that are sent, 1 to 1 MiB. OpenAI takes 8,192 tokens, which is about this in most scripts.
    public var longestText = 16 << 10

    /// Times that a request is sent before its failure is reported, 1 to 20.
    public var attempts = 5
    /// From a request's start to the end of its answer.
    public var timeout = Duration.seconds(60)
    /// The bound of the random pause before the second attempt; it doubles with each further one.
    public var firstPause = Duration.milliseconds(500)
    /// No pause is longer. A service that asks for more with `Retry-After` is reported as unavailable at once.
    public var longestPause = Duration.seconds(30)

    /// Requests a minute; `nil` for any number.
    public var requestsPerMinute: Int?
    /// Tokens a minute; `nil` for any number.
    public var tokensPerMinute: Int?
    /// The price that is reckoned with.
    public var dollarsPerMillionTokens = 0.02
    /// What a day (UTC) may cost; `nil` for any amount.
    public var dollarsPerDay: Double?

    public init() {}

    /// - Throws: `EmbeddingError.invalidConfiguration`, which names the setting.
    func check() throws(EmbeddingError) -> EndpointAddress {
        func require(_ holds: Bool, _ reason: String) throws(EmbeddingError) {
            if !holds { throw .invalidConfiguration(reason: reason) }
        }
        try require(!model.isEmpty && model.utf8.count <= 256, "model must have 1 to 256 bytes")
        try require((1...65_536).contains(dimensions), "dimensions must be from 1 to 65536, not \(dimensions)")
        try require((1...2_048).contains(mostTextsOfRequest), "a request must have 1 to 2048 texts")
        try require((1...64 << 20).contains(mostBytesOfRequest), "a request must have 1 byte to 64 MiB")
        try require((1...1 << 20).contains(longestText), "the longest text must have 1 byte to 1 MiB")
        try require((1...20).contains(attempts), "attempts must be from 1 to 20, not \(attempts)")
        try require(timeout > .zero && timeout <= .seconds(3_600), "the timeout must be up to an hour")
        try require(
            firstPause > .zero && firstPause <= longestPause && longestPause <= .seconds(3_600),
            "pauses must be up to an hour, and the first no longer than the longest")
        try require(
            (1...1_000_000_000).contains(requestsPerMinute ?? 1)
                && (1...1_000_000_000_000).contains(tokensPerMinute ?? 1),
            "rate limits must be at least 1")
        try require(
            (0...1e6).contains(dollarsPerMillionTokens),
            "the price of a million tokens must be from 0 to 1000000 dollars")
        try require(
            (0...1e9).contains(dollarsPerDay ?? 0), "the cost limit of a day must be from 0 to 1000000000 dollars")
        return try EndpointAddress(endpoint)
    }
}

/// An address that was checked.
struct EndpointAddress: Sendable {
    let url: String
    /// Host, and port if one is given: where vectors come from, without anything secret.
    let host: String

    init(_ url: String) throws(EmbeddingError) {
        // An address may hold a password, so it isn't repeated in the error.
        guard let parts = URLComponents(string: url), ["http", "https"].contains(parts.scheme?.lowercased() ?? ""),
            let host = parts.host, !host.isEmpty, parts.user == nil, parts.password == nil, parts.fragment == nil
        else {
            throw .invalidConfiguration(
                reason: "the endpoint must be an http or https address without user, password and fragment")
        }
        self.url = url
        self.host = host.lowercased() + (parts.port.map { ":\($0)" } ?? "")
    }
}

/// A secret that doesn't show in descriptions, dumps and interpolations.
public struct APIKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let value: String

    /// - Throws: `EmbeddingError.invalidConfiguration` for a key that can't stand in an HTTP header: an empty one, or one
    ///   with others than visible ASCII characters.
    public init(_ value: String) throws(EmbeddingError) {
        guard !value.isEmpty, value.utf8.count <= 4_096, value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .invalidConfiguration(reason: "the API key must be 1 to 4096 visible ASCII characters")
        }
        self.value = value
    }

    public var description: String { "[API key]" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// The text without this key, should a service have repeated it.
    func redacted(_ text: String) -> String { text.replacing(value, with: description) }
}
