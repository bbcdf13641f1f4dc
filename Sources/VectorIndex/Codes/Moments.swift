/// Mean and variance of numbers that come one by one (Welford 1962). In doubles: squares of what floats hold neither overflow
/// nor vanish there.
struct Moments {
    private(set) var count = 0
    private(set) var mean = 0.0
    private var sum = 0.0

    mutating func add(_ value: Float) {
        count += 1
        let difference = Double(value) - mean
        mean += difference / Double(count)
        sum += difference * (Double(value) - mean)
    }

    /// 0 for less than two numbers.
    var variance: Double { sum / Double(max(count, 1)) }
}
