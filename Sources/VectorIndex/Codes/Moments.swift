/// Mean and variance of numbers that come one by one (Welford 1962).
struct Moments {
    private var count: Float = 0
    /// How many numbers there were.
    var counted: Int { Int(count) }
    private(set) var mean: Float = 0
    private var sum: Float = 0

    mutating func add(_ value: Float) {
        count += 1
        let difference = value - mean
        mean += difference / count
        sum += difference * (value - mean)
    }

    /// 0 for less than two numbers.
    var variance: Float { sum / max(count, 1) }
}
