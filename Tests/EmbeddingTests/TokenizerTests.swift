import Embedding
import JSON
import TestSupport
import Testing

/// Ids of pieces against those of the package `tokenizers`.
@Suite struct TokenizerTests {
    private static let vocabulary = 174

    private func tokenizer(_ change: (inout JSONValue) -> Void = { _ in }) throws -> WordPieceTokenizer {
        var value = try JSONValue(parsing: TestFiles.bytes("tiny/tokenizer.json"))
        change(&value)
        return try WordPieceTokenizer(file: value.serialized(), vocabulary: Self.vocabulary)
    }

    @Test func idsAreTheReferences() throws {
        let tokenizer = try tokenizer()
        let cases = try TestFiles.rows("tokens.json")
        #expect(cases.count >= 50)
        for row in cases {
            let text = try #require(row["text"]?.stringValue)
            let wanted = try #require(row["ids"]?.arrayValue).map { Int32($0.integerValue ?? -1) }
            #expect(tokenizer.encode(text, limit: 98) == wanted, "\(text.prefix(60).debugDescription)")
        }
    }

    /// Whatever the limit, the beginning of the ids stays and the last token ends them.
    @Test func aLimitCutsPiecesAlone() throws {
        let tokenizer = try tokenizer()
        for row in try TestFiles.rows("tokens.json") {
            let text = try #require(row["text"]?.stringValue)
            let whole = tokenizer.encode(text, limit: 1_000_000)
            for limit in [2, 3, 5, 50] {
                #expect(tokenizer.encode(text, limit: limit) == whole.dropLast().prefix(limit - 1) + [2])
            }
        }
    }

    /// The classes of all Unicode scalars. Those that Unicode has assigned since then may change: the reference knows none
    /// of them as anything but letters, and neither does this tokenizer.
    @Test func everyScalarHasTheReferencesClass() throws {
        let lines = String(decoding: try TestFiles.bytes("characters.txt"), as: UTF8.self).split(separator: "\n")
        var runs: [(first: UInt32, kind: Character)] = []
        for line in lines {
            let parts = line.split(separator: " ")
            runs.append((try #require(UInt32(parts[0], radix: 16)), try #require(parts[1].first)))
        }
        var run = 0
        var wrong: [String] = []
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            while run + 1 < runs.count, runs[run + 1].first <= value { run += 1 }
            let kind: Character
            switch CharacterClass(scalar) {
            case .removed: kind = "R"
            case .space: kind = "S"
            case .punctuation: kind = "P"
            case .ideograph: kind = "I"
            case .letter: kind = CharacterClass.isStripped(scalar) ? "M" : "L"
            }
            if kind != runs[run].kind { wrong.append("\(String(value, radix: 16)) is \(kind), not \(runs[run].kind)") }
        }
        #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(20))")
    }

    @Test func bothFormsOfATemplateAreRead() throws {
        let template = try tokenizer().encode("solar", limit: 10)
        let processing = try tokenizer { value in
            value["post_processor"] = ["type": "RobertaProcessing", "cls": ["<s>", 0], "sep": ["</s>", 2]]
        }
        #expect(processing.encode("solar", limit: 10) == template)
    }

    @Test func settingsOfTheNormalizerCount() throws {
        let cased = try tokenizer { value in
            value["normalizer"]?["lowercase"] = false
            value["normalizer"]?["strip_accents"] = true
        }
        // The vocabulary has small letters only: capitals are unknown, accents go.
        #expect(cased.encode("solár Solar", limit: 10) == [0, 163, 5, 2])
        let accents = try tokenizer { value in value["normalizer"]?["strip_accents"] = false }
        #expect(accents.encode("solár", limit: 10) == [0, 5, 2])
    }

    @Test func whatIsNotSupportedIsRefused() throws {
        let changes: [(String, (inout JSONValue) -> Void)] = [
            ("normalizer.type", { $0["normalizer"]?["type"] = "NFC" }),
            ("normalizer.type", { $0["normalizer"] = nil }),
            ("pre_tokenizer.type", { $0["pre_tokenizer"]?["type"] = "ByteLevel" }),
            ("model.type", { $0["model"]?["type"] = "BPE" }),
            ("vocab", { $0["model"]?["vocab"] = nil }),
            ("max_input_chars_per_word", { $0["model"]?["max_input_chars_per_word"] = 0 }),
            ("the id of solar", { $0["model"]?["vocab"]?["solar"] = 174 }),
            ("the id of solar", { $0["model"]?["vocab"]?["solar"] = -1 }),
            ("the id of solar", { $0["model"]?["vocab"]?["solar"] = 1.5 }),
            ("a piece of 0 bytes", { $0["model"]?["vocab"]?[""] = 1 }),
            ("the vocabulary has no [OTHER]", { $0["model"]?["unk_token"] = "[OTHER]" }),
            ("post_processor.type", { $0["post_processor"] = ["type": "ByteLevel"] }),
            ("post_processor.single", { $0["post_processor"]?["single"] = [] }),
            ("no single id of <s>", { $0["post_processor"]?["special_tokens"]?["<s>"]?["ids"] = [0, 1] }),
            ("without content", { $0["added_tokens"] = [["id": 1]] }),
            ("single words", { $0["added_tokens"] = [["id": 1, "content": "x", "single_word": true]] }),
        ]
        for (text, change) in changes {
            do {
                _ = try tokenizer(change)
                Issue.record("\(text) was accepted")
            } catch EmbeddingError.invalidModelFolder(let reason) {
                #expect(reason.contains(text), "\(reason)")
            }
        }
        for bytes in [[], Array("{".utf8), Array("[[[[[[[[[[[[[[[[[[[[".utf8), [0xFF]] as [[UInt8]] {
            #expect(throws: EmbeddingError.self) { try WordPieceTokenizer(file: bytes, vocabulary: 10) }
        }
    }

    /// Random bytes as text, among them every kind of character: ids stay within the vocabulary and the limit.
    @Test func anyTextHasIds() throws {
        var random = SeededGenerator()
        let tokenizer = try tokenizer()
        for _ in 0..<repetitions(3_000) {
            var text = ""
            for _ in 0..<Int.random(in: 0...60, using: &random) {
                switch Int.random(in: 0..<4, using: &random) {
                case 0: text.unicodeScalars.append(Unicode.Scalar(UInt8.random(in: 0...127, using: &random)))
                case 1:
                    text.unicodeScalars.append(Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &random)) ?? " ")
                case 2: text += random.pick(["<s>", "</s>", "<mask>", "<unk>", "<", "[UNK", "##", "solar", "ing"])
                default:
                    text.unicodeScalars.append(Unicode.Scalar(UInt32.random(in: 0x300...0x370, using: &random)) ?? " ")
                }
            }
            let limit = Int.random(in: 2...40, using: &random)
            let ids = tokenizer.encode(text, limit: limit)
            #expect(ids.count <= limit && ids.first == 0 && ids.last == 2)
            #expect(ids.allSatisfy { (0..<Int32(Self.vocabulary)).contains($0) })
        }
    }
}
