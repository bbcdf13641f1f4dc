import Foundation

/// How a service is reached, how often a request is tried, and what it may use.
public struct OpenAISettings: Sendable {
    /// The whole address, such as `https://api.openai.com/v1/embeddings`. `http` and `https` are known.
    public var endpoint: String
    /// Sent as a bearer token; `nil` for services that want none.
    public var apiKey: APIKey?

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
    /// What a day (UTC) may cost; `nil` for any amount.
    public var dollarsPerDay: Double?

    public init(endpoint: String) { self.endpoint = endpoint }

    /// - Throws: `OpenAIError.invalidConfiguration`, which names the setting.
    func check() throws(OpenAIError) -> EndpointAddress {
        try Self.require((1...20).contains(attempts), "attempts must be from 1 to 20, not \(attempts)")
        try Self.require(timeout > .zero && timeout <= .seconds(3_600), "the timeout must be up to an hour")
        try Self.require(
            firstPause > .zero && firstPause <= longestPause && longestPause <= .seconds(3_600),
            "pauses must be up to an hour, and the first no longer than the longest")
        try Self.require(
            (1...1_000_000_000).contains(requestsPerMinute ?? 1)
                && (1...1_000_000_000_000).contains(tokensPerMinute ?? 1),
            "rate limits must be at least 1")
        try Self.require(
            (0...1e9).contains(dollarsPerDay ?? 0), "the cost limit of a day must be from 0 to 1000000000 dollars")
        return try EndpointAddress(endpoint)
    }

    /// Bytes.
    package static let longestModelName = 256
    /// Dollars for a million tokens.
    package static let prices = 0.0...1e6

    package static func require(_ holds: Bool, _ reason: String) throws(OpenAIError) {
        if !holds { throw .invalidConfiguration(reason: reason) }
    }
}

/// An address that was checked.
struct EndpointAddress: Sendable {
    let url: String
    /// Host, and port if one is given: where answers come from, without anything secret.
    let host: String

    init(_ url: String) throws(OpenAIError) {
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

    /// - Throws: `OpenAIError.invalidConfiguration` for a key that can't stand in an HTTP header: an empty one, or one
    ///   with others than visible ASCII characters.
    public init(_ value: String) throws(OpenAIError) {
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
