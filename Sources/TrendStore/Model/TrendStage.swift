/// Where a trend is between its discovery and its end, by its observations alone. ``TrendDynamics`` has the rules.
public enum TrendStage: String, Sendable, Hashable, CaseIterable {
    case new, rising, exploding, steady, peaked, fading
}
