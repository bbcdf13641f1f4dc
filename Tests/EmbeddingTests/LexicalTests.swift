import Embedding
import Foundation
import JSON
import TestSupport
import Testing

@Suite struct LexicalTests {
    private let embedder = LexicalEmbedder()

    private func vector(_ text: String) throws -> [Float] { try embedder.embed([text], deadline: .never)[0] }

    @Test func modelSaysThatItIsLexical() {
        #expect(embedder.model.isLexical)
        #expect(embedder.model.name == "lexical-hash-v1" && embedder.model.identity == "lexical-hash-v1")
        #expect(embedder.model.dimensions == 768)
    }

    /// Stored when the model got its name. If this fails, the model needs another name.
    @Test func vectorsNeverChange() throws {
        let rows = try TestFiles.rows("lexical.json")
        #expect(rows.count >= 5)
        for row in rows {
            let text = try #require(row["text"]?.stringValue)
            var wanted = [Float](repeating: 0, count: 768)
            for (key, bits) in try #require(row["bits"]?.objectValue) {
                wanted[try #require(Int(key.string))] = Float(bitPattern: UInt32(bits.integerValue ?? 0))
            }
            #expect(try vector(text) == wanted, "\(text)")
        }
    }

    @Test func commonWordsMakeTextsAlike() throws {
        func likeness(_ a: String, _ b: String) throws -> Double { cosine(try vector(a), try vector(b)) }
        #expect(try likeness("Balcony solar panels", "solar panels for the balcony") > 0.6)
        #expect(try likeness("Balcony solar panels", "Vintage sneakers resale") < 0.2)
        #expect(try likeness("солнечные панели на балкон", "балконные солнечные панели") > 0.5)
        #expect(try likeness("солнечные панели на балкон", "винтажные кроссовки") < 0.2)
        // An inflected form is nearer than another word.
        #expect(
            try likeness("кроссовки", "кроссовок") > likeness("кроссовки", "велосипед") + 0.3)
    }

    @Test func caseWidthAccentsAndPunctuationDoNotCount() throws {
        let plain = try vector("cafe creme 2024")
        for text in [
            "CAFÉ crème, 2024!", "cafe\u{301} cre\u{300}me - 2024", "ｃａｆｅ ｃｒｅｍｅ ２０２４", "  Café\n(crème) #2024 ",
        ] {
            #expect(try vector(text) == plain, "\(text)")
        }
        #expect(try vector("creme cafe 2024") != plain)
    }

    @Test func oftenCountsLessThanInProportion() throws {
        // With one other word beside it, √9 in place of 9.
        let once = cosine(try vector("solar wind"), try vector("solar"))
        let often = cosine(try vector(String(repeating: "solar ", count: 9) + "wind"), try vector("solar"))
        #expect(often > once && often < 0.99)
    }

    @Test func textsWithoutWordsShareOneUnitVector() throws {
        let empty = try vector("")
        #expect(cosine(empty, empty) == 1 && empty.filter { $0 != 0 }.count == 1)
        for text in [" ", "\n", "!?…", "\u{0}", "\u{301}"] { #expect(try vector(text) == empty) }
    }

    @Test func anyTextHasAUnitVector() throws {
        var random = SeededGenerator()
        for _ in 0..<repetitions(500) {
            var text = ""
            for _ in 0..<Int.random(in: 0...80, using: &random) {
                text.unicodeScalars.append(Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &random)) ?? " ")
            }
            let vector = try vector(text)
            #expect(vector.count == 768 && abs(cosine(vector, vector) - 1) < 1e-6)
        }
    }

    @Test func longTextsAreReadToALimit() throws {
        let words = (0..<20_000).map { "w\($0)" }
        let limit = LexicalEmbedder.longestText
        let text = words.joined(separator: " ")
        #expect(text.unicodeScalars.count > limit)
        #expect(try vector(text) == vector(String(text.prefix(limit))))
        #expect(try vector(text) != vector(String(text.prefix(limit / 2))))
        let single = try vector(String(repeating: "x", count: 1 << 20))
        #expect(abs(cosine(single, single) - 1) < 1e-6)
    }

    @Test func listsKeepTheirOrderAndDeadline() throws {
        #expect(try embedder.embed([], deadline: .never).isEmpty)
        let texts = (0..<100).map { "trend \($0)" }
        #expect(try embedder.embed(texts, deadline: .never) == texts.map { try vector($0) })
        #expect(throws: EmbeddingError.deadlineExceeded) { try embedder.embed(texts, deadline: .now) }
    }
}
