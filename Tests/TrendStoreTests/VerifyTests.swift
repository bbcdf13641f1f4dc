import Foundation
import Logging
import SearchEngine
import Testing
import TrendStore

/// The check of a storage at rest: it must find what the check of an open store finds, and change nothing.
@Suite struct VerifyTests {
    private let storage: Storage
    private let trends: [Trend]

    init() throws {
        storage = try Storage()
        let store = storage.store
        trends = try (0..<8).map {
            try store.createTrend(Trend(title: "T\($0)", source: .vk, tags: ["t"]), embedding: $0 < 6 ? axis($0) : nil)
        }
        try store.createIdea(Idea(trendID: trends[0].id, title: "I", scores: someScores), embedding: axis(0))
    }

    private func damage(_ operations: [UpdateOperation]) throws {
        try storage.engine.write { _ = try $0.update("trends", operations) }
    }

    private func verify() throws -> (isWell: Bool, lines: [String]) {
        try storage.engine.close()
        var lines: [String] = []
        let isWell = try Engine.verify(storagePath: storage.path + "/storage", rows: TrendStore.verify) {
            lines.append($0)
        }
        return (isWell, lines)
    }

    @Test func nothingWrong() throws {
        let (isWell, lines) = try verify()
        #expect(isWell)
        #expect(lines.contains("trends: 8 rows and 6 points, 0 differences"))
        #expect(lines.contains("ideas: 1 rows and 1 points, 0 differences"))
    }

    @Test func eachKindOfDifferenceIsNamed() throws {
        let foreign = UUID()
        try damage([
            .delete(.ids([trends[0].id.pointID])),
            .deleteVectors(.ids([trends[1].id.pointID]), names: [""]),
            .setPayload(.ids([trends[2].id.pointID]), payload: ["title": "other", "extra": 1], key: nil),
            .upsert([
                PointStruct(id: foreign.pointID, vectors: ["": .dense(axis(0))]),
                PointStruct(id: trends[6].id.pointID, vectors: ["": .dense(axis(0))]),
            ]),
        ])
        let check = try storage.store.check().trends
        let (isWell, lines) = try verify()
        #expect(!isWell)
        func text(_ id: UUID) -> String { id.uuidString.lowercased() }
        #expect(lines.contains("trends: 8 rows and 7 points, 6 differences"), "\(lines)")
        #expect(lines.contains("trends: 1 rows count as embedded and have no point: \(text(trends[0].id))"))
        #expect(
            lines.contains("trends: 1 rows count as embedded and their points have no vector: \(text(trends[1].id))"))
        #expect(lines.contains("trends: 1 rows count as not embedded and have a vector: \(text(trends[6].id))"))
        #expect(lines.contains("trends: 1 points have no row: \(text(foreign))"))
        let payloads = try #require(lines.first { $0.hasPrefix("trends: 2 payloads differ from their rows: ") })
        #expect(payloads.contains("\(text(trends[2].id)) (title)"))
        #expect(lines.contains("ideas: 1 rows and 1 points, 0 differences"))
        // As the open store saw it.
        #expect(check.rowsWithoutPoint == [trends[0].id] && check.pointsWithoutVector == [trends[1].id])
        #expect(check.uncountedVectors == [trends[6].id] && check.pointsWithoutRow == [foreign.pointID])
        #expect(Set(check.payloadMismatches.map(\.id)) == [trends[2].id, trends[6].id])
        // Nothing was changed, and a repair is all that it takes.
        try storage.reopen()
        #expect(try storage.store.check().trends == check)
        _ = try storage.store.repair()
        #expect(try verify().isWell)
    }

    /// Engines without trends, and trends of an earlier program.
    @Test func otherStorages() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/trendstore-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let configuration = EngineConfiguration(storagePath: folder + "/storage", snapshotsPath: folder + "/snapshots")
        let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        try Engine(configuration: configuration, logger: silent).close()
        var lines: [String] = []
        let isWell = try Engine.verify(storagePath: folder + "/storage", rows: TrendStore.verify) {
            lines.append($0)
        }
        #expect(isWell && lines.isEmpty, "\(lines)")
        try storage.engine.write { try $0.database.execute(sql: "UPDATE trend_store SET format = 1") }
        let old = try verify()
        #expect(old.isWell && old.lines.contains("The trend tables have format 1; the next start takes them over"))
    }

    @Test func tablesOfANewerProgramAreNotWell() throws {
        try storage.engine.write { try $0.database.execute(sql: "UPDATE trend_store SET format = 99") }
        let (isWell, lines) = try verify()
        #expect(!isWell && lines.contains { $0.contains("format 99, which is newer") }, "\(lines)")
    }
}
