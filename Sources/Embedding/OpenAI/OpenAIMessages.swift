import JSON

/// The body of a request (https://platform.openai.com/docs/api-reference/embeddings).
enum OpenAIRequestBody {
    static func make(_ texts: ArraySlice<String>, _ configuration: OpenAIConfiguration) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("model")
        writer.write(configuration.model)
        writer.key("encoding_format")
        writer.write("float")
        if configuration.asksForDimensions {
            writer.key("dimensions")
            writer.write(configuration.dimensions)
        }
        writer.key("input")
        writer.beginArray()
        // OpenAI refuses an empty text, but not a blank one.
        for text in texts { writer.write(text.isEmpty ? " " : text) }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    /// The beginning of a text, up to so many bytes, of whole characters of Unicode.
    static func cut(_ text: String, bytes limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        var end = text.utf8.index(text.utf8.startIndex, offsetBy: limit)
        while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
        return String(text[..<end])
    }
}

/// The body of an answer.
struct OpenAIAnswer {
    /// Of length 1, in the order of the texts.
    var vectors: [[Float]]
    /// `usage.total_tokens`, if the service says.
    var tokens: Int?

    /// The most tokens that are believed of one request.
    private static let mostTokens = 1 << 30

    /// - Throws: `EmbeddingError.malformedAnswer`.
    init(_ body: [UInt8], texts: Int, dimensions: Int) throws(EmbeddingError) {
        do {
            (vectors, tokens) = try JSONReader.parse(body, maximumDepth: 16) { reader in
                try Self.read(&reader, texts: texts, dimensions: dimensions)
            }
        } catch let error as EmbeddingError { throw error } catch {
            throw .malformedAnswer(reason: "\(error)")
        }
    }

    private static func read(
        _ reader: inout JSONReader, texts: Int, dimensions: Int
    ) throws -> (vectors: [[Float]], tokens: Int?) {
        var vectors = [[Float]?](repeating: nil, count: texts)
        var tokens: Int?
        var position = 0
        try reader.readObject { reader, key in
            switch key {
            case "data":
                try reader.readArray { reader in
                    let (index, vector) = try element(&reader, dimensions: dimensions, position: position)
                    guard vectors.indices.contains(index) else {
                        throw EmbeddingError.malformedAnswer(reason: "the index \(index) for \(texts) texts")
                    }
                    guard vectors[index] == nil else {
                        throw EmbeddingError.malformedAnswer(reason: "two vectors of the index \(index)")
                    }
                    vectors[index] = vector
                    position += 1
                }
            case "usage": tokens = totalTokens(try reader.readValue())
            default: try reader.skipValue()
            }
        }
        let complete = vectors.compactMap { $0 }
        guard complete.count == texts else {
            throw EmbeddingError.malformedAnswer(reason: "\(complete.count) vectors for \(texts) texts")
        }
        return (complete, tokens)
    }

    /// Services that leave the index out answer in order.
    private static func element(
        _ reader: inout JSONReader, dimensions: Int, position: Int
    ) throws -> (index: Int, vector: [Float]) {
        var index = position
        var numbers: [Float] = []
        try reader.readObject { reader, key in
            switch key {
            case "index":
                guard case .integer(let value) = try reader.readNumber(), let value = Int(exactly: value) else {
                    throw EmbeddingError.malformedAnswer(reason: "an index that is no integer")
                }
                index = value
            case "embedding":
                numbers.removeAll()
                numbers.reserveCapacity(dimensions)
                try reader.readFloats(into: &numbers)
            default: try reader.skipValue()
            }
        }
        guard numbers.count == dimensions else {
            throw EmbeddingError.malformedAnswer(reason: "a vector of \(numbers.count) numbers, not \(dimensions)")
        }
        guard let vector = unitLength(numbers) else {
            throw EmbeddingError.malformedAnswer(reason: "a vector without a finite length")
        }
        return (index, vector)
    }

    private static func totalTokens(_ usage: JSONValue) -> Int? {
        guard let tokens = (usage["total_tokens"] ?? usage["prompt_tokens"])?.integerValue, tokens >= 0 else {
            return nil
        }
        return min(Int(clamping: tokens), mostTokens)
    }
}

/// What an error's body says.
enum OpenAIFailure {
    private static let longestReason = 300

    /// The sentence of `error.message`, on one line, short and without the key.
    static func reason(_ body: [UInt8], key: APIKey?) -> String {
        let value = try? JSONValue(parsing: body, maximumDepth: 16)
        let error = value?["error"]
        let message = error?["message"]?.stringValue ?? error?.stringValue ?? value?["message"]?.stringValue
        // Redacted before it is cut, or a part of the key could stay.
        let text = (key?.redacted(message ?? "") ?? message ?? "").unicodeScalars
            .map { $0.properties.generalCategory == .control ? " " : Character($0) }
        return text.isEmpty ? "no reason given" : String(text.prefix(longestReason))
    }

    /// Whether the account has run dry, which OpenAI answers with 429 as well, though waiting doesn't help.
    static func isOutOfQuota(_ body: [UInt8]) -> Bool {
        let value = try? JSONValue(parsing: body, maximumDepth: 16)
        return value?["error"]?["code"]?.stringValue == "insufficient_quota"
    }
}
