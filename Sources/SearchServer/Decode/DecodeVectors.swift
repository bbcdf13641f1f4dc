import JSON
import SearchEngine
import Services

/// Vectors of requests. Dense float arrays take the reader's fast path; a document stands for the vector of its text; what else
/// Qdrant's API allows in their place is named and refused.
extension JSONReader {
    /// A vector, or a document in its place; `expected` is how many numbers are likely.
    mutating func readVector(expected: Int = 0) throws -> VectorValue {
        guard try peek() == .object else { return .dense(try readDenseVector(expected: expected)) }
        let start = self
        switch try readVectorMembers() {
        case .document:
            self = start
            return .document(try readDocument())
        case .other(let error): throw error
        }
    }

    /// `{"text": …, "model": …}`
    mutating func readDocument() throws -> TextDocument {
        var text: String?
        var model: String?
        try readMembers { reader, key in
            switch key {
            case "text": text = try reader.readString()
            case "model": model = try reader.readString()
            case "options": try reader.refuseOptions()
            default: try reader.skipValue()
            }
        }
        guard let text else { throw missing("text") }
        guard let model else { throw missing("model") }
        return TextDocument(text: text, model: model)
    }

    /// An empty object asks for nothing.
    private mutating func refuseOptions() throws {
        _ = try optional { reader in
            try reader.readObject { _, _ in throw ServiceError.unsupported("`options` of a document") }
        }
    }

    /// A dense vector; `expected` is how many numbers are likely.
    mutating func readDenseVector(expected: Int = 0) throws -> [Float] {
        switch try peek() {
        case .array: break
        case .object:
            switch try readVectorMembers() {
            case .document: throw ServiceError.unsupported("a document in place of this vector")
            case .other(let error): throw error
            }
        default: throw error("expected a vector, an array of numbers")
        }
        let start = self
        var values: [Float] = []
        values.reserveCapacity(expected)
        do {
            try readFloats(into: &values)
        } catch {
            // An array of arrays is a multivector; tell that from a damaged vector.
            if isNestedArray(start) { throw ServiceError.unsupported("a multivector") }
            throw error
        }
        return values
    }

    private func isNestedArray(_ start: JSONReader) -> Bool {
        var probe = start
        var isNested = false
        _ = try? probe.readArray { element in
            isNested = try element.peek() == .array
            throw element.error("seen enough")
        }
        return isNested
    }

    private enum VectorObject {
        case document
        /// What is wrong with it.
        case other(any Error)
    }

    /// What an object in a vector's place is. Moves past it only to see its keys.
    private mutating func readVectorMembers() throws -> VectorObject {
        var keys: Set<String> = []
        try readObject { reader, key in
            keys.insert(key)
            try reader.skipValue()
        }
        if keys.contains("indices") || keys.contains("values") {
            return .other(ServiceError.unsupported("a sparse vector"))
        }
        if keys.contains("image") || keys.contains("object") { return .other(Self.unsupportedInference) }
        if keys.contains("text") || keys.contains("model") { return .document }
        return .other(error("expected a vector, an array of numbers"))
    }

    static let unsupportedInference = ServiceError.unsupported("an image or an object in place of a vector")

    /// The vectors of a point: one array or document for the unnamed vector, or an object of them by name. Of an object, a member
    /// with a string makes a document: no vector is one.
    mutating func readNamedVectors(expected: Int = 0) throws -> NamedVectors {
        guard try peek() == .object else { return ["": .dense(try readDenseVector(expected: expected))] }
        let start = self
        var vectors: NamedVectors = [:]
        var isDocument = false
        // Vectors of these names, or what belongs to a document or another object.
        var held: [(name: String, reader: JSONReader)] = []
        try readObject { reader, name in
            switch try reader.peek() {
            case .object where name == "options" || name == "object":
                held.append((name, reader))
                try reader.skipValue()
            case .array, .object: vectors[name] = try reader.readVector(expected: expected)
            case .string where name == "text" || name == "model":
                isDocument = true
                try reader.skipValue()
            case .string where name == "image": throw Self.unsupportedInference
            case .null where name == "options": try reader.skipValue()
            default: throw reader.error("expected a vector, an array of numbers, for `\(name)`")
            }
        }
        if isDocument {
            if held.contains(where: { $0.name == "object" }) { throw Self.unsupportedInference }
            self = start
            return ["": .document(try readDocument())]
        }
        for (name, reader) in held {
            var reader = reader
            vectors[ByteString(name)] = try reader.readVector(expected: expected)
        }
        return vectors
    }
}
