import Testing
import TrendStore

@Suite struct RankFusionTests {
    /// k = 60: first and third place are 1/61 + 1/63.
    @Test func scoresByHand() {
        let fused = RankFusion.fuse(["a", "b", "c"], ["d", "b", "a"])
        #expect(fused.map(\.id) == ["a", "b", "d", "c"])
        let expected = [1.0 / 61 + 1.0 / 63, 1.0 / 62 + 1.0 / 62, 1.0 / 61, 1.0 / 63]
        #expect(zip(fused, expected).allSatisfy { abs($0.score - $1) < 1e-15 })
        #expect(fused.map(\.ranks.0) == [1, 2, nil, 3] && fused.map(\.ranks.1) == [3, 2, 1, nil])
    }

    /// Of equal ones the first ranking's comes first.
    @Test func equalScores() {
        #expect(RankFusion.fuse(["a"], ["b"]).map(\.id) == ["a", "b"])
        #expect(RankFusion.fuse(["a", "b"], ["b", "a"]).map(\.id) == ["a", "b"])
        #expect(RankFusion.fuse([Int](), []).isEmpty)
        #expect(RankFusion.fuse([], [7, 8]).map(\.id) == [7, 8])
    }
}
