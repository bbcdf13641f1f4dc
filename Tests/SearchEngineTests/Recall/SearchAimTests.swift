import SearchEngine
import Testing
import VectorIndex

/// Which width a target of recall leads to.
@Suite struct SearchAimTests {
    /// Curves that rise to `best` in equal steps from width to width.
    private func curves(best: Double, queries: Int = 512) -> [RecallCurve] {
        [10, 100].map { k in
            var curve = RecallCurve(k: k)
            let count = curve.points.count
            let recalls = (1...count).map { best * Double($0) / Double(count) }
            for _ in 0..<queries { curve.add(recalls) }
            return curve
        }
    }

    private func aim(
        _ target: Double, k: Int = 10, points: Int = 1_000_000, efConstruct: Int = 100, _ curves: [RecallCurve]
    ) -> SearchAim {
        aim(target, k: k, points: points, efConstruct: efConstruct, kinds: [curves])
    }

    private func aim(
        _ target: Double, k: Int = 10, points: Int = 1_000_000, efConstruct: Int = 100, kinds: [[RecallCurve]],
        isKnown: Bool = true
    ) -> SearchAim {
        let parameters = IndexParameters(dimensions: 2, metric: .cosine, efConstruct: efConstruct)
        return SearchAim(
            target: target, source: .request, k: k, points: points, parameters: parameters, kinds: kinds,
            isKnown: isKnown)
    }

    @Test func higherTargetsWantWiderWalks() throws {
        for k in [1, 10, 11, 100, 250] {
            var last = 0
            for step in 1...95 {
                let aim = aim(Double(step) / 100, k: k, curves(best: 0.96))
                let width = try #require(aim.ef, "target \(step) %, k \(k)")
                #expect(width >= last && width >= k && !aim.isExact)
                #expect(aim.recall?.basis == .measured && aim.recall?.source == .request)
                // What is expected is no less than what was asked for.
                #expect(try #require(aim.recall?.expected) >= Double(step) / 100 - 1e-9)
                last = width
            }
            #expect(last > k && last > 1_000)
        }
    }

    /// A measured width comes with what its results score at least.
    @Test func measuredWidthsComeWithAFloor() {
        var knowledge = RecallKnowledge()
        knowledge.target = 0.5
        knowledge.kinds = [curves(best: 0.96)]
        knowledge.floors = [.init(rank: 10, score: 0.4), .init(rank: 100, score: 0.2)]
        func least(_ k: Int, _ change: (inout SearchParameters) -> Void = { _ in }) -> SearchOptions.LeastScore? {
            var parameters = SearchParameters()
            change(&parameters)
            return SearchAim(
                parameters, k: k, points: 1_000_000, index: IndexParameters(dimensions: 2, metric: .cosine), knowledge
            ).leastScore
        }
        #expect(least(5) == .init(rank: 5, score: 0.4))
        #expect(least(10) == .init(rank: 10, score: 0.4))
        #expect(least(50) == .init(rank: 50, score: 0.2))
        #expect(least(500) == .init(rank: 100, score: 0.2))
        #expect(least(10) { $0.hnswEf = 20 } == nil)
        #expect(least(10) { $0.exact = true } == nil)
        knowledge.floors = []
        #expect(least(10) == nil)
        knowledge.floors = [.init(rank: 10, score: 0.4)]
        knowledge.kinds = []
        #expect(least(10) == nil, "an assumed width is wide")
    }

    @Test func theNarrowestMeasuredWidthIsTaken() throws {
        let curves = curves(best: 0.96)
        // A measured point's own recall wants its own width.
        for point in curves[0].points {
            let width = try #require(aim(point.recall - 0.001, curves).ef)
            #expect(width <= point.width)
            let before = curves[0].points.last { $0.width < point.width }
            #expect(width > before?.width ?? 0)
        }
        // k = 50 goes by the curve of 100, and k = 200 by twice its width.
        let hundred = try #require(aim(0.5, k: 100, curves).ef)
        #expect(aim(0.5, k: 50, curves).ef == hundred)
        #expect(aim(0.5, k: 200, curves).ef == 2 * hundred)
        #expect(aim(0.5, k: 3, curves).ef == aim(0.5, k: 10, curves).ef)
    }

    @Test func whereNoWidthIsEnoughTheSearchIsExact() {
        for (target, k) in [(0.97, 10), (0.999, 100), (1, 10)] {
            let aim = aim(target, k: k, curves(best: 0.96))
            #expect(aim.isExact && aim.ef == nil)
            #expect(
                aim.recall == Explanation.Recall(target: target, source: .request, expected: 1, basis: .exact))
        }
        #expect(aim(1, []).isExact, "without any measurement, too")
    }

    @Test func noWalkIsWiderThanThereArePoints() {
        #expect(aim(0.95, points: 300, curves(best: 0.96)).ef == 300)
        #expect(aim(0.99, points: 300, []).ef == 300)
        #expect(aim(0.99, points: 0, []).ef == 1)
    }

    @Test(arguments: [0, RecallCurve.leastQueries - 1])
    func withoutEnoughQueriesAWidthIsAssumed(_ queries: Int) {
        let curves = curves(best: 0.96, queries: queries)
        for (target, k, efConstruct, width) in [
            (0.5, 10, 100, nil), (0.95, 10, 100, nil), (0.951, 10, 100, 256), (0.98, 10, 100, 256),
            (0.981, 10, 100, 512), (0.999, 100, 100, 512), (0.98, 200, 100, 512), (0.99, 1_000, 100, 5_120),
            // The default is no narrower than efConstruct, so what is to find more isn't either.
            (0.98, 10, 800, 800),
        ] as [(Double, Int, Int, Int?)] {
            let aim = aim(target, k: k, efConstruct: efConstruct, curves)
            #expect(aim.ef == width && !aim.isExact, "target \(target), k \(k)")
            #expect(
                aim.recall == Explanation.Recall(target: target, source: .request, expected: nil, basis: .assumed))
        }
    }

    @Test func everyKindIsToFindTheTarget() throws {
        let (easy, hard) = (curves(best: 1), curves(best: 0.9))
        let width = try #require(aim(0.6, kinds: [hard]).ef)
        #expect(try #require(aim(0.6, kinds: [easy]).ef) < width)
        for kinds in [[easy, hard], [hard, easy]] {
            let aim = aim(0.6, kinds: kinds)
            #expect(aim.ef == width)
            // Of the kind that finds less.
            #expect(aim.recall?.expected == hard[0].recall(at: width))
            #expect(self.aim(0.95, kinds: kinds).isExact, "the one finds it, the other doesn't")
        }
        let few = aim(0.97, kinds: [easy, curves(best: 1, queries: 10)])
        #expect(few.recall?.basis == .assumed && few.ef == 256)
    }

    @Test func aQueryUnlikeAllOthersIsPromisedNothing() throws {
        let easy = curves(best: 1)
        let wide = try #require(aim(0.7, kinds: [easy]).ef)
        let usual = 160
        #expect(wide > usual, "else the next lines would tell nothing")
        for (target, width) in [(0.7, wide), (0.1, usual)] {
            let aim = aim(target, kinds: [easy], isKnown: false)
            #expect(aim.ef == width)
            #expect(aim.recall == Explanation.Recall(target: target, source: .request, expected: nil, basis: .assumed))
        }
        #expect(aim(0.1, kinds: [easy], isKnown: true).ef.map { $0 < usual } == true)
        #expect(aim(0.97, kinds: [curves(best: 0.9)], isKnown: false).isExact)
    }
}
