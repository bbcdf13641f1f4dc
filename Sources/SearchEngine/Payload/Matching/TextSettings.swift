import JSON

/// How text becomes tokens, and how conditions on text look at them.
package struct TextSettings: Hashable, Sendable {
    package var tokenizer: Tokenizer = .word
    package var lowercase = true
    /// In characters (Unicode scalars); tokens outside of it are left out. `nil` is no limit.
    package var minTokenLength: Int?
    package var maxTokenLength: Int?
    /// Whether phrases can be matched; without it no point matches one.
    package var phrases = true
    /// Whether all tokens must be in the same element of an array, or just somewhere in it.
    package var perElement = true

    /// What holds on a path without a text index.
    package static let unindexed = TextSettings()

    private init() {}

    package init(_ schema: PayloadFieldSchema) {
        tokenizer = schema.tokenizer
        lowercase = schema.lowercase
        minTokenLength = schema.minTokenLength
        maxTokenLength = schema.maxTokenLength
        phrases = schema.phraseMatching
        perElement = false
    }

    /// Prefixes are cut here if the index doesn't say: their number is quadratic in a word's length.
    static let longestPrefix = 64

    private var shortestToken: Int { max(1, minTokenLength ?? 1) }

    /// The tokens that a text is found by.
    package func documentTokens(_ text: String) -> [ByteString] {
        guard tokenizer == .prefix else { return words(text).filter(isKept).map { ByteString($0) } }
        var tokens: [ByteString] = []
        for word in words(text) {
            let scalars = word.unicodeScalars
            var end = scalars.startIndex
            var length = 0
            while length < maxTokenLength ?? Self.longestPrefix, end < scalars.endIndex {
                end = scalars.index(after: end)
                length += 1
                if length >= shortestToken { tokens.append(ByteString(String(word[..<end]))) }
            }
        }
        return tokens
    }

    /// The tokens of a query, or of a text in its order: as `documentTokens`, but a word's longest prefix alone.
    package func queryTokens(_ text: String) -> [ByteString] {
        guard tokenizer == .prefix else { return words(text).filter(isKept).map { ByteString($0) } }
        return words(text).compactMap { word in
            let token = String(
                String.UnicodeScalarView(word.unicodeScalars.prefix(maxTokenLength ?? Self.longestPrefix)))
            return token.unicodeScalars.count >= shortestToken ? ByteString(token) : nil
        }
    }

    private func isKept(_ token: String) -> Bool {
        if minTokenLength == nil, maxTokenLength == nil { return true }
        let length = token.unicodeScalars.count
        return length >= minTokenLength ?? 0 && length <= maxTokenLength ?? .max
    }

    private func words(_ text: String) -> [String] {
        if tokenizer == .word || tokenizer == .prefix, let words = Words.ascii(text, lowercase: lowercase) {
            return words
        }
        var words =
            switch tokenizer {
            case .word, .prefix: Words.split(text, isPart: Words.isAlphanumeric)
            case .whitespace: Words.split(text) { !$0.properties.isWhitespace }
            case .multilingual: Words.multilingual(text)
            }
        if lowercase {
            for index in words.indices { words[index] = words[index].lowercased() }
        }
        return words
    }

    // MARK: Matching without an index

    /// Whether texts (the elements of one payload at one path) fulfil a condition. An empty query matches nothing.
    package func matches(_ predicate: FieldPredicate, _ texts: [String]) -> Bool {
        switch predicate {
        case .matchText(let query):
            let tokens = Set(queryTokens(query.string))
            guard !tokens.isEmpty else { return false }
            if perElement { return texts.contains { tokens.isSubset(of: documentTokens($0)) } }
            return tokens.isSubset(of: texts.flatMap(documentTokens))
        case .matchTextAny(let query):
            let tokens = Set(queryTokens(query.string))
            return texts.contains { documentTokens($0).contains(where: tokens.contains) }
        case .matchPhrase(let query):
            let phrase = queryTokens(query.string)
            guard phrases, !phrase.isEmpty else { return false }
            return texts.contains { holds(phrase, in: queryTokens($0)) }
        default: return false
        }
    }

    private func holds(_ phrase: [ByteString], in tokens: [ByteString]) -> Bool {
        guard tokens.count >= phrase.count else { return false }
        return (0...tokens.count - phrase.count).contains { start in
            phrase.indices.allSatisfy { index in
                let token = tokens[start + index]
                // The last word of a phrase may be a beginning.
                return tokenizer == .prefix && index == phrase.count - 1
                    ? token.utf8.starts(with: phrase[index].utf8) : token == phrase[index]
            }
        }
    }
}
