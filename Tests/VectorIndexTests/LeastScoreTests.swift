import Quantization
import Testing
import VectorIndex

/// A narrow walk that finds less than it should is followed by one of the default width.
@Suite struct LeastScoreTests {
    @Test(arguments: [CodecSettings.int8(quantile: nil), .none])
    func itIsMadeAgain(codec: CodecSettings) throws {
        let parameters = IndexParameters(dimensions: 24, metric: .euclid, m: 4, efConstruct: 20, codec: codec)
        var (index, _, vectors) = FileTests.make(parameters, count: 3_000)
        index.drain()
        var found = 0
        for _ in 0..<50 {
            let query = vectors.query()
            var narrow = SearchOptions(k: 10, ef: 10)
            narrow.prefersGraph = true
            var wide = narrow
            wide.ef = nil
            let few = index.search(query, narrow), all = index.search(query, wide)
            #expect(all.ef == 160 && !few.wentOnWider && !all.wentOnWider)
            let tenth = try #require(few.hits.last).score
            // What was found is as good as was to be expected.
            narrow.leastScore = .init(rank: 10, score: tenth)
            #expect(index.search(query, narrow).hits == few.hits, Seed.note)
            narrow.leastScore = .init(rank: 10, score: tenth.nextUp)
            let again = index.search(query, narrow)
            #expect(again.hits == all.hits && again.wentOnWider && again.ef == 160, Seed.note)
            #expect(again.walked == few.walked + all.walked && again.hops == few.hops + all.hops, Seed.note)
            found += few.hits == all.hits ? 0 : 1
            // A wider walk than the default has nothing to go on with, and a scan has seen all.
            wide.ef = 200
            wide.leastScore = .init(rank: 10, score: .infinity)
            #expect(!index.search(query, wide).wentOnWider)
            wide.exact = true
            #expect(!index.search(query, wide).wentOnWider)
            // Ranks that aren't there.
            narrow.leastScore = .init(rank: 11, score: .infinity)
            #expect(!index.search(query, narrow).wentOnWider)
        }
        #expect(found > 5, "narrow walks of this graph find less")
    }
}
