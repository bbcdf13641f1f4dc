import JSON
import SearchEngine
import Services

/// Vectors of requests. Dense float arrays take the reader's fast path; what else Qdrant's API allows in their place is
/// named and refused.
extension JSONReader {
    /// A dense vector; `expected` is how many numbers are likely.
    mutating func readDenseVector(expected: Int = 0) throws -> [Float] {
        switch try peek() {
        case .array: break
        case .object: throw try unsupportedVector()
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

    /// What an object in a vector's place is. Moves past it only to see its keys.
    private mutating func unsupportedVector() throws -> any Error {
        var keys: Set<String> = []
        try readObject { reader, key in
            keys.insert(key)
            try reader.skipValue()
        }
        if keys.contains("indices") || keys.contains("values") { return ServiceError.unsupported("a sparse vector") }
        if keys.contains("text") || keys.contains("image") || keys.contains("object") || keys.contains("model") {
            return ServiceError.unsupported("inference (a document, an image or an object in place of a vector)")
        }
        return error("expected a vector, an array of numbers")
    }

    /// The vectors of a point: one array for the unnamed vector, or an object of them by name.
    mutating func readNamedVectors(expected: Int = 0) throws -> NamedVectors {
        guard try peek() == .object else { return ["": .dense(try readDenseVector(expected: expected))] }
        var vectors: NamedVectors = [:]
        try readObject { reader, name in
            switch try reader.peek() {
            case .array, .object: vectors[name] = .dense(try reader.readDenseVector(expected: expected))
            case .string where name == "text" || name == "image" || name == "model":
                throw ServiceError.unsupported("inference (a document, an image or an object in place of a vector)")
            default: throw reader.error("expected a vector, an array of numbers, for `\(name)`")
            }
        }
        return vectors
    }
}
