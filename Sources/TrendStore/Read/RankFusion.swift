/// Reciprocal Rank Fusion (Cormack, Clarke and Büttcher 2009): the score of what is in several rankings is the sum of 1 / (60 + rank),
/// where the first has rank 1.
package enum RankFusion {
    /// The constant of the paper.
    package static let k = 60.0

    /// An element of two rankings, with its rank in each that has it.
    package struct Fused<ID: Hashable & Sendable>: Sendable {
        package var id: ID
        package var ranks: (Int?, Int?)

        package var score: Double {
            (ranks.0.map { 1 / (k + Double($0)) } ?? 0) + (ranks.1.map { 1 / (k + Double($0)) } ?? 0)
        }
    }

    /// What is in one of the rankings or in both, best first; of equal ones, what the first ranking has first.
    package static func fuse<ID>(_ first: [ID], _ second: [ID]) -> [Fused<ID>] {
        var places: [ID: Int] = [:]
        var fused: [Fused<ID>] = []
        for (place, id) in first.enumerated() {
            places[id] = fused.count
            fused.append(Fused(id: id, ranks: (place + 1, nil)))
        }
        for (place, id) in second.enumerated() {
            if let known = places[id] {
                fused[known].ranks.1 = place + 1
            } else {
                fused.append(Fused(id: id, ranks: (nil, place + 1)))
            }
        }
        return fused.enumerated().sorted { ($1.element.score, $0.offset) < ($0.element.score, $1.offset) }.map(
            \.element)
    }
}
