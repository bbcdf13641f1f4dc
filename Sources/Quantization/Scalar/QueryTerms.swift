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
    /// rounding the query and coding both rows does to their difference, for rows of scale 1. Not negative.
    public var margin: Float
    /// Whether a row's scale applies to the bias as well: for dot it is a part of the row's product with the query, for euclid
    /// it is the query's distance from the centre.
    public var scalesBias: Bool

    @inlinable
    public init(
        offset: Int32, scale: Float, bias: Float, rowTermWeight: Float, margin: Float, scalesBias: Bool = false
    ) {
        self.offset = offset
        self.scale = scale
        self.bias = bias
        self.rowTermWeight = rowTermWeight
        self.margin = margin
        self.scalesBias = scalesBias
    }

    /// The score of a row whose metric needs no row term.
    @inlinable @inline(__always)
    public func score(_ integer: Int32) -> Float { scale * Float(integer &- offset) + bias }

    /// The score of a row with the term that encoding it returned.
    @inlinable @inline(__always)
    public func score(_ integer: Int32, rowTerm: Float) -> Float {
        scale * Float(integer &- offset) + (bias + rowTermWeight * rowTerm)
    }

    /// The score of a row with the term and the scale that encoding it returned.
    @inlinable @inline(__always)
    public func score(_ integer: Int32, rowTerm: Float, rowScale: Float) -> Float {
        let bias = scalesBias ? rowScale * bias : bias
        return rowScale * scale * Float(integer &- offset) + (bias + rowTermWeight * rowTerm)
    }
}
