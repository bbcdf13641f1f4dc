import Quantization

extension DenseKind {
    /// Checks, normalises and rounds.
    package func encode(_ value: VectorValue, _ parameters: VectorParameters, into rows: inout EncodedRows) throws {
        var vector = try value.requireDense()
        // Bytes can't hold unit vectors: those rows are normalised as they are scored.
        try prepare(&vector, parameters, normalizing: parameters.element != .uint8)
        let (bytes, unrepresentable) = parameters.element.row(of: vector)
        if unrepresentable > 0 && parameters.element == .float16 {
            throw EngineError.invalid("\(unrepresentable) vector elements are out of float16's range")
        }
        bytes.withUnsafeBytes { rows.append($0) }
    }
}

extension VectorValue {
    /// Throws `.invalid` for a vector of another kind.
    func requireDense() throws -> [Float] {
        guard case .dense(let elements) = self else {
            throw EngineError.invalid("Wrong kind of vector: expected a dense vector, an array of numbers")
        }
        return elements
    }
}

extension VectorParameters {
    /// Whether a stored row is one that a request could have led to: finite elements, of length 0 or 1 for cosine.
    func mayStore(_ row: UnsafeRawPointer) -> Bool {
        guard element != .uint8 else { return true }
        let vector = element.read(row, dimensions: size)
        guard vector.allSatisfy(\.isFinite) else { return false }
        guard distance == .cosine else { return true }
        let squaredLength = vector.reduce(into: 0.0) { $0 += Double($1) * Double($1) }
        return squaredLength == 0 || abs(squaredLength - 1) < Self.lengthTolerance
    }

    /// Half precision keeps three digits of each element.
    private static let lengthTolerance = 0.01
}

/// Checks dimensions and finiteness and, if asked to, normalises for cosine.
func prepare(_ vector: inout [Float], _ parameters: VectorParameters, normalizing: Bool) throws {
    guard vector.count == parameters.size else {
        throw EngineError.invalid(
            "Vector dimension error: expected dim: \(parameters.size), got \(vector.count)")
    }
    // A sum is finite only if all its terms are, or if huge ones cancel; the second look tells.
    if !vector.reduce(0, +).isFinite, !vector.allSatisfy(\.isFinite) {
        throw EngineError.invalid("Vector elements must be finite numbers")
    }
    if normalizing && parameters.distance == .cosine { Normalization.normalize(&vector) }
}
