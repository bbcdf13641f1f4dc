import CVectorKernels

/// Euclidean norms that neither overflow nor underflow for any finite input.
public enum Normalization {
    /// Squared norms this close to 1 count as 1, so that normalising twice changes nothing.
    public static let tolerance: Float = 1e-6

    /// The Euclidean norm of `float[dimensions]`, as a double because it may exceed the greatest float.
    ///
    /// - Complexity: O(dimensions).
    public static func norm(_ vector: UnsafePointer<Float>, dimensions: Int) -> Double {
        let sum = Kernels.best.pointee.sum_squares_f32(vector, dimensions)
        // Squares of tiny components vanish and of huge ones overflow: doubles hold both.
        if sum > 1e-20 && sum < 1e36 { return Double(sum).squareRoot() }
        var exact = 0.0
        for i in 0..<dimensions { exact += Double(vector[i]) * Double(vector[i]) }
        return exact.squareRoot()
    }

    /// Scales `float[dimensions]` to norm 1 in place. A zero vector, and one whose squared norm is within `tolerance` of
    /// 1, is left exactly as it is, as is one with NaN or infinite components.
    ///
    /// - Returns: The norm before scaling.
    /// - Complexity: O(dimensions).
    @discardableResult
    public static func normalize(_ vector: UnsafeMutablePointer<Float>, dimensions: Int) -> Double {
        let norm = norm(vector, dimensions: dimensions)
        guard norm > 0, norm.isFinite, abs(norm * norm - 1) > Double(tolerance) else { return norm }
        let inverse = 1 / norm
        if inverse < 1e37 && inverse > 1e-37 {
            let factor = Float(inverse)
            for i in 0..<dimensions { vector[i] *= factor }
        } else {
            for i in 0..<dimensions { vector[i] = Float(Double(vector[i]) * inverse) }
        }
        return norm
    }

    /// Scales `vector` to norm 1; see `normalize(_:dimensions:)`.
    @discardableResult
    public static func normalize(_ vector: inout [Float]) -> Double {
        vector.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return 0 }
            return normalize(base, dimensions: buffer.count)
        }
    }
}
