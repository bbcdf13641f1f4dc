/// Embeds texts by the words and letters they have in common, and needs nothing for it: no model, no network.
///
/// It is for first steps and tests. It knows no meaning: a synonym or another language is as far away as anything else.
///
/// Features are words, pairs of neighbouring words, and parts of words of three to five letters, all folded
/// (`LexicalWords`). Each is hashed to a component and a sign (Weinberger, Dasgupta, Langford, Smola, Attenberg 2009: Feature
/// Hashing for Large Scale Multitask Learning, ICML), so that different features that meet in a component cancel out on
/// average. A feature that occurs n times counts √n times its kind's weight; the square root is the sublinear scale that every
/// machine rounds alike, which a logarithm isn't.
///
/// The vectors are the same on every machine and in every version: a change of them takes another model name.
public struct LexicalEmbedder: Embedder {
    public static let name = "lexical-hash-v1"
    public static let dimensions = 768

    /// Unicode scalars that are read of a text, which bounds time and memory for one text to milliseconds and megabytes.
    public static let longestText = 32_768

    /// How much features count. Parts of words find inflected forms, which matters more in Russian than in English; they are many,
    /// so each counts less than a word.
    private enum Weight {
        static let word = 1.0
        static let pair = 0.5
        static let part = 0.35
        /// One or two letters: mostly words that say little.
        static let shortWord = 0.4
    }

    private static let partLengths = 3...5
    /// Letters of a word that make parts. Longer words are mostly not words.
    private static let longestWord = 64

    public let model = EmbeddingModel(
        name: LexicalEmbedder.name, dimensions: LexicalEmbedder.dimensions, isLexical: true,
        identity: LexicalEmbedder.name)

    public init() {}

    /// Changes nothing: a call takes no time.
    public func close() {}

    /// - Complexity: O(letters) for each text.
    public func embed(_ texts: [String], deadline: ContinuousClock.Instant) throws(EmbeddingError) -> [[Float]] {
        var vectors: [[Float]] = []
        vectors.reserveCapacity(texts.count)
        for (index, text) in texts.enumerated() {
            // Reading a clock costs as much as a short text does.
            if index % 64 == 0, ContinuousClock.now >= deadline { throw .deadlineExceeded }
            vectors.append(Self.vector(of: text))
        }
        return vectors
    }

    /// The vector of one text. A text without letters and digits, such as the empty one, gets the unit vector of a feature
    /// that no word makes.
    static func vector(of text: String) -> [Float] {
        var features = FeatureCounts()
        var previous: [UInt32] = []
        LexicalWords.forEach(in: text, longestText: longestText) { word in
            features.add(.word, word, weight: word.count <= 2 ? Weight.shortWord : Weight.word)
            // 0 stands in no word, so that "ab c" and "a bc" are different pairs.
            if !previous.isEmpty { features.add(.pair, previous + [0] + word, weight: Weight.pair) }
            previous = word
            guard word.count > 2 else { return }
            // Beginning and end of the word are letters, too: prefixes and endings are features of their own.
            let bounded = [UInt32(1)] + word.prefix(longestWord) + [2]
            for length in partLengths where length <= bounded.count {
                for start in 0...bounded.count - length {
                    features.add(.part, bounded[start..<start + length], weight: Weight.part)
                }
            }
        }
        // Never nil with a word in it, but for signs that cancel out to the last bit.
        if let vector = unitLength(features.vector(dimensions: dimensions)) { return vector }
        var empty = FeatureCounts()
        empty.add(.empty, [], weight: 1)
        return empty.vector(dimensions: dimensions)
    }
}
