import JSON

/// Reading the `tokenizer.json` of the `tokenizers` package.
///
/// Whatever the file asks for that this tokenizer doesn't do is refused: vectors of other pieces than the model was
/// trained with are worth nothing, and nothing would show it. Padding and truncation are the embedder's own and not read.
extension WordPieceTokenizer {
    /// The most pieces of a vocabulary. BERT's have 30 to 120 thousand.
    private static let mostPieces = 1 << 20
    private static let longestPiece = 1_024
    private static let mostAddedTokens = 1_024

    package init(file bytes: [UInt8], vocabulary limit: Int) throws(EmbeddingError) {
        let root: JSONValue
        do { root = try JSONValue(parsing: bytes, maximumDepth: 16) } catch {
            throw Self.invalid("\(error)")
        }
        try Self.require(root["normalizer"]?["type"], is: "BertNormalizer", "normalizer.type")
        try Self.require(root["pre_tokenizer"]?["type"], is: "BertPreTokenizer", "pre_tokenizer.type")
        let model = root["model"] ?? .null
        // Older files leave the type out.
        if let type = model["type"] { try Self.require(type, is: "WordPiece", "model.type") }
        guard let vocabulary = model["vocab"]?.objectValue, let unknownPiece = model["unk_token"]?.stringValue,
            let prefix = model["continuing_subword_prefix"]?.stringValue,
            let longestWord = model["max_input_chars_per_word"]?.integerValue, (1...10_000).contains(longestWord)
        else {
            throw Self.invalid(
                "model needs vocab, unk_token, continuing_subword_prefix and max_input_chars_per_word (1 to 10000)")
        }
        guard vocabulary.count <= Self.mostPieces else { throw Self.invalid("more than \(Self.mostPieces) pieces") }
        pieces = VocabularyTrie()
        continuations = VocabularyTrie()
        for (piece, value) in vocabulary {
            let id = try Self.id(value, below: limit, of: piece.string)
            guard (1...Self.longestPiece).contains(piece.utf8.count) else {
                throw Self.invalid("a piece of \(piece.utf8.count) bytes")
            }
            pieces.insert(piece.utf8, piece: id)
            if !prefix.isEmpty, piece.utf8.count > prefix.utf8.count, piece.utf8.starts(with: prefix.utf8) {
                continuations.insert(piece.utf8.dropFirst(prefix.utf8.count), piece: id)
            }
        }
        if prefix.isEmpty { continuations = pieces }
        guard let unknown = vocabulary[ByteString(unknownPiece)] else {
            throw Self.invalid("the vocabulary has no \(unknownPiece)")
        }
        self.unknown = try Self.id(unknown, below: limit, of: unknownPiece)
        self.longestWord = Int(longestWord)
        let normalizer = root["normalizer"] ?? .null
        cleans = normalizer["clean_text"]?.boolValue ?? true
        separatesIdeographs = normalizer["handle_chinese_chars"]?.boolValue ?? true
        lowercases = normalizer["lowercase"]?.boolValue ?? true
        // Without a word on it accents go where case goes.
        stripsAccents = normalizer["strip_accents"]?.boolValue ?? lowercases
        (first, last) = try Self.ends(root["post_processor"] ?? .null, below: limit)
        (rawTokens, normalizedTokens) = try Self.addedTokens(root["added_tokens"] ?? .null, below: limit)
    }

    /// By what it cuts texts in another way than BERT's uncased models, for the name of who uses it; "" for nothing.
    var deviations: String {
        [
            (lowercases, "cased"), (stripsAccents, "accented"), (cleans, "uncleaned"),
            (separatesIdeographs, "ideographs"),
        ].filter { !$0.0 }.map { "+\($0.1)" }.joined()
    }

    /// The tokens around a text, from any of the three ways to say so.
    private static func ends(_ processor: JSONValue, below limit: Int) throws(EmbeddingError) -> (Int32, Int32) {
        switch processor["type"]?.stringValue {
        case "RobertaProcessing", "BertProcessing":
            return (
                try id(processor["cls"]?[1] ?? .null, below: limit, of: "post_processor.cls"),
                try id(processor["sep"]?[1] ?? .null, below: limit, of: "post_processor.sep")
            )
        case "TemplateProcessing":
            guard let parts = processor["single"]?.arrayValue, parts.count == 3, parts[1]["Sequence"] != nil,
                let first = parts[0]["SpecialToken"]?["id"]?.stringValue,
                let last = parts[2]["SpecialToken"]?["id"]?.stringValue
            else { throw invalid("post_processor.single is not one token, the text, and one token") }
            func only(_ token: String) throws(EmbeddingError) -> Int32 {
                guard let ids = processor["special_tokens"]?[token]?["ids"]?.arrayValue, ids.count == 1 else {
                    throw invalid("post_processor.special_tokens has no single id of \(token)")
                }
                return try id(ids[0], below: limit, of: token)
            }
            return (try only(first), try only(last))
        default: throw invalid("post_processor.type is none of RobertaProcessing, BertProcessing, TemplateProcessing")
        }
    }

    private static func addedTokens(
        _ value: JSONValue, below limit: Int
    ) throws(EmbeddingError) -> (raw: [AddedToken], normalized: [AddedToken]) {
        var raw: [AddedToken] = []
        var normalized: [AddedToken] = []
        let list = value.arrayValue ?? []
        guard list.count <= mostAddedTokens else { throw invalid("more than \(mostAddedTokens) added tokens") }
        for token in list {
            guard let content = token["content"]?.stringValue, (1...longestPiece).contains(content.utf8.count) else {
                throw invalid("an added token without content")
            }
            // Spaces beside a token part words anyway, so lstrip and rstrip change nothing.
            guard token["single_word"]?.boolValue != true else {
                throw invalid("the added token \(content) is for single words, which is not supported")
            }
            let added = AddedToken(
                bytes: Array(content.utf8), id: try id(token["id"] ?? .null, below: limit, of: content))
            if token["normalized"]?.boolValue == true { normalized.append(added) } else { raw.append(added) }
        }
        return (raw, normalized)
    }

    private static func id(_ value: JSONValue, below limit: Int, of name: String) throws(EmbeddingError) -> Int32 {
        guard let id = value.integerValue, id >= 0, id < limit else {
            throw invalid("the id of \(name) is not from 0 to \(limit - 1), which are the rows of the model")
        }
        return Int32(id)
    }

    private static func require(_ value: JSONValue?, is wanted: String, _ path: String) throws(EmbeddingError) {
        guard value?.stringValue == wanted else { throw invalid("\(path) is not \(wanted)") }
    }

    private static func invalid(_ reason: String) -> EmbeddingError {
        .invalidModelFolder(reason: "tokenizer.json: \(reason)")
    }
}
