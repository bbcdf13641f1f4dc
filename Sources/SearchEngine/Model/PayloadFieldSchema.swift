import JSON

/// The kind of a payload index.
public enum PayloadFieldType: String, Sendable, Hashable, CaseIterable {
    case keyword, integer, float, bool, uuid, datetime, geo, text
}

/// How a text index splits strings into tokens.
public enum Tokenizer: String, Sendable, Hashable, CaseIterable {
    /// At anything that is neither letter nor digit.
    case word
    case whitespace
    /// `word`, and each token's prefixes from `minTokenLength` to `maxTokenLength`.
    case prefix
    /// At anything that is neither letter nor digit, ideographs and kana one by one, without accents. Qdrant's, which
    /// knows more of each language, splits some texts elsewhere.
    case multilingual
}

/// A payload index as it was asked for.
public struct PayloadFieldSchema: Sendable, Hashable {
    public var type: PayloadFieldType
    /// Integer: whether the index answers `match` and `range`.
    public var lookup: Bool = true
    public var range: Bool = true
    /// Text.
    public var tokenizer: Tokenizer = .word
    public var lowercase: Bool = true
    public var minTokenLength: Int?
    public var maxTokenLength: Int?
    public var phraseMatching: Bool = false
    /// The schema as the client wrote it: a bare type name, or an object; reported back as `params`.
    public var parameters: JSONValue?

    public init(type: PayloadFieldType) {
        self.type = type
    }
}
