import JSON

/// What an error's body says.
struct OpenAIFailure {
    /// The sentence of `error.message`, on one line, short and without the key.
    let reason: String
    /// Whether the account has run dry, which OpenAI answers with 429 as well, though waiting doesn't help.
    let isOutOfQuota: Bool

    private static let longestReason = 300

    init(_ body: [UInt8], key: APIKey?) {
        let value = try? JSONValue(parsing: body, maximumDepth: 16)
        let error = value?["error"]
        let message = error?["message"]?.stringValue ?? error?.stringValue ?? value?["message"]?.stringValue
        // Redacted before it is cut, or a part of the key could stay.
        let text = (key?.redacted(message ?? "") ?? message ?? "").unicodeScalars
            .map { $0.properties.generalCategory == .control ? " " : Character($0) }
        reason = text.isEmpty ? "no reason given" : String(text.prefix(Self.longestReason))
        isOutOfQuota = error?["code"]?.stringValue == "insufficient_quota"
    }
}

/// Numbers of tokens in answers.
package enum TokenCount {
    /// The most tokens that are believed of one request.
    private static let most = 1 << 30
    /// Tokens have three to four bytes in most texts; three errs on the safe side.
    private static let bytesOfToken = 3

    /// `nil` for what is no count.
    package static func read(_ value: JSONValue?) -> Int? {
        guard let tokens = value?.integerValue, tokens >= 0 else { return nil }
        return min(Int(clamping: tokens), most)
    }

    package static func estimate(bytes: Int) -> Int { (bytes + bytesOfToken - 1) / bytesOfToken }
}

extension String {
    /// The beginning, up to so many bytes of UTF-8, of whole characters of Unicode.
    package func cut(bytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(utf8.startIndex, offsetBy: limit)
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
