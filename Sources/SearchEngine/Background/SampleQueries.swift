import Quantization
import VectorIndex

/// A query of a measurement.
package struct SampleQuery: Equatable {
    /// As the index is searched with.
    package let vector: [Float]
    /// The slot whose vector it is, for a point of the collection: searches go as if that weren't there.
    package let own: UInt32?
}

/// The queries of one measurement: recent ones, up to a half, and points of the collection.
///
/// A point is searched for as if it weren't in the graph: walks take it for met (`SearchOptions.hidesExcluded`), and it isn't
/// among the true best. So it stands for a query of its kind that the index has never seen. Recall at widths 16, 32, 64 and
/// 160 on 50,000 sentence embeddings: of 500 real queries 0.888, 0.950, 0.980 and 0.993; of hidden points 0.845, 0.926,
/// 0.970 and 0.991; of points moved by a tenth of their length, whose own entries in the graph lead to them, 0.956, 0.980,
/// 0.989 and 0.995. On 50,000 directions at random, at width 160: 0.62, 0.63 and 0.78. Hidden points err on the safe side:
/// where they are missing, the graph has a hole.
struct SampleQueries {
    private let own: [UInt32]
    private let recent: [[Float]]

    /// Fewer than `count` where the collection has hardly any live points. Under the shared lock.
    init(_ count: Int, of field: DenseField, seed: UInt64) {
        var random = RandomSource(seed: seed)
        recent = field.recall.recent.sample(count / 2, using: &random)
        own = field.index.randomLiveSlots(count - recent.count, using: &random)
    }

    var count: Int { own.count + recent.count }

    enum Source {
        /// A point's slot and its row.
        case own(UInt32, [Float])
        /// A query, as the index is searched with.
        case recent([Float])
    }

    /// What the query at a place is made from. Vectors are read one by one, so that the sample takes little memory. Under the
    /// shared lock.
    func source(at place: Int, _ field: DenseField) -> Source {
        place < own.count ? .own(own[place], field.vector(own[place])) : .recent(recent[place - own.count])
    }

    /// A row in the form that the index is searched with; `nil` if that takes it out of the range of float.
    static func asked(_ row: [Float], _ parameters: VectorParameters) -> [Float]? {
        var vector = row
        do {
            try prepare(&vector, parameters, normalizing: true)
            return vector
        } catch {
            return nil
        }
    }
}
