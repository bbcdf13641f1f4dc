/// What somebody searches for by words. Everything is plain text but `"words in a row"` and `-excluded` (a word, or words in quotes, behind
/// a minus that begins it).
///
/// No text is refused: where it has no words, there are no terms.
public struct TextQuery: Sendable, Hashable {
    /// A word, or several in a row.
    public struct Term: Sendable, Hashable {
        /// As it was typed, without quotes.
        public let text: String
        /// At least one.
        package let stems: [String]
        /// As they were typed, without stop words.
        fileprivate let words: [String]

        /// As a string of FTS5, which takes nothing in it for syntax. The words are made of letters, digits, marks and apostrophes.
        package var expression: String { "\"\(words.joined(separator: " "))\"" }
    }

    /// Of which a row must have one; each once.
    public private(set) var terms: [Term] = []
    /// Of which a row may have none.
    public private(set) var excluded: [Term] = []
    /// Stop words, which no row is found by.
    public private(set) var ignored: [String] = []
    /// The text without what is excluded and without quotes, for whoever asks for its meaning.
    public private(set) var plainText = ""

    /// Complexity: O(text).
    public init(_ text: String) {
        let analyzer = WordAnalyzer()
        var rest = Substring(text)
        var plain: [Substring] = []
        while let first = rest.first {
            if first.isWhitespace {
                rest.removeFirst()
                continue
            }
            let isExcluded = first == "-" && rest.dropFirst().first.map { !$0.isWhitespace } == true
            if isExcluded { rest.removeFirst() }
            let part: Substring
            let isPhrase = rest.first == "\""
            if isPhrase {
                rest.removeFirst()
                part = rest.prefix { $0 != "\"" }
                rest = rest[part.endIndex...].dropFirst()
            } else {
                part = rest.prefix { !$0.isWhitespace && $0 != "\"" }
                rest = rest[part.endIndex...]
            }
            add(part, isExcluded, isPhrase, analyzer)
            if !isExcluded { plain.append(part) }
        }
        plainText = plain.joined(separator: " ")
    }

    /// Words that are collected: more than a search takes, so that it sees that they are too many.
    private static let mostWords = 64

    private mutating func add(_ part: Substring, _ isExcluded: Bool, _ isPhrase: Bool, _ analyzer: WordAnalyzer) {
        guard wordCount < Self.mostWords else { return }
        var found: [Term] = []
        var part = String(part)
        let whole = part
        part.withUTF8 { bytes in
            analyzer.forEachWord(of: bytes) { meaning, stem, range in
                let word = String(decoding: bytes[range], as: UTF8.self)
                if meaning == .content {
                    found.append(Term(text: word, stems: [String(decoding: stem, as: UTF8.self)], words: [word]))
                } else if ignored.count < Self.mostWords, !ignored.contains(word) {
                    ignored.append(word)
                }
                return found.count < Self.mostWords
            }
        }
        if isPhrase || isExcluded, found.count > 1 {
            found = [Term(text: whole, stems: found.flatMap(\.stems), words: found.flatMap(\.words))]
        }
        for term in found {
            if isExcluded {
                if !excluded.contains(where: { $0.stems == term.stems }) { excluded.append(term) }
            } else if !terms.contains(where: { $0.stems == term.stems }) {
                terms.append(term)
            }
        }
    }

    /// The words of all terms.
    public var wordCount: Int { (terms + excluded).reduce(0) { $0 + $1.stems.count } }
}
