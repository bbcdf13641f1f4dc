/// What was seen of a trend at one time.
public struct Observation: Sendable, Hashable {
    /// Within `Timestamp.storable`.
    public var observedAt: Timestamp
    /// Finite, at least 0; the scale is the source's.
    public var engagementScore: Double
    /// An absolute `http` or `https` URL of at most 2,048 characters.
    public var url: String?
    public var source: TrendSource

    public init(observedAt: Timestamp, engagementScore: Double, url: String? = nil, source: TrendSource) {
        self.observedAt = observedAt
        self.engagementScore = engagementScore
        self.url = url
        self.source = source
    }
}
