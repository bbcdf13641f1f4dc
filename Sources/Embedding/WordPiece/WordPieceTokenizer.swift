import Foundation

/// Texts as ids of word pieces, by BERT's rules (Devlin, Chang, Lee, Toutanova 2018; WordPiece: Schuster, Nakajima 2012).
///
/// The steps are those of the `tokenizers` package for a `BertNormalizer`, a `BertPreTokenizer` and a `WordPiece` model:
/// added tokens are found in the text as it is; control characters go; ideographs stand alone; accents are stripped after
/// canonical decomposition; letters become small; words end at white space and punctuation; each word is cut into the longest
/// pieces from the left, or is unknown as a whole.
///
/// A text is read word by word and no further than its pieces are wanted, so that a long text costs what its beginning does.
package struct WordPieceTokenizer: Sendable {
    /// A token that stands for itself, wherever it occurs in a text.
    struct AddedToken: Sendable {
        var bytes: [UInt8]
        var id: Int32
    }

    /// The token before a text's pieces, and the one behind.
    var first: Int32
    var last: Int32
    var unknown: Int32
    var pieces: VocabularyTrie
    /// Pieces that go on with a word, without the prefix that says so.
    var continuations: VocabularyTrie
    var longestWord: Int
    var lowercases: Bool
    var stripsAccents: Bool
    var separatesIdeographs: Bool
    var cleans: Bool
    /// Found in the text as it is given.
    var rawTokens: [AddedToken]
    /// Found after normalisation.
    var normalizedTokens: [AddedToken]

    /// - Parameter limit: The longest result, the first and last token included; at least 2.
    /// - Returns: first, pieces, last: at most `limit` ids.
    /// - Complexity: O(bytes up to the last piece that is wanted), and O(bytes) for a word of any length.
    package func encode(_ text: String, limit: Int) -> [Int32] {
        var ids = [first]
        let wanted = limit - 1
        var text = text
        text.withUTF8 { bytes in
            var rest = bytes[...]
            while ids.count < wanted, !rest.isEmpty {
                let match = Self.firstMatch(of: rawTokens, in: rest)
                encodePlain(rest[..<(match?.range.lowerBound ?? rest.endIndex)], into: &ids, upTo: wanted)
                guard let match else { break }
                if ids.count < wanted { ids.append(match.id) }
                rest = rest[match.range.upperBound...]
            }
        }
        ids.append(last)
        return ids
    }

    // MARK: Words

    /// A text without added tokens: gathers what stands between spaces, normalises it and cuts it into pieces.
    private func encodePlain(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, into ids: inout [Int32], upTo wanted: Int) {
        var chunk = ""
        var isASCII = true
        func end() {
            if !chunk.isEmpty {
                encodeChunk(isASCII ? asciiNormalized(chunk) : normalized(chunk), into: &ids, upTo: wanted)
            }
            chunk.unicodeScalars.removeAll(keepingCapacity: true)
            isASCII = true
        }
        var decoder = Unicode.UTF8.ForwardParser()
        var input = bytes.makeIterator()
        // The text is a String's, so every sequence is whole.
        while ids.count < wanted, case .valid(let encoded) = decoder.parseScalar(from: &input) {
            let scalar = Unicode.UTF8.decode(encoded)
            switch CharacterClass(scalar) {
            case .removed:
                if !cleans { chunk.unicodeScalars.append(scalar) }
            case .space:
                end()
            case .ideograph where separatesIdeographs:
                end()
                chunk.unicodeScalars.append(scalar)
                isASCII = false
                end()
            default:
                chunk.unicodeScalars.append(scalar)
                if !scalar.isASCII { isASCII = false }
            }
        }
        end()
    }

    private func asciiNormalized(_ chunk: String) -> String { lowercases ? chunk.lowercased() : chunk }

    /// Accents first and case second, scalar by scalar: `İ` is an `I` with an accent before it is small.
    private func normalized(_ chunk: String) -> String {
        var text = chunk
        if stripsAccents {
            var stripped = String.UnicodeScalarView()
            stripped.append(
                contentsOf: text.decomposedStringWithCanonicalMapping.unicodeScalars
                    .filter { !CharacterClass.isStripped($0) })
            text = String(stripped)
        }
        guard lowercases else { return text }
        var small = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            small.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
        }
        return String(small)
    }

    /// Splits normalised text without spaces at punctuation. Canonical decomposition makes no space, but can make one of the
    /// few marks of punctuation, so classes are asked again.
    private func encodeChunk(_ chunk: String, into ids: inout [Int32], upTo wanted: Int) {
        var chunk = chunk
        chunk.withUTF8 { bytes in
            var rest = bytes[...]
            while ids.count < wanted, !rest.isEmpty {
                let match = Self.firstMatch(of: normalizedTokens, in: rest)
                encodeWords(rest[..<(match?.range.lowerBound ?? rest.endIndex)], into: &ids, upTo: wanted)
                guard let match else { return }
                if ids.count < wanted { ids.append(match.id) }
                rest = rest[match.range.upperBound...]
            }
        }
    }

    private func encodeWords(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, into ids: inout [Int32], upTo wanted: Int) {
        var start = bytes.startIndex
        var position = start
        var letters = 0
        func end() {
            if start < position { encodeWord(bytes[start..<position], letters: letters, into: &ids, upTo: wanted) }
            letters = 0
        }
        while position < bytes.endIndex, ids.count < wanted {
            let count = Self.sequenceLength(bytes[position])
            let scalar = Unicode.UTF8.decode(Unicode.UTF8.EncodedScalar(bytes[position..<position + count]))
            switch CharacterClass(scalar) {
            case .space:
                end()
                position += count
                start = position
            case .punctuation:
                end()
                start = position
                position += count
                letters = 1
                end()
                start = position
            default:
                letters += 1
                position += count
            }
        }
        end()
    }

    /// The longest pieces from the left, if all of the word is made of pieces; else the unknown token once.
    private func encodeWord(
        _ word: Slice<UnsafeBufferPointer<UInt8>>, letters: Int, into ids: inout [Int32], upTo wanted: Int
    ) {
        guard ids.count < wanted else { return }
        guard letters <= longestWord else {
            ids.append(unknown)
            return
        }
        let before = ids.count
        var rest = word
        while !rest.isEmpty {
            let trie = rest.startIndex == word.startIndex ? pieces : continuations
            guard let match = trie.longestPrefix(of: rest) else {
                ids.removeSubrange(before...)
                ids.append(unknown)
                return
            }
            ids.append(match.piece)
            rest = rest.dropFirst(match.count)
        }
        // A word of up to `longestWord` pieces may have gone past the end.
        if ids.count > wanted { ids.removeSubrange(wanted...) }
    }

    // MARK: Added tokens

    /// The first added token in the text, and of several at one place the longest.
    private static func firstMatch(
        of tokens: [AddedToken], in bytes: Slice<UnsafeBufferPointer<UInt8>>
    ) -> (range: Range<Int>, id: Int32)? {
        guard !tokens.isEmpty else { return nil }
        for start in bytes.indices {
            var best: AddedToken?
            for token in tokens where token.bytes[0] == bytes[start] && token.bytes.count > best?.bytes.count ?? 0 {
                if bytes[start...].starts(with: token.bytes) { best = token }
            }
            if let best { return (start..<start + best.bytes.count, best.id) }
        }
        return nil
    }

    private static func sequenceLength(_ leading: UInt8) -> Int {
        switch leading {
        case ..<0x80: 1
        case ..<0xE0: 2
        case ..<0xF0: 3
        default: 4
        }
    }
}
