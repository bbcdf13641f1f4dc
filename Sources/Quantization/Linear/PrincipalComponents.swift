import CLinearAlgebra

/// What can go wrong in training principal components.
public enum LinearAlgebraError: Error, Equatable {
    /// The eigenvalue solver didn't converge; `info` is LAPACK's.
    case noConvergence(info: Int)
}

/// Principal component analysis (Pearson 1901): the orthonormal directions along which a sample varies most, strongest
/// first.
///
/// Training and batches go through BLAS and LAPACK. They are fast with an optimised BLAS whose own threads don't compete
/// with the process's: where OpenBLAS is installed the process should set `OPENBLAS_NUM_THREADS=1` before it starts.
public struct PrincipalComponents: Sendable, Equatable {
    /// Dimension of the vectors.
    public let dimensions: Int
    /// How many components are kept, at most `dimensions`.
    public let count: Int
    /// The sample's mean: `float[dimensions]`.
    public let mean: [Float]
    /// `float[count × dimensions]`, a unit vector per component.
    public let components: [Float]
    /// The sample's variance along each component, descending, never negative: `float[count]`.
    public let variances: [Float]
    /// The variance of the whole sample, so that Σ variances / totalVariance is the share kept (0 when it is 0).
    public let totalVariance: Float

    /// Trains from sample rows.
    ///
    /// - Parameters:
    ///   - sample: `float[sampleCount × dimensions]`, row after row, finite and small enough for the squares to fit a float.
    ///   - sampleCount: At least 1. Components past the sample's rank are an arbitrary orthonormal completion.
    ///   - count: 1…dimensions.
    /// - Throws: `LinearAlgebraError.noConvergence`.
    /// - Complexity: O(sampleCount · dimensions² + dimensions³); holds a copy of the sample and dimensions² floats.
    public static func train(
        sample: UnsafePointer<Float>, sampleCount: Int, dimensions: Int, count: Int
    ) throws(LinearAlgebraError) -> PrincipalComponents {
        precondition(sampleCount >= 1 && dimensions >= 1 && (1...dimensions).contains(count))
        var sums = [Double](repeating: 0, count: dimensions)
        for row in 0..<sampleCount {
            for i in 0..<dimensions { sums[i] += Double(sample[row * dimensions + i]) }
        }
        let mean = sums.map { Float($0 / Double(sampleCount)) }
        var centered = [Float](repeating: 0, count: sampleCount * dimensions)
        for row in 0..<sampleCount {
            for i in 0..<dimensions { centered[row * dimensions + i] = sample[row * dimensions + i] - mean[i] }
        }
        // The lower triangle of the covariance matrix.
        let n = Int32(dimensions)
        var matrix = [Float](repeating: 0, count: dimensions * dimensions)
        cblas_ssyrk(
            CblasRowMajor, CblasLower, CblasTrans, n, Int32(sampleCount), 1 / Float(sampleCount), centered, n, 0,
            &matrix, n)
        var total = 0.0
        for i in 0..<dimensions { total += Double(matrix[i * dimensions + i]) }
        let leading = try Eigenvectors(of: &matrix, dimensions: dimensions, count: count)
        return PrincipalComponents(
            dimensions: dimensions, count: count, mean: mean, components: leading.vectors,
            variances: leading.values.map { max($0, 0) }, totalVariance: Float(total))
    }

    /// Projects centred rows: out = (rows − mean) · componentsᵀ.
    ///
    /// - Parameters:
    ///   - rows: `float[rowCount × dimensions]`.
    ///   - out: `float[rowCount × count]`, overwritten; doesn't overlap `rows`.
    /// - Complexity: O(rowCount · dimensions · count), one matrix product.
    public func transform(
        _ rows: UnsafePointer<Float>, rowCount: Int, into out: UnsafeMutablePointer<Float>
    ) {
        guard rowCount > 0 else { return }
        // The product starts from −mean·componentsᵀ, which saves a centred copy of the rows.
        var shift = [Float](repeating: 0, count: count)
        cblas_sgemv(
            CblasRowMajor, CblasNoTrans, Int32(count), Int32(dimensions), -1, components, Int32(dimensions), mean, 1,
            0, &shift, 1)
        for row in 0..<rowCount {
            for component in 0..<count { out[row * count + component] = shift[component] }
        }
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rowCount), Int32(count), Int32(dimensions), 1, rows,
            Int32(dimensions), components, Int32(dimensions), 1, out, Int32(count))
    }

    /// Puts projected rows back: out = projected · components + mean, the closest points to the originals that the kept
    /// components can express.
    ///
    /// - Parameters:
    ///   - projected: `float[rowCount × count]`.
    ///   - out: `float[rowCount × dimensions]`, overwritten.
    public func inverseTransform(
        _ projected: UnsafePointer<Float>, rowCount: Int, into out: UnsafeMutablePointer<Float>
    ) {
        guard rowCount > 0 else { return }
        for row in 0..<rowCount {
            for i in 0..<dimensions { out[row * dimensions + i] = mean[i] }
        }
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rowCount), Int32(dimensions), Int32(count), 1, projected,
            Int32(count), components, Int32(dimensions), 1, out, Int32(dimensions))
    }
}
