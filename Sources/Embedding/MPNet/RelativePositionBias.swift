import Foundation

/// What attention adds for the distance of two tokens: a number for each head and bucket of distances, shared by all layers
/// (Raffel et al. 2020, section 2.1, as MPNet has it: Song et al. 2020).
struct RelativePositionBias: Sendable {
    let heads: Int
    /// The longest text.
    let mostTokens: Int
    /// `float[heads × stride]`: the number for the key at `position` + distance stands at mostTokens - 1 + distance.
    private let values: [Float]
    private let stride: Int

    private static let farthest = 128
    /// A quarter of them has a distance each, all below `farthest`.
    static let mostBuckets = 4 * farthest - 2

    /// - Parameters:
    ///   - table: `float[buckets × heads]`, as the model stores it.
    ///   - buckets: Even, at least 4: a half for keys before the query, a half for those behind it.
    init(table: [Float], buckets: Int, heads: Int, mostTokens: Int) {
        precondition(table.count == buckets * heads && buckets % 2 == 0 && 4...Self.mostBuckets ~= buckets)
        self.heads = heads
        self.mostTokens = mostTokens
        stride = 2 * mostTokens - 1
        var values = [Float](repeating: 0, count: heads * stride)
        for distance in -(mostTokens - 1)...(mostTokens - 1) {
            let bucket = Self.bucket(of: distance, buckets: buckets)
            for head in 0..<heads {
                values[head * stride + mostTokens - 1 + distance] = table[bucket * heads + head]
            }
        }
        self.values = values
    }

    /// Distances up to a quarter of the buckets have one each; beyond, buckets grow with the logarithm up to `farthest`, from which
    /// on all are one.
    static func bucket(of distance: Int, buckets: Int) -> Int {
        let half = buckets / 2
        let exact = half / 2
        let side = distance > 0 ? half : 0
        let magnitude = abs(distance)
        guard magnitude >= exact else { return side + magnitude }
        let growth = log(Double(magnitude) / Double(exact)) / log(Double(farthest) / Double(exact))
        return side + min(exact + Int(growth * Double(half - exact)), half - 1)
    }

    /// The numbers of one query: `body` gets `float[count]`, one for each key of a text of `count` tokens.
    @inline(__always)
    func withRow<Result>(head: Int, query: Int, _ body: (UnsafePointer<Float>) -> Result) -> Result {
        values.withUnsafeBufferPointer { body($0.baseAddress! + (head * stride + mostTokens - 1 - query)) }
    }
}
