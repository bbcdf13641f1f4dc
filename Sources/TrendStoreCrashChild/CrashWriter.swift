import Foundation
import Quantization
import TrendStore

/// Writes trends of its own and their ideas at random, and says each transaction before and after it.
final class CrashWriter {
    private typealias Revision = CrashScript.Revision
    private struct RolledBack: Error {}

    private static let workers = 2
    private static let usualTrends = 30

    private let worker: Int
    private let store: TrendStore
    private var generator: RandomSource
    private var trends: [UUID: Revision] = [:]
    private var ideas: [UUID: (trend: UUID, revision: Revision)] = [:]
    private var change: Int

    /// Takes over the stored trends whose ids are this worker's.
    init(worker: Int, store: TrendStore, seed: UInt64) throws {
        self.worker = worker
        self.store = store
        generator = RandomSource(seed: seed &+ UInt64(worker))
        change = 0
        var after: PageCursor?
        repeat {
            let page = try store.listTrends(limit: 1_000, after: after)
            for trend in page.rows where Int(trend.id.uuid.0) % Self.workers == worker {
                trends[trend.id] = Revision(trend.title)
            }
            after = page.next
        } while after != nil
        repeat {
            let page = try store.listIdeas(limit: 1_000, after: after)
            for idea in page.rows where trends[idea.trendID] != nil {
                ideas[idea.id] = Revision(idea.title).map { (idea.trendID, $0) }
            }
            after = page.next
        } while after != nil
        change = (trends.values.map(\.row) + ideas.values.map(\.revision.row)).max() ?? 0
    }

    /// Runs `count` random transactions.
    func run(_ count: Int) throws {
        for _ in 0..<count {
            change += 1
            switch Int.random(in: 0..<100, using: &generator) {
            case ..<30: trends.count < Self.usualTrends ? try create() : try deleteTrend()
            case ..<50: try updateTrend()
            case ..<65: try createIdea()
            case ..<80: try updateIdea()
            case ..<88: try deleteIdea()
            case ..<93: try deleteTrend()
            default: try rollBack()
            }
        }
    }

    // MARK: Transactions

    /// A trend with some ideas.
    private func create() throws {
        let revision = Revision(row: change, embedding: change)
        let trend = newTrend(revision)
        let ideas = (0..<Int.random(in: 0...3, using: &generator)).map { _ in newIdea(of: trend.id, revision) }
        let outcomes =
            [CrashScript.Outcome(table: "trends", id: trend.id, revision: revision)]
            + ideas.map { CrashScript.Outcome(table: "ideas", id: $0.id, revision: revision) }
        try commit(outcomes) { [change] transaction in
            try transaction.createTrend(trend, embedding: CrashScript.embedding(of: trend.id, revision: change))
            for idea in ideas {
                try transaction.createIdea(idea, embedding: CrashScript.embedding(of: idea.id, revision: change))
            }
        }
        trends[trend.id] = revision
        for idea in ideas { self.ideas[idea.id] = (trend.id, revision) }
    }

    private func updateTrend() throws {
        guard let id = pick(trends.keys), let old = trends[id] else { return }
        let (revision, embedding) = next(old, id)
        let template = newTrend(revision)
        try commit([CrashScript.Outcome(table: "trends", id: id, revision: revision)]) { transaction in
            try transaction.updateTrend(id, embedding: embedding) {
                $0.title = template.title
                $0.tags = template.tags
                $0.velocity = template.velocity
            }
        }
        trends[id] = revision
    }

    private func deleteTrend() throws {
        guard let id = pick(trends.keys) else { return }
        let orphans = ideas.filter { $0.value.trend == id }.map(\.key)
        let outcomes =
            [CrashScript.Outcome(table: "trends", id: id, revision: nil)]
            + orphans.map { CrashScript.Outcome(table: "ideas", id: $0, revision: nil) }
        try commit(outcomes) { try $0.deleteTrend(id) }
        trends[id] = nil
        for id in orphans { ideas[id] = nil }
    }

