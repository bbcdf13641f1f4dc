import JSON

/// Percentiles of durations, by nearest rank.
struct Latencies: Sendable {
    /// In nanoseconds, ascending.
    let sorted: [UInt64]

    init(_ nanoseconds: [UInt64]) { sorted = nanoseconds.sorted() }

    /// Microseconds below which a share of the durations lies. 0 when there are none.
    func microseconds(_ share: Double) -> Double {
        guard let last = sorted.last else { return 0 }
        let rank = Int((share * Double(sorted.count)).rounded(.up)) - 1
        return Double(rank < 0 ? sorted[0] : rank >= sorted.count ? last : sorted[rank]) / 1e3
    }
}

/// The middle value (of an even number, the mean of the two middle ones). 0 when there are none.
func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
