import CSnowball

/// The words of a text, as the index has them: folded, without stop words, stemmed.
///
/// A word is a run of letters, digits and marks, with apostrophes between its letters; an ideograph or a hiragana is one by itself. Case,
/// width and diacritics make no difference (ё is е). Words of Cyrillic letters alone are stemmed by the Russian rules, words of a to z alone
/// by the English ones (Snowball); others stay. Words are cut at 64 bytes of UTF-8.
///
/// Not thread-safe: each connection and each search has its own.
package final class WordAnalyzer {
    /// A longer word is nobody's, and would fill the index's pages.
    private static let mostBytes = 64

    private let english = sb_stemmer_new("english", nil)
    private let russian = sb_stemmer_new("russian", nil)
    private let stopWords = StopWords.shared
    private let common = FoldedScalar.common
    /// Those of the other scalars that came up.
    private var others: [UInt32: FoldedScalar] = [:]
    private static let mostOthers = 16_384

    // The word that is being read.
    private let word = UnsafeMutablePointer<UInt8>.allocate(capacity: mostBytes)
    private var count = 0
    private var range = 0..<0
    private var kinds = Kinds()
    private var hasPendingApostrophe = false
    private var isCut = false

    private struct Kinds: OptionSet {
        var rawValue: UInt8
        static let latin = Kinds(rawValue: 1)
        static let cyrillic = Kinds(rawValue: 2)
        static let other = Kinds(rawValue: 4)
    }

    package init() {
        precondition(english != nil && russian != nil, "libstemmer has no stemmers for English and Russian")
    }

    deinit {
        sb_stemmer_delete(english)
        sb_stemmer_delete(russian)
        word.deallocate()
    }

    /// What a word is: one that is searched for, or a stop word.
    package enum Meaning { case content, stop }

    /// Calls `body` with each word's stem and its place in the text, in order; stop words are passed over. Ends early when `body` returns
    /// `false`. Bytes that are no UTF-8 end words.
    ///
    /// Complexity: O(text).
    package func forEachWord(
        in text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>, Range<Int>) -> Bool
    ) {
        forEachWord(of: text) { meaning, stem, range in meaning == .stop || body(stem, range) }
    }

    /// The same with stop words, as they are.
    package func forEachWord(
        of text: UnsafeBufferPointer<UInt8>, _ body: (Meaning, UnsafeBufferPointer<UInt8>, Range<Int>) -> Bool
    ) {
        begin()
        var place = 0
        while place < text.count {
            let start = place
            let folded = next(text, &place)
            switch folded.kind {
            case .latin, .cyrillic, .letter, .digit:
                append(folded, start..<place, body: body)
                if isEnded { return }
            case .ignored: if count > 0 { range = range.lowerBound..<place }
            case .breve:
                if count >= 2, word[count - 2] == 0xD0, word[count - 1] == 0xB8 { word[count - 1] = 0xB9 }
                if count > 0 { range = range.lowerBound..<place }
            case .apostrophe where count > 0 && !hasPendingApostrophe: hasPendingApostrophe = true
            case .apostrophe, .separator: if !end(body) { return }
            case .single:
                if !end(body) { return }
                append(folded, start..<place, body: body)
                if !end(body) { return }
            }
        }
        _ = end(body)
    }

    private var isEnded = false

    private func begin() {
        (count, kinds, hasPendingApostrophe, isCut, isEnded) = (0, [], false, false, false)
    }

    private func append(
        _ folded: FoldedScalar, _ scalar: Range<Int>, body: (Meaning, UnsafeBufferPointer<UInt8>, Range<Int>) -> Bool
    ) {
        if hasPendingApostrophe {
            if folded.kind == .digit || kinds.contains(.other) {
                if !end(body) { return }
            } else if count < Self.mostBytes {
                word[count] = 0x27
                count += 1
                hasPendingApostrophe = false
            }
        }
        range = (count == 0 ? scalar.lowerBound : range.lowerBound)..<scalar.upperBound
        guard !isCut, count + folded.count <= Self.mostBytes else {
            isCut = true
            return
        }
        var bytes = folded.bytes
        for _ in 0..<folded.count {
            word[count] = UInt8(truncatingIfNeeded: bytes)
            bytes >>= 8
            count += 1
        }
        switch folded.kind {
        case .latin: kinds.insert(.latin)
        case .cyrillic: kinds.insert(.cyrillic)
        default: kinds.insert(.other)
        }
    }

    /// Ends the word, if there is one. Returns whether to go on.
    private func end(_ body: (Meaning, UnsafeBufferPointer<UInt8>, Range<Int>) -> Bool) -> Bool {
        guard count > 0 else { return true }
        let whole = UnsafeBufferPointer(start: word, count: count)
        let (kinds, range) = (kinds, range)
        begin()
        let stemmer = kinds == .latin ? english : kinds == .cyrillic ? russian : nil
        if stopWords.contains(whole) {
            isEnded = !body(.stop, whole, range)
        } else if let stemmer, let stem = sb_stemmer_stem(stemmer, whole.baseAddress, CInt(whole.count)) {
            let length = Int(sb_stemmer_length(stemmer))
            isEnded = !body(.content, length > 0 ? UnsafeBufferPointer(start: stem, count: length) : whole, range)
        } else {
            isEnded = !body(.content, whole, range)
        }
        return !isEnded
    }

    /// The scalar at `place`, which moves behind it.
    @inline(__always)
    private func next(_ text: UnsafeBufferPointer<UInt8>, _ place: inout Int) -> FoldedScalar {
        let first = text[place]
        place += 1
        if first < 0x80 { return common[Int(first)] }
        // At most three bytes follow; what is wrong with them ends the word there.
        let length = first >= 0xF0 && first < 0xF5 ? 3 : first >= 0xE0 ? 2 : 1
        guard first >= 0xC2, first < 0xF5, place + length <= text.count else { return common[0] }
        var value = UInt32(first) & (0x3F >> UInt32(length))
        for offset in 0..<length {
            let byte = text[place + offset]
            guard byte & 0xC0 == 0x80 else { return common[0] }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        place += length
        if value < 0x800 { return common[Int(value)] }
        return other(value)
    }

    private func other(_ value: UInt32) -> FoldedScalar {
        if let known = others[value] { return known }
        guard let scalar = Unicode.Scalar(value) else { return common[0] }
        let folded = FoldedScalar(scalar)
        if others.count >= Self.mostOthers { others.removeAll(keepingCapacity: true) }
        others[value] = folded
        return folded
    }
}

extension WordAnalyzer {
    /// The stems of a text, in order.
    package func stems(of text: String) -> [String] {
        var stems: [String] = []
        var text = text
        text.withUTF8 { bytes in
            forEachWord(in: bytes) { stem, _ in
                stems.append(String(decoding: stem, as: UTF8.self))
                return true
            }
        }
        return stems
    }

    /// Raised whenever words come out otherwise than before.
    private static let version = 1

    /// Tells whether an index was made of the same words: this analysis with these stemmers and this Unicode.
    package static let fingerprint: String = {
        let sample = """
            generously running flies happily organization relational conditionally batteries agreed skies dying news sensibilities
            солнечные панели аккумуляторы бегущий красивейшими новости зарядка развитием ёлками чайников возможностью купившись
            Straße ﬁne ＡＢＣ１２ İstanbul Ђорђе Київ 電気 こんにちは ключ'ами mother's
            """
        var text = WordAnalyzer().stems(of: sample).joined(separator: " ")
        let hash = text.withUTF8 { StopWords.hash($0) }
        return "\(version)-\(String(hash, radix: 16))"
    }()
}
