import CVectorKernels

/// Exact scores of a float32 query against stored rows, in the engine's sense (greater is closer).
///
/// A query is given as the engine stores a row of the same collection: normalised for cosine when rows are
/// (float32, float16), rounded like them where that matters (`ElementType.rounded(_:)`).
///
/// The scorer holds the C functions of its element type and metric. It is a small value: copy it into a local before a
/// hot loop. Scoring allocates nothing; any number of threads may use one.
@frozen
public struct ExactScorer: @unchecked Sendable {  // C functions without state
    public let metric: Metric
    public let element: ElementType
    public let dimensions: Int
    /// Bytes of a row.
    public let rowBytes: Int

    @usableFromInline let functions: tvk_float_scorer
    /// 1 for dot products, −1 for distances.
    @usableFromInline let sign: Float
    /// Rows that aren't stored normalised are divided by their norms.
    @usableFromInline let dividesByNorms: Bool

    /// - Parameter dimensions: At least 1.
    public init(metric: Metric, element: ElementType, dimensions: Int) {
        precondition(dimensions >= 1, "A scorer needs at least one dimension")
        self.metric = metric
        self.element = element
        self.dimensions = dimensions
        rowBytes = element.rowBytes(dimensions: dimensions)
        let kernels = Kernels.best
        let family =
            switch element {
            case .float32: kernels.pointee.f32
            case .float16: kernels.pointee.f16
            case .uint8: kernels.pointee.u8
            }
        functions =
            switch metric {
            case .cosine, .dot: family.dot
            case .euclid: family.l2
            case .manhattan: family.l1
            }
        sign = metric == .cosine || metric == .dot ? 1 : -1
        dividesByNorms = metric == .cosine && element == .uint8
    }

    /// What a query needs besides its components: the inverse of its norm where rows are divided by norms (0 for a zero
    /// query), else 1. Compute it once a query.
    public func queryFactor(_ query: UnsafePointer<Float>) -> Float {
        guard dividesByNorms else { return 1 }
        let norm = Normalization.norm(query, dimensions: dimensions)
        return norm > 0 ? Float(1 / norm) : 0
    }

    /// The score of one row.
    ///
    /// - Parameters:
    ///   - query: `float[dimensions]`.
    ///   - queryFactor: From `queryFactor(_:)` for the same query.
    ///   - row: `rowBytes` bytes, aligned to the element; fastest when it and the query start on cache lines.
    /// - Complexity: O(dimensions).
    @inlinable @inline(__always)
    public func score(_ query: UnsafePointer<Float>, queryFactor: Float, row: UnsafeRawPointer) -> Float {
        let raw = functions.pair(query, row, dimensions)
        return dividesByNorms ? raw * queryFactor * inverseNorm(row) : sign * raw
    }

    /// Scores of the rows `slots[0..<count]`, where slot s is at `base + s·stride`. Prefetches ahead.
    ///
    /// - Parameters:
    ///   - stride: Bytes from one slot to the next.
    ///   - scores: `float[count]`, overwritten.
    /// - Complexity: O(count · dimensions).
    @inlinable
    public func score(
        _ query: UnsafePointer<Float>, queryFactor: Float, base: UnsafeRawPointer, stride: Int,
        slots: UnsafePointer<UInt32>, count: Int, into scores: UnsafeMutablePointer<Float>
    ) {
        functions.gathered(query, base, stride, slots, count, dimensions, scores)
        if dividesByNorms {
            for i in 0..<count { scores[i] = scores[i] * queryFactor * inverseNorm(base + Int(slots[i]) * stride) }
        } else if sign < 0 {
            for i in 0..<count { scores[i] = -scores[i] }
        }
    }

    /// Scores of `count` rows that follow each other from `first` on, `stride` bytes apart.
    ///
    /// - Complexity: O(count · dimensions).
    @inlinable
    public func score(
        _ query: UnsafePointer<Float>, queryFactor: Float, first: UnsafeRawPointer, stride: Int, count: Int,
        into scores: UnsafeMutablePointer<Float>
    ) {
        functions.range(query, first, stride, count, dimensions, scores)
        if dividesByNorms {
            for i in 0..<count { scores[i] = scores[i] * queryFactor * inverseNorm(first + i * stride) }
        } else if sign < 0 {
            for i in 0..<count { scores[i] = -scores[i] }
        }
    }

    /// 1/|row| of a uint8 row; 0 for a zero row, which then scores 0 like any vector against zero.
    @usableFromInline
    func inverseNorm(_ row: UnsafeRawPointer) -> Float {
        let sum = Kernels.best.pointee.sum_squares_u8(row.assumingMemoryBound(to: UInt8.self), dimensions)
        return sum == 0 ? 0 : 1 / Float(sum).squareRoot()
    }
}
