/// How close two vectors are. This is the one place where the sign of a score is defined: inside the engine **a greater
/// score is always a closer vector**, and scores of one metric are comparable with each other.
public enum Metric: UInt8, Sendable, Hashable, CaseIterable {
    /// Dot product of vectors that were normalised when they were stored and asked for: −1…1. Rows that can't be
    /// stored normalised (`ElementType.uint8`) are divided by their norms when scored.
    case cosine = 0
    /// Dot product.
    case dot = 1
    /// **Negated squared** Euclidean distance: −Σ (aᵢ − bᵢ)².
    case euclid = 2
    /// Negated L1 distance: −Σ |aᵢ − bᵢ|.
    case manhattan = 3

    /// Whether an orthonormal change of axes leaves every score as it is.
    public var isRotationInvariant: Bool { self != .manhattan }
}
