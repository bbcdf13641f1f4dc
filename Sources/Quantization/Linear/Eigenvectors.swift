import CLinearAlgebra

/// The leading eigenpairs of a symmetric matrix.
struct Eigenvectors {
    /// Descending: `float[count]`.
    let values: [Float]
    /// `float[count × dimensions]`, a unit vector each. Of the two signs the one with which the largest component is
    /// positive, so that results don't depend on the LAPACK in use.
    let vectors: [Float]

    /// - Parameters:
    ///   - matrix: `float[dimensions × dimensions]`, finite; only the lower triangle of rows is read, and it is destroyed.
    ///   - count: 1…dimensions.
    /// - Throws: `LinearAlgebraError.noConvergence`.
    /// - Complexity: O(dimensions³).
    init(of matrix: inout [Float], dimensions: Int, count: Int) throws(LinearAlgebraError) {
        precondition(matrix.count == dimensions * dimensions && (1...dimensions).contains(count))
        let n = Int32(dimensions)
        var found: Int32 = 0
        var ascending = [Float](repeating: 0, count: dimensions)
        var columns = [Float](repeating: 0, count: dimensions * count)
        var support = [Int32](repeating: 0, count: 2 * dimensions)
        // A row-major lower triangle is a column-major upper one.
        let info = LAPACKE_ssyevr(
            LAPACK_COL_MAJOR, CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "I")), CChar(UInt8(ascii: "U")), n, &matrix,
            n, 0, 0, n - Int32(count) + 1, n, 0, &found, &ascending, &columns, n, &support)
        guard info == 0, found == Int32(count) else { throw .noConvergence(info: Int(info)) }
        var values: [Float] = []
        var vectors: [Float] = []
        values.reserveCapacity(count)
        vectors.reserveCapacity(count * dimensions)
        for i in (0..<count).reversed() {
            values.append(ascending[i])
            let vector = columns[i * dimensions..<(i + 1) * dimensions]
            let largest = vector.max { abs($0) < abs($1) } ?? 0
            if largest < 0 { vectors += vector.map { -$0 } } else { vectors += vector }
        }
        self.values = values
        self.vectors = vectors
    }
}
