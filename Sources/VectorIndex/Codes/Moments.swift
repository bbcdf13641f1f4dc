/// Mean and variance of numbers that come one by one (Welford 1962). In doubles: squares of what floats hold neither overflow
/// nor vanish there.
package struct Moments: Sendable, Equatable {
    package private(set) var count = 0
    package private(set) var mean = 0.0
    private var sum = 0.0

    package init() {}

    package mutating func add(_ value: Double) {
        count += 1
        let difference = value - mean
        mean += difference / Double(count)
        sum += difference * (value - mean)
    }

    mutating func add(_ value: Float) { add(Double(value)) }

    /// Of these numbers; 0 for less than two.
    var variance: Double { sum / Double(max(count, 1)) }
    /// Of all numbers that these are a sample of; 0 for less than two.
    package var sampleVariance: Double { sum / Double(max(count - 1, 1)) }
}
