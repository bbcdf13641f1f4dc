import Foundation
import JSON

/// Where a trend was found.
public enum TrendSource: String, Sendable, Hashable, CaseIterable {
    case reddit
    case googleTrends = "google_trends"
    case telegram, vk, youtube, instagram
}

/// A row of the table `trends`. Its embedding is the vector of the point of the same id in the collection `trends`.
///
/// Text lengths count Unicode scalars; no text may contain U+0000.
public struct Trend: Sendable, Hashable, Identifiable {
    public let id: UUID
    /// 1…500 characters.
    public var title: String
    /// At most 100,000 characters.
    public var description: String?
    /// An absolute `http` or `https` URL of at most 2,048 characters.
    public var url: String?
    public var source: TrendSource
    /// 1…100 characters; stored in Unicode's form NFC.
    public var category: String?
    /// At most 64 tags of 1…100 characters; stored in NFC, and of equal ones only the first.
    public var tags: [String]
    /// That of the newest observation. Finite, at least 0; the scale is the source's.
    public var engagementScore: Double
    /// Growth of engagement in points a day; finite, negative for a trend that fades. The store computes it from the second
    /// observation on.
    public var velocity: Double
    /// Within `Timestamp.storable`.
    public var discoveredAt: Timestamp
    /// A JSON object of at most 1 MiB as text and at most 64 levels; its numbers are finite.
    public var metadata: JSONValue
    /// Kept by the store, from the observations.
    public internal(set) var stage = TrendStage.new
    /// Kept by the store.
    public internal(set) var embeddingStatus = EmbeddingStatus.missing

    public init(
        id: UUID = .timeOrdered(), title: String, description: String? = nil, url: String? = nil, source: TrendSource,
        category: String? = nil, tags: [String] = [], engagementScore: Double = 0, velocity: Double = 0,
        discoveredAt: Timestamp = .now, metadata: JSONValue = [:]
    ) {
        self.id = id
        self.title = title
        self.description = description
        self.url = url
        self.source = source
        self.category = category
        self.tags = tags
        self.engagementScore = engagementScore
        self.velocity = velocity
        self.discoveredAt = discoveredAt
        self.metadata = metadata
    }
}
