import Foundation
import Quantization
import VectorIndex

/// The queries of one measurement: recent ones, up to a half, and points of the collection that are moved slightly.
///
/// A point itself would be too easy a query: its own entry in the graph leads to it. Moved by a tenth of its length it
/// stands for a query that has close neighbours.
struct SampleQueries {
    /// How far a point is moved, as a share of its length.
    private static let move = 0.1

    private let own: [UInt32]
    private let recent: [[Float]]
    private var random: RandomSource

    /// Fewer than `count` where the collection has hardly any live points. Under the shared lock.
    init(_ count: Int, of space: VectorSpace) {
        random = RandomSource(seed: .random(in: 0...UInt64.max))
        recent = space.recall.recent.sample(count / 2, using: &random)
        own = space.index.randomLiveSlots(count - recent.count, using: &random)
    }

    var count: Int { own.count + recent.count }

    enum Source {
        /// A point's row, to be moved.
        case own([Float])
        /// A query, as the index is searched with.
        case recent([Float])
    }

    /// What the query at a place is made from. Vectors are read one by one, so that the sample takes little memory. Under the
    /// shared lock.
    func source(at place: Int, _ space: VectorSpace) -> Source {
        place < own.count ? .own(space.vector(own[place])) : .recent(recent[place - own.count])
    }

    /// A row moved by Gaussian noise and brought into the form that the index is searched with; `nil` if that takes it out
    /// of the range of float.
    mutating func moved(_ row: [Float], _ parameters: VectorParameters) -> [Float]? {
        let length = row.withUnsafeBufferPointer { row in
            row.baseAddress.map { Normalization.norm($0, dimensions: row.count) } ?? 0
        }
        let spread = Float(Self.move * length / Double(max(row.count, 1)).squareRoot())
        var vector = row
        for i in vector.indices { vector[i] += spread * normal() }
        if parameters.element == .uint8 {
            for i in vector.indices { vector[i] = min(max(vector[i].rounded(), 0), 255) }
        }
        do {
            try prepare(&vector, parameters, normalizing: true)
            return vector
        } catch {
            return nil
        }
    }

    /// Drawn from the standard normal distribution, by Box and Muller's transform.
    private mutating func normal() -> Float {
        // Over 0, so that the logarithm is finite.
        let radius = (-2 * Float.log(1 - Float.random(in: 0..<1, using: &random))).squareRoot()
        return radius * Float.cos(Float.random(in: 0..<2 * .pi, using: &random))
    }
}

extension Float {
    fileprivate static func log(_ x: Float) -> Float { Foundation.log(x) }
    fileprivate static func cos(_ x: Float) -> Float { Foundation.cos(x) }
}
