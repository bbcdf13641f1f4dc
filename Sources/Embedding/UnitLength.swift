/// Scales a vector to length 1. `nil` if it has no direction: its squares sum up to 0 or to no finite number.
///
/// Sums in double precision, whose order and rounding are the same on every machine.
func unitLength(_ vector: [Float]) -> [Float]? {
    var sum = 0.0
    for value in vector { sum += Double(value) * Double(value) }
    guard sum > 0, sum.isFinite else { return nil }
    let length = sum.squareRoot()
    return vector.map { Float(Double($0) / length) }
}
