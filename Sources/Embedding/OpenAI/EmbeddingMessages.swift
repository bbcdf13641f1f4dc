import JSON
import OpenAI

/// The body of a request (https://platform.openai.com/docs/api-reference/embeddings).
enum EmbeddingRequestBody {
    static func make(_ texts: ArraySlice<String>, _ configuration: OpenAIEmbeddingConfiguration) -> [UInt8] {
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
}

/// The body of an answer.
struct EmbeddingAnswer {
    /// Of length 1, in the order of the texts.
    var vectors: [[Float]]
    /// `usage.total_tokens`, if the service says.
    var tokens: Int?

    /// - Throws: `OpenAIError.malformedAnswer`.
    init(_ body: [UInt8], texts: Int, dimensions: Int) throws(OpenAIError) {
        do {
            (vectors, tokens) = try JSONReader.parse(body, maximumDepth: 16) { reader in
                try Self.read(&reader, texts: texts, dimensions: dimensions)
            }
        } catch let error as OpenAIError { throw error } catch {
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
                        throw OpenAIError.malformedAnswer(reason: "the index \(index) for \(texts) texts")
                    }
                    guard vectors[index] == nil else {
                        throw OpenAIError.malformedAnswer(reason: "two vectors of the index \(index)")
                    }
                    vectors[index] = vector
                    position += 1
                }
            case "usage":
                let usage = try reader.readValue()
                tokens = TokenCount.read(usage["total_tokens"] ?? usage["prompt_tokens"])
            default: try reader.skipValue()
            }
        }
        let complete = vectors.compactMap { $0 }
        guard complete.count == texts else {
            throw OpenAIError.malformedAnswer(reason: "\(complete.count) vectors for \(texts) texts")
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
                    throw OpenAIError.malformedAnswer(reason: "an index that is no integer")
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
            throw OpenAIError.malformedAnswer(reason: "a vector of \(numbers.count) numbers, not \(dimensions)")
        }
        guard let vector = unitLength(numbers) else {
            throw OpenAIError.malformedAnswer(reason: "a vector without a finite length")
        }
        return (index, vector)
    }
}
