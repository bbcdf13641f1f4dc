import CVectorKernels

/// Finds the rows of a sample that the codes' centre and range are made for.
///
/// After a rotation every component of a far row is a large one. A single row among a thousand that is a hundred times as
/// long as the others is more than a quantile of the components takes away, and a range that covers it leaves the others
/// one step each; a mean that it takes part in lies beside all of them.
enum OrdinaryRows {
    /// A row up to this many times as far from the centre as the median row is ordinary, however few are so far.
    private static let ordinaryRatio: Float = 8
    /// A range made for rows this many times as far as the median row leaves that one but a step or two: its codes are
    /// worth nothing.
    private static let ruinousRatio: Float = 100
    /// More rows than the rest are a part of the data, however far.
    private static let leastShare = 0.9
    /// Values that the centre is found from, at most.
    private static let centerValues = 400_000
    private static let centerRows = 512

    /// The ordinary rows, ascending. The others are left to be clipped: that costs what their share is, while covering
    /// them costs all rows precision with the square of the range. Where the sum of both is least, the line is drawn.
    ///
    /// - Parameter rows: `float[count × dimensions]`, finite, below 10¹³.
    /// - Complexity: O(count · (dimensions + log count)).
    static func indices(_ rows: UnsafePointer<Float>, count: Int, dimensions: Int) -> [Int] {
        guard count > 0 else { return [] }
        let center = center(rows, count: count, dimensions: dimensions)
        let distance = Kernels.best.pointee.f32.l2.pair
        let distances = (0..<count).map { distance(center, rows + $0 * dimensions, dimensions).squareRoot() }
        let sorted = distances.sorted()
        // Rows that are all one vector say nothing about the others.
        let apart = sorted.drop { $0 == 0 }
        guard !apart.isEmpty else { return Array(0..<count) }
        let median = apart[apart.startIndex + apart.count / 2]
        var farthest = count - 1
        var leastCost = Double.infinity
        for last in stride(from: count - 1, through: Int((leastShare * Double(count)).rounded(.up)) - 1, by: -1) {
            let ratio = Double(sorted[last] / (ruinousRatio * median))
            let cost = Double(count - 1 - last) / Double(count) + min(ratio * ratio, 1)
            if cost < leastCost {
                leastCost = cost
                farthest = last
            }
            if sorted[last] <= ordinaryRatio * median { break }
        }
        return distances.indices.filter { distances[$0] <= sorted[farthest] }
    }

    /// The median of each component over some of the rows: up to half of them may lie anywhere.
    private static func center(_ rows: UnsafePointer<Float>, count: Int, dimensions: Int) -> [Float] {
        let used = min(count, max(min(centerRows, centerValues / dimensions), 31))
        var column = [Float](repeating: 0, count: used)
        return (0..<dimensions).map { i in
            for j in 0..<used { column[j] = rows[j * count / used * dimensions + i] }
            column.sort()
            return column[used / 2]
        }
    }
}
