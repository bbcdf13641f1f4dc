import OpenAI

/// Where and how an OpenAI-compatible service embeds texts. The defaults are those of OpenAI's `text-embedding-3-small`.
public struct OpenAIEmbeddingConfiguration: Sendable {
    public var service = OpenAISettings(endpoint: "https://api.openai.com/v1/embeddings")
    public var model = "text-embedding-3-small"
    /// Length of the vectors, 1 to 65,536. The service is asked for it unless `asksForDimensions` is `false`, and vectors of another
    /// length are refused.
    public var dimensions = 768
    /// Services whose models have one length refuse the parameter `dimensions`.
    public var asksForDimensions = true
    /// The price that is reckoned with.
    public var dollarsPerMillionTokens = 0.02

    /// A request has at most so many texts, 1 to 2,048 (OpenAI's limit), …
    public var mostTextsOfRequest = 128
    /// … and so many bytes of UTF-8 in them, unless a single text is longer.
    public var mostBytesOfRequest = 256 << 10
    /// Bytes of a text that are sent, 1 to 1 MiB. OpenAI takes 8,192 tokens, which is about this in most scripts.
    public var longestText = 16 << 10

    public init() {}

    /// - Throws: `OpenAIError.invalidConfiguration`, which names the setting.
    func check() throws(OpenAIError) {
        try OpenAISettings.require(
            (1...OpenAISettings.longestModelName).contains(model.utf8.count), "model must have 1 to 256 bytes")
        try OpenAISettings.require(
            OpenAISettings.prices.contains(dollarsPerMillionTokens),
            "the price of a million tokens must be from 0 to 1000000 dollars")
        try OpenAISettings.require(
            (1...65_536).contains(dimensions), "dimensions must be from 1 to 65536, not \(dimensions)")
        try OpenAISettings.require((1...2_048).contains(mostTextsOfRequest), "a request must have 1 to 2048 texts")
        try OpenAISettings.require((1...64 << 20).contains(mostBytesOfRequest), "a request must have 1 byte to 64 MiB")
        try OpenAISettings.require((1...1 << 20).contains(longestText), "the longest text must have 1 byte to 1 MiB")
    }
}