    private func createIdea() throws {
        guard let trend = pick(trends.keys) else { return }
        let revision = Revision(row: change, embedding: change)
        let idea = newIdea(of: trend, revision)
        try commit([CrashScript.Outcome(table: "ideas", id: idea.id, revision: revision)]) { [change] transaction in
            try transaction.createIdea(idea, embedding: CrashScript.embedding(of: idea.id, revision: change))
        }
        ideas[idea.id] = (trend, revision)
    }

    private func updateIdea() throws {
        guard let id = pick(ideas.keys), let old = ideas[id] else { return }
        let (revision, embedding) = next(old.revision, id)
        let template = newIdea(of: old.trend, revision)
        try commit([CrashScript.Outcome(table: "ideas", id: id, revision: revision)]) { transaction in
            try transaction.updateIdea(id, embedding: embedding) {
                $0.title = template.title
                $0.scores = template.scores
                if $0.status.next.contains(template.status) { $0.status = template.status }
            }
        }
        ideas[id] = (old.trend, revision)
    }

    private func deleteIdea() throws {
        guard let id = pick(ideas.keys) else { return }
        try commit([CrashScript.Outcome(table: "ideas", id: id, revision: nil)]) { try $0.deleteIdea(id) }
        ideas[id] = nil
    }

    /// A transaction that changes much and then throws; nothing of it may ever be seen.
    private func rollBack() throws {
        let trend = newTrend(Revision(row: change, embedding: change))
        let victim = pick(trends.keys)
        do {
            try commit([]) { [change] transaction in
                try transaction.createTrend(trend, embedding: CrashScript.embedding(of: trend.id, revision: change))
                if let victim { try transaction.deleteTrend(victim) }
                throw RolledBack()
            }
        } catch is RolledBack {}
    }

    private func commit(_ outcomes: [CrashScript.Outcome], _ body: @escaping (TrendTransaction) throws -> Void) throws {
        say(.begin(worker: worker, outcomes))
        defer { say(.done(worker: worker)) }
        try store.write(body)
    }

    // MARK: Rows

    private func newTrend(_ revision: Revision) -> Trend {
        var bytes = UUID.random(using: &generator).uuid
        bytes.0 = bytes.0 - bytes.0 % UInt8(Self.workers) + UInt8(worker)
        return Trend(
            id: UUID(uuid: bytes), title: revision.description, description: "A trend at \(revision)",
            source: TrendSource.allCases.randomElement(using: &generator) ?? .vk,
            tags: (0..<Int.random(in: 0...4, using: &generator)).map { "tag \($0) of \(revision.row % 10)" },
            engagementScore: .random(in: 0...1_000, using: &generator),
            velocity: .random(in: -10...10, using: &generator), metadata: ["change": .integer(Int64(change))])
    }

    private func newIdea(of trend: UUID, _ revision: Revision) -> Idea {
        var scores = IdeaScores(
            marketSize: 0, competition: 0, demand: 0, monetization: 0, feasibility: 0, timeToMarket: 0)
        for score in IdeaScore.allCases { scores[score] = .random(in: 0...100, using: &generator) }
        return Idea(
            id: .random(using: &generator), trendID: trend, title: revision.description, scores: scores,
            status: IdeaStatus.allCases.randomElement(using: &generator) ?? .pending)
    }

    /// The revision after `old`, half of the time with another embedding.
    private func next(_ old: Revision, _ id: UUID) -> (Revision, [Float]?) {
        Bool.random(using: &generator)
            ? (Revision(row: change, embedding: change), CrashScript.embedding(of: id, revision: change))
            : (Revision(row: change, embedding: old.embedding), nil)
    }

    private func pick(_ ids: some Collection<UUID>) -> UUID? {
        // Sorted, so that a seed means the same choices in every process.
        ids.sorted { $0.uuidString < $1.uuidString }.randomElement(using: &generator)
    }

    /// Writes a line at once; a reader that is gone ends the process.
    private func say(_ line: CrashScript.Line) {
        let bytes = Array(line.text.utf8)
        guard write(STDOUT_FILENO, bytes, bytes.count) == bytes.count else { exit(1) }
    }
}
