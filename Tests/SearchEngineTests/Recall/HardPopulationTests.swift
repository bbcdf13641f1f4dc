import SearchEngine
import Simulation
import TestSupport
import Testing
import VectorIndex

/// A population that is harder to find than the rest, from the audit to the width of its queries.
@Suite struct HardPopulationTests {
    private static let dimensions = 48

    /// Vectors about −1 in tight groups, which any walk finds.
    private func easy(_ groups: [[Float]], _ random: inout SeededGenerator) -> [Float] {
        let group = groups[Int.random(in: 0..<groups.count, using: &random)]
        return group.map { $0 + Float.random(in: -0.1...0.1, using: &random) }
    }

    /// Vectors about 1 without any structure.
    private func hard(_ random: inout SeededGenerator) -> [Float] { random.vector(Self.dimensions).map { 1 + $0 } }

    @Test func itsQueriesFindTheirTarget() throws {
        var random = SeededGenerator()
        let fixture = try EngineFixture()
        let vector = VectorParameters(
            size: Self.dimensions, distance: .euclid, hnsw: HNSWConfiguration(m: 6, efConstruct: 24))
        try fixture.engine.createCollection("c", CollectionConfiguration(vectors: ["": vector]))
        let groups = (0..<40).map { _ in random.vector(Self.dimensions).map { $0 - 3 } }
        // One of six.
        try fixture.fill("c", 0..<6_000) { $0 % 6 == 0 ? hard(&random) : easy(groups, &random) }
        var auditor = RecallAuditor(
            .small(400), environment: Environment(seeds: SeededSeeds(random.next())), logger: LogRecorder().logger)
        #expect(try !fixture.audit("c", &auditor).isEmpty)
        let audit = try #require(try fixture.field("c").recall.audit)
        // Clusters may part it.
        let told = audit.figures.hardPopulations
        #expect(!told.isEmpty && told.allSatisfy { $0.queries >= 64 })
        // At least half of the hard ones. Tight groups that a sample this small finds hard by chance may be told as well.
        #expect(told.reduce(0) { $0 + $1.share } >= 1 / 12)
        #expect(audit.figures.queries == 400, "extra queries are no part of the figures for all")

        /// Mean recall of queries, and the widths of their walks in ascending order.
        func search(_ queries: [[Float]], _ change: (inout SearchParameters) -> Void) throws -> (Double, [Int]) {
            var sum = 0.0
            var widths: [Int] = []
            for query in queries {
                var request = QueryRequest(nearest: .vector(.dense(query)))
                request.explain = true
                change(&request.query.parameters)
                let found = try fixture.engine.query("c", request)
                var exact = QueryRequest(nearest: .vector(.dense(query)))
                exact.query.parameters.exact = true
                let best = Set(try fixture.engine.query("c", exact).points.map(\.id))
                sum += Double(found.points.count { best.contains($0.id) }) / 10
                widths.append(found.explanation?.plan.ef ?? .max)
            }
            return (sum / Double(queries.count), widths.sorted())
        }
        let target = 0.9
        let hardQueries = (0..<150).map { _ in hard(&random) }
        let easyQueries = (0..<50).map { _ in easy(groups, &random) }
        let own = try search(hardQueries) { $0.recall = target }
        // Two standard errors of the curve and of this sample.
        #expect(own.0 > target - 0.06)
        // The width that the mean of all queries would have led to.
        let common = try #require(audit.profile.overall[0].width(for: target))
        #expect(common < own.1[75])
        #expect(try search(hardQueries) { $0.hnswEf = common }.0 < own.0 - 0.02)
        // A few lie farther from the sample than all of its own, and are promised nothing.
        let others = try search(easyQueries) { $0.recall = target }.1
        #expect(others[25] < own.1[75], "the others' queries keep their narrow walks")
    }
}
