import Foundation
import TestSupport
import Testing
import WordIndex

@Suite struct WordAnalyzerTests {
    private func stems(_ text: String) -> [String] { WordAnalyzer().stems(of: text) }

    /// Texts of each column come out the same.
    @Test(arguments: [
        ["Solar Battery", "solar BATTERIES", "ｓｏｌａｒ　ｂａｔｔｅｒｙ", "sólar bättery", "so\u{301}lar batte\u{AD}ry"],
        ["running flies", "RUNS fly"],
        ["mother's day", "mothers days", "Mother’s Day"],
        ["солнечная панель", "Солнечные панели", "СОЛНЕЧНЫМИ ПАНЕЛЯМИ"],
        ["ёлка", "елка", "ЁЛКИ", "е\u{308}лка"],
        ["чайник", "чаи\u{306}ник", "ЧАЙНИКИ"],
        ["Straße", "STRASSE", "straße"],
        ["ΟΔΟΣ", "οδός"],
        ["ﬁnance", "finance"],
        ["m² 2x", "m2 ２ｘ"],
        ["e-mail", "e mail", "E/Mail"],
    ])
    func textsThatAreEqual(_ texts: [String]) {
        let first = stems(texts[0])
        #expect(!first.isEmpty)
        for text in texts { #expect(stems(text) == first, "\(text)") }
    }

    @Test(arguments: [
        ("", []), ("  \n\t", []), ("!?…—«»", []), ("🔥🚀👩‍👩‍👧", []), ("the of and", []), ("и в не", []),
        ("The IT of 2026", ["2026"]), ("iPhone15 Pro", ["iphone15", "pro"]), ("C++", ["c"]), ("3.5", ["3", "5"]),
        ("solar🔥battery", ["solar", "batteri"]), ("IT-шники", ["шник"]), ("don't", ["don't"]), ("'quoted'", ["quot"]),
        ("rock'n'roll", ["rock'n'rol"]), ("2's", ["2", "s"]), ("''", []), ("電気自動車", ["電", "気", "自", "動", "車"]),
        ("サーバー", ["サーバー"]), ("한국어", ["한국어".decomposedStringWithCompatibilityMapping]), ("не\u{0}бо", ["бо"]),
        ("a\u{FE0F}1\u{FE0F}\u{20E3}", ["a1"]),
        ("п'ять", ["п'ят"]), ("½ cup", ["½", "cup"]),
    ])
    func words(_ text: String, _ expected: [String]) { #expect(stems(text) == expected) }

    /// A word that has no end takes no more than its place.
    @Test func longWordsAreCut() {
        let long = String(repeating: "ж", count: 10_000)
        #expect(stems(long + " solar").map(\.utf8.count) == [64, 5])
        #expect(stems(long) == stems(String(long.prefix(32))))
    }

    /// Bytes that are no UTF-8 end words, and nothing is read behind the text.
    @Test func brokenBytes() {
        let analyzer = WordAnalyzer()
        for bytes: [UInt8] in [
            [0x61, 0xC3], [0x61, 0xE2, 0x82], [0x61, 0xF0, 0x9F, 0x98], [0x61, 0xFF, 0x62], [0x61, 0xED, 0xA0, 0x80],
            [0x80, 0x61], [0x61, 0xC0, 0xAF],
        ] {
            var found: [String] = []
            bytes.withUnsafeBufferPointer { bytes in
                analyzer.forEachWord(of: bytes) { _, stem, range in
                    #expect(range.upperBound <= bytes.count)
                    found.append(String(decoding: stem, as: UTF8.self))
                    return true
                }
            }
            #expect(found.first == "a")
        }
    }

    /// Whatever the text, places are in order and inside of it, and every word is found again by itself.
    @Test func randomTexts() {
        var generator = SeededGenerator("randomTexts")
        let alphabet: [String] = [
            "a", "B", "é", "ё", "Й", "и\u{306}", "ж", "1", "²", " ", "-", "'", "’", "🔥", "\u{200D}", "\u{301}", "電",
            "ひ", "カ", "ß", "ﬁ",
            "İ", "\u{0}", "\"", "*", "(", "ไ", "한", "\u{FDFA}", "\u{10FFFF}", "e\u{308}", ".",
        ]
        let analyzer = WordAnalyzer()
        for _ in 0..<3_000 {
            var text = (0..<Int.random(in: 0...30, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator)!
            }
            .joined()
            let whole = text
            text.withUTF8 { bytes in
                var last = 0
                analyzer.forEachWord(in: bytes) { stem, range in
                    #expect(
                        range.lowerBound >= last && range.lowerBound < range.upperBound
                            && range.upperBound <= bytes.count)
                    last = range.upperBound
                    let word = String(decoding: bytes[range], as: UTF8.self)
                    #expect(
                        stems(word) == [String(decoding: stem, as: UTF8.self)],
                        "\(word.debugDescription) of \(whole.debugDescription)")
                    return true
                }
            }
        }
    }

    @Test func theFingerprintIsStable() {
        #expect(WordAnalyzer.fingerprint.hasPrefix("1-") && WordAnalyzer.fingerprint.count > 8)
    }
}
