import Quantization
import Testing
import VectorIndex

/// Codes are walked by kernels, stored rows by the walks in Swift that any scorer gets by default. Where both rank alike
/// they must go the same way through the same graph.
struct WalkEqualityTests {
    private static let dimensions = 24
    private static let count = 6000

    /// Whole numbers around a mean of zero, up to the codes' own range: their codes are exact, and so are sums of their
    /// differences.
    private static func rows(_ random: inout RandomSource) -> (Rows, [[Float]]) {
        let parameters = parameters
        let rows = Rows(parameters, capacity: count)
        let centers = (0..<30).map { _ in (0..<dimensions).map { _ in Int.random(in: -90...90, using: &random) } }
        func vector(_ center: [Int]) -> [Float] {
            center.map { Float(max(-127, min(127, $0 + Int.random(in: -40...40, using: &random)))) }
        }
        var widest = [Float](repeating: 1, count: dimensions)
        widest[0] = 127
        for i in 0..<count / 2 {
            let row = i == 0 ? widest : vector(centers[i % centers.count])
            rows.append(row)
            rows.append(row.map { -$0 })
        }
        return (rows, (0..<40).map { vector(centers[$0 % centers.count]) })
    }

    private static var parameters: IndexParameters {
        IndexParameters(dimensions: dimensions, metric: .manhattan, codec: .int8(quantile: 1))
    }

    @Test(
        arguments: [
            (nil, .graph), (0.6, .graphFiltered), (0.2, .graphTwoHop), (0.05, .graphTwoHop), (0.03, .graphTwoHop),
        ] as [(Double?, SearchMethod)])
    func kernelsGoTheWayOfTheDefault(share: Double?, plan: SearchMethod) {
        var random = RandomSource(seed: Seed.value)
        let (rows, queries) = Self.rows(&random)
        let index = VectorIndex(Self.parameters)
        index.publish(rows: rows.matrix, count: Self.count, absent: [])
        index.drain()
        let allowed = share.map { share in
            SlotBitmap(count: Self.count) { _ in Double.random(in: 0..<1, using: &random) < share }
        }
        var plans: [SearchMethod: Int] = [:]
        for query in queries {
            for ef in [12, 50] {
                let options = SearchOptions(k: 10, ef: ef, rescore: false).walking
                var byRows = options
                byRows.ignoreCodes = true
                let kernel = index.search(query, options, allowed: allowed)
                let plain = index.search(query, byRows, allowed: allowed)
                #expect(kernel.hits.map(\.slot) == plain.hits.map(\.slot), Seed.note)
                #expect(kernel.hits.map { rows.score(query, Int($0.slot)) } == plain.hits.map { Double($0.score) })
                #expect(kernel.method == plain.method, Seed.note)
                #expect(kernel.walked == plain.walked && kernel.scanned == plain.scanned, Seed.note)
                #expect(kernel.hops == plain.hops, Seed.note)
                plans[kernel.method, default: 0] += 1
            }
        }
        #expect(plans[plan, default: 0] > queries.count, Seed.note)
    }
}
