/// How many durations were at most as long as each of some bounds.
public struct DurationHistogram: Sendable {
    /// Of the buckets, ascending, in seconds.
    public let bounds: [Double]
    /// A bucket has the durations above the bound before its own; the last has no bound.
    public private(set) var buckets: [Int]
    public private(set) var count = 0
    public private(set) var total = Duration.zero

    public init(bounds: [Double]) {
        self.bounds = bounds
        buckets = [Int](repeating: 0, count: bounds.count + 1)
    }

    public mutating func add(_ duration: Duration) {
        let seconds = duration / .seconds(1)
        buckets[bounds.firstIndex { seconds <= $0 } ?? bounds.count] += 1
        count += 1
        total += duration
    }

    /// Takes in what another one of the same bounds has counted.
    public mutating func add(_ other: DurationHistogram) {
        for place in buckets.indices { buckets[place] += other.buckets[place] }
        count += other.count
        total += other.total
    }
}
