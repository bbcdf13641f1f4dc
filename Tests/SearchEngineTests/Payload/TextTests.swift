import JSON
import SearchEngine
import Testing

/// Expected answers are those of Qdrant's engine, but for texts without blanks.
@Suite struct TextTests {
    static let texts: [JSONValue] = [
        "The quick brown fox", "quick-brown", "QUICK", "quickly brown", "brown quick", "trend42 data", "Привет мир",
        "café au lait",
        "x_y z", "don't stop", "straße", ["quick", "brown"], ["the brown", "a quick"], 5, "", "今日は良い天気",
    ]

    private func collection(_ change: ((inout PayloadFieldSchema) -> Void)?) throws -> IndexedCollection {
        let collection = IndexedCollection()
        for text in Self.texts { collection.append(["t": text]) }
        guard let change else { return collection }
        var schema = PayloadFieldSchema(type: .text)
        schema.phraseMatching = true
        change(&schema)
        collection.indexes.createIndex(try PayloadPath("t"), schema)
        return collection
    }

    private func expect(
        _ collection: IndexedCollection, _ predicate: FieldPredicate, _ expected: [Int],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let filter = Filter(must: [.field(try PayloadPath("t"), predicate)])
        #expect(try collection.matches(filter) == expected, sourceLocation: sourceLocation)
        #expect(collection.naiveMatches(filter) == expected, sourceLocation: sourceLocation)
    }

    @Test func withoutAnIndex() throws {
        let plain = try collection(nil)
        try expect(plain, .matchText("Quick"), [0, 1, 2, 4, 11, 12])
        try expect(plain, .matchText("quic"), [])
        try expect(plain, .matchText("brown quick"), [0, 1, 4])
        try expect(plain, .matchTextAny("zzz fox trend42"), [0, 5])
        try expect(plain, .matchPhrase("quick brown"), [0, 1])
        try expect(plain, .matchText(""), [])
        try expect(plain, .matchTextAny(" - "), [])
        try expect(plain, .matchPhrase(""), [])
        try expect(plain, .matchText("привет"), [6])
        try expect(plain, .matchText("don't"), [9])
        try expect(plain, .matchText("cafe"), [])
    }

    @Test func wordIndex() throws {
        let words = try collection { _ in }
        // Tokens may come from several elements, a phrase may not.
        try expect(words, .matchText("quick brown"), [0, 1, 4, 11, 12])
        try expect(words, .matchPhrase("quick brown"), [0, 1])
        try expect(words, .matchPhrase("brown quick"), [4])
        try expect(words, .matchPhrase("brown zzz"), [])
        try expect(words, .matchText("x"), [8])
        try expect(try collection { $0.phraseMatching = false }, .matchPhrase("quick brown"), [])
        let cased = try collection { $0.lowercase = false }
        try expect(cased, .matchText("quick"), [0, 1, 4, 11, 12])
        try expect(cased, .matchText("Quick"), [])
        let bounded = try collection {
            $0.minTokenLength = 2
            $0.maxTokenLength = 5
        }
        try expect(bounded, .matchText("привет"), [])
        try expect(bounded, .matchText("мир"), [6])
        try expect(bounded, .matchText("a"), [])
        try expect(bounded, .matchText("quick a"), [0, 1, 2, 4, 11, 12])
        try expect(bounded, .matchText("straße"), [])
    }

    @Test func otherTokenizers() throws {
        let blanks = try collection { $0.tokenizer = .whitespace }
        try expect(blanks, .matchText("quick"), [0, 2, 4, 11, 12])
        try expect(blanks, .matchText("quick-brown"), [1])
        try expect(blanks, .matchText("x"), [])
        let prefixes = try collection { $0.tokenizer = .prefix }
        try expect(prefixes, .matchText("quic"), [0, 1, 2, 3, 4, 11, 12])
        try expect(prefixes, .matchText("qui bro"), [0, 1, 3, 4, 11, 12])
        try expect(prefixes, .matchPhrase("qui bro"), [])
        try expect(prefixes, .matchPhrase("quick bro"), [0, 1])
        try expect(prefixes, .matchPhrase("quick b"), [0, 1])
        try expect(prefixes, .matchPhrase("quickly brown"), [3])
        try expect(prefixes, .matchText("trend"), [5])
        let short = try collection {
            $0.tokenizer = .prefix
            $0.minTokenLength = 2
            $0.maxTokenLength = 4
        }
        try expect(short, .matchText("STRASSE"), [10])
        try expect(short, .matchText("t"), [])
        try expect(short, .matchPhrase("quick brown"), [0, 1, 3])
        let multilingual = try collection { $0.tokenizer = .multilingual }
        try expect(multilingual, .matchText("cafe"), [7])
        try expect(multilingual, .matchPhrase("良い天気"), [15])
        try expect(multilingual, .matchPhrase("天気"), [15])
        try expect(multilingual, .matchText("晴"), [])
        try expect(multilingual, .matchText("quick brown"), [0, 1, 4, 11, 12])
    }

    @Test func longWordsHaveBoundedPrefixes() throws {
        let word = String(repeating: "a", count: 1_000_000)
        let collection = IndexedCollection()
        var schema = PayloadFieldSchema(type: .text)
        schema.tokenizer = .prefix
        collection.indexes.createIndex(try PayloadPath("t"), schema)
        collection.append(["t": .string(word)])
        try expect(collection, .matchText("aaa"), [0])
        try expect(collection, .matchText(ByteString(word + "b")), [0])
    }

    /// Words that no text has any more take no memory, and give theirs to new ones.
    @Test func changingTextsDontGrowTheIndex() throws {
        let collection = IndexedCollection()
        collection.indexes.createIndex(try PayloadPath("t"), PayloadFieldSchema(type: .text))
        collection.append(["t": "kept first0"])
        collection.append(["t": "kept alone"])
        try expect(collection, .matchText("first0"), [0])
        for round in 1...200 { collection.replace(0, ["t": .string("kept word\(round) more\(round)")]) }
        let bytes = collection.indexes.residentBytes
        for round in 201...2_000 { collection.replace(0, ["t": .string("kept word\(round) more\(round)")]) }
        #expect(collection.indexes.residentBytes == bytes)
        try expect(collection, .matchText("kept"), [0, 1])
        try expect(collection, .matchText("word2000 more2000"), [0])
        try expect(collection, .matchText("word1999"), [])
        try expect(collection, .matchText("first0"), [])
    }
}
