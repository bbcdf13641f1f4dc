import Embedding
import Foundation
import Services
import Synchronization
import Testing
import TrendStore

/// The background's embedding, over a list of texts and an embedder that fails as it is told to.
@Suite struct MissingEmbeddingsTests {
    /// What happens, on one thread.
    private final class World: @unchecked Sendable {
        var rows: [(id: UUID, text: String)]
        var asked: [[String]] = []
        var isComparable = true
        var failure: (([String]) -> EmbeddingError?) = { _ in nil }
        var storeFailure: (any Error)?

        init(_ texts: [String]) { rows = texts.map { (UUID(), $0) } }

        func missing() -> MissingEmbeddings {
            MissingEmbeddings { [self] limit, left in
                Array(rows.filter { !left.contains($0.id) }.prefix(limit))
            } check: { [self] in
                if !isComparable { throw TrendStoreError.conflict("another model") }
            } store: { [self] made in
                if let storeFailure { throw storeFailure }
                let done = Set(made.map(\.id))
                rows.removeAll { done.contains($0.id) }
            }
        }

        func embed(_ texts: [String]) throws -> [[Float]] {
            asked.append(texts)
            if let error = failure(texts) { throw error }
            return texts.map { _ in [1] }
        }
    }

    private let start = ContinuousClock.now

    /// Steps until nothing is left to do, or so many.
    private func run(
        _ missing: inout MissingEmbeddings, _ world: World, at now: ContinuousClock.Instant, most: Int = 500
    ) -> Int {
        var failures = 0
        for _ in 0..<most {
            switch missing.step(at: now, embed: world.embed) {
            case .idle, .paused(_, nil): return failures
            case .worked: break
            case .leftAlone, .paused(_, _?): failures += 1
            }
        }
        return failures
    }

    @Test func embedsAllThatLacksOne() {
        let world = World((0..<100).map { "text \($0)" })
        var missing = world.missing()
        #expect(run(&missing, world, at: start) == 0)
        #expect(world.rows.isEmpty && world.asked.count == 4)
    }

    /// What couldn't be stored isn't paid for.
    @Test func asksNoServiceInVain() {
        let world = World(["a", "b"])
        world.isComparable = false
        var missing = world.missing()
        for hour in 0..<24 { _ = run(&missing, world, at: start + .seconds(3_600 * hour)) }
        #expect(world.asked.isEmpty)
    }

    /// One bad text is found, and left alone for an hour; all others are embedded, those behind it as well.
    @Test(arguments: [0, 1, 31, 32, 63, 99])
    func oneBadTextStopsNoOther(_ place: Int) {
        let world = World((0..<100).map { "text \($0)" })
        let bad = "text \(place)"
        world.failure = { $0.contains(bad) ? .refused(status: 400, reason: "too long") : nil }
        var missing = world.missing()
        #expect(run(&missing, world, at: start) == 1)
        #expect(world.rows.map(\.text) == [bad])
        let asked = world.asked.count
        #expect(run(&missing, world, at: start + .seconds(3_000)) == 0 && world.asked.count == asked)
        world.failure = { _ in nil }
        #expect(run(&missing, world, at: start + .seconds(3_601)) == 0 && world.rows.isEmpty)
    }

    /// Where no text can be embedded, a day costs few attempts.
    @Test func pausesWhereNothingWorks() {
        for error in [
            EmbeddingError.malformedAnswer(reason: "1536 numbers"), .refused(status: 401, reason: "key"), .closed,
        ] {
            let world = World((0..<1_000).map { "text \($0)" })
            world.failure = { _ in error }
            var missing = world.missing()
            for second in stride(from: 0, to: 86_400, by: 10) { _ = run(&missing, world, at: start + .seconds(second)) }
            #expect(world.asked.count < 50, "\(error)")
        }
    }

    /// Too much work for the time is done in smaller parts.
    @Test func slowModelsGetSmallerBatches() {
        let world = World((0..<64).map { "text \($0)" })
        world.failure = { $0.count > 5 ? .deadlineExceeded : nil }
        var missing = world.missing()
        #expect(run(&missing, world, at: start) == 0 && world.rows.isEmpty)
    }

    /// A service can't send the background away for years.
    @Test func retryAfterIsBounded() {
        let world = World(["a"])
        world.failure = { _ in .unavailable(reason: "x", retryAfter: .seconds(999_999_999)) }
        var missing = world.missing()
        _ = run(&missing, world, at: start)
        world.failure = { _ in nil }
        _ = run(&missing, world, at: start + .seconds(300))
        #expect(world.rows.isEmpty)
    }
}
