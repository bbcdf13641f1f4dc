import SearchEngine
import Simulation
import TestSupport
import Testing
import VectorIndex

/// What `/recall` says of the background's work, step by step, and how long an audit may be put off.
@Suite struct BackgroundStateTests {
    private let machine = SimulatedMachine(seed: SeededGenerator().seed)

    @Test func eachStateIsTold() throws {
        var random = SeededGenerator()
        let engine = try machine.open {
            $0.recallAudits = RecallAuditor.Settings()
            $0.recallAudits.sample = 16
        }
        try engine.createCollection("c", .unnamed(24))
        func vector() throws -> CollectionRecall.Vector { try #require(engine.recall("c").vectors.first) }
        func fill(_ ids: Range<UInt64>) throws {
            _ = try engine.updateBlocking("c", [.upsert(ids.map { PointStruct($0, random.vector(24)) })])
        }
        try fill(0..<500)
        #expect(try vector().backgroundState == .noGraph)
        machine.executor.held = "trendex-index"
        try fill(500..<2_000)
        var states: [CollectionRecall.BackgroundState] = []
        func note() throws {
            let vector = try vector()
            if states.last != vector.backgroundState { states.append(vector.backgroundState) }
            // Nothing is said of points that haven't been looked for.
            let isLookedThrough = ![.waitingForLinking, .waitingForCheck].contains(vector.backgroundState)
            #expect(vector.reachability.unreachable == (isLookedThrough ? 0 : nil), "\(states)")
            #expect((vector.reachability.checked == 2_000) == isLookedThrough)
            #expect((vector.background == nil) == (vector.backgroundState != .measured))
        }
        try note()
        machine.executor.held = "trendex-audit"
        while states.last != .waitingForTurn {
            machine.executor.run(steps: 1)
            try note()
            try #require(states.count < 4)
        }
        machine.executor.run(for: .seconds(10))
        machine.executor.held = nil
        while states.last != .measured {
            machine.executor.run(steps: 1)
            try note()
            try #require(states.count < 6)
        }
        #expect(states == [.waitingForLinking, .waitingForCheck, .waitingForTurn, .measuring, .measured])
        // Some more points are looked for; what was told before holds until all are looked for again.
        try fill(2_000..<2_300)
        machine.executor.run(for: .seconds(20))
        #expect(try vector().backgroundState == .measured && vector().background?.points == 2_300)
        try engine.close()

        // A start looks for all points again, and measures anew.
        let again = try machine.open()
        #expect(try again.recall("c").vectors[0].backgroundState == .off)
        #expect(try again.recall("c").vectors[0].reachability.unreachable == nil)
        machine.executor.run(for: .seconds(5))
        #expect(try again.recall("c").vectors[0].reachability.unreachable == 0)
        try again.close()
    }

    /// Requests keep coming: the first audit of 50,000 embeddings, 7 s of CPU time in pieces of a millisecond.
    @Test func endlessRequestsDoNotPutAFirstAuditOff() {
        let start = ContinuousClock.now
        func took(_ work: Duration, isFirst: Bool, areOthersIdle: Bool) -> Duration {
            var pace = AuditPace()
            var now = start
            var left = work
            while left > .zero {
                now += .milliseconds(1)
                now += .milliseconds(pace.rest(isFirst: isFirst, areOthersIdle: areOthersIdle, now: now))
                left -= .milliseconds(1)
            }
            return now - start
        }
        #expect(took(.seconds(7), isFirst: true, areOthersIdle: true) == .seconds(14))
        let busy = took(.seconds(7), isFirst: true, areOthersIdle: false)
        #expect(busy > .seconds(30) && busy < .seconds(40), "a twentieth of a core, then a quarter")
        #expect(took(.seconds(7), isFirst: false, areOthersIdle: true) == .seconds(140), "others can wait")
    }
}
