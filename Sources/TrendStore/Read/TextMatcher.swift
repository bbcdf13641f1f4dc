import WordIndex

/// Finds a query's terms in rows, as the index does, and tells where they are.
struct TextMatcher {
    private static let mostWords = 32

    private let terms: [TextQuery.Term]
    private let analyzer = WordAnalyzer()

    init(_ query: TextQuery) { terms = query.terms }

    func explain<R: TextIndexedRow>(_ row: R, _ match: inout TextMatch) {
        var found: Set<Int> = []
        for (column, text) in zip(R.textColumns, row.indexedTexts) {
            guard var text, !text.isEmpty else { continue }
            if find(in: &text, &found, &match.words) { match.fields.append(column.name) }
        }
        match.terms = terms.indices.filter(found.contains).map { terms[$0].text }
    }

    /// Returns whether the text has a term.
    private func find(in text: inout String, _ found: inout Set<Int>, _ words: inout [String]) -> Bool {
        text.withUTF8 { bytes in
            var stems: [String] = []
            var ranges: [Range<Int>] = []
            analyzer.forEachWord(in: bytes) { stem, range in
                stems.append(String(decoding: stem, as: UTF8.self))
                ranges.append(range)
                return true
            }
            var hasTerm = false
            for (number, term) in terms.enumerated() where term.stems.count <= stems.count {
                for place in 0...(stems.count - term.stems.count)
                where stems[place] == term.stems[0]
                    && stems[place..<(place + term.stems.count)].elementsEqual(term.stems)
                {
                    hasTerm = true
                    found.insert(number)
                    let last = ranges[place + term.stems.count - 1]
                    let word = String(decoding: bytes[ranges[place].lowerBound..<last.upperBound], as: UTF8.self)
                    if words.count < Self.mostWords, !words.contains(word) { words.append(word) }
                }
            }
            return hasTerm
        }
    }
}
