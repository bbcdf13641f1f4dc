/// What turns the integer that a code kernel returns into a score of the engine's sense.
///
/// For one query, `score` grows with the true score of the row up to quantization error, and scores of different queries
/// and exact scores are comparable too. Ranking rows of one query needs no more than `score` itself; where
/// `rowTermWeight` is 0 the integer alone ranks (descending when `scale` is positive, ascending when it is negative).
@frozen
public struct QueryTerms: Sendable, Equatable {
    /// Subtracted from the integer (wrapping): the kernel's constant 128·Σ query.
    public var offset: Int32
    /// Score units per integer step: positive for dot products, negative for distances, never zero.
    public var scale: Float
    public var bias: Float
    /// What the row's own term counts: nonzero for euclid only.
    public var rowTermWeight: Float
    /// By how much a score that is really greater may be less than another: three to four standard deviations of what
    /// rounding the query and both rows does to their difference. Not negative; clipping isn't in it.
    public var margin: Float

    @inlinable
    public init(offset: Int32, scale: Float, bias: Float, rowTermWeight: Float, margin: Float) {
        self.offset = offset
        self.scale = scale
        self.bias = bias
        self.rowTermWeight = rowTermWeight
        self.margin = margin
    }

    /// The score of a row whose metric needs no row term.
    @inlinable @inline(__always)
    public func score(_ integer: Int32) -> Float { scale * Float(integer &- offset) + bias }

    /// The score of a row with the term that encoding it returned.
    @inlinable @inline(__always)
    public func score(_ integer: Int32, rowTerm: Float) -> Float {
        scale * Float(integer &- offset) + (bias + rowTermWeight * rowTerm)
    }
}
