import Foundation
import SearchEngine
import TestSupport
import Testing
import VectorIndex

/// When audits begin, and what ends them.
@Suite struct AuditScheduleTests {
    private static let dimensions = EngineFixture.clusteredDimensions
    private let noLog = LogRecorder()

    @Test func anAuditIsDueWhenTheIndexHasChanged() throws {
        var random = SeededGenerator()
        let fixture = try EngineFixture.clustered(.cosine, &random)
        var auditor = RecallAuditor(.small(), environment: Environment(), logger: noLog.logger)
        #expect(try !fixture.audit("c", &auditor).isEmpty)
        #expect(try fixture.audit("c", &auditor).isEmpty, "nothing has changed")
        try fixture.fill("c", 3_000..<3_200) { _ in random.vector(Self.dimensions) }
        #expect(try fixture.audit("c", &auditor).isEmpty, "7 % more")
        try fixture.fill("c", 3_200..<3_400) { _ in random.vector(Self.dimensions) }
        #expect(try !fixture.audit("c", &auditor).isEmpty, "13 % more")
        #expect(try fixture.field("c").recall.audit?.figures.points == 3_400)
        // Rewritten points are tombstones and new slots.
        try fixture.fill("c", 0..<400) { _ in random.vector(Self.dimensions) }
        #expect(try !fixture.audit("c", &auditor).isEmpty, "12 % tombstones")
        #expect(try fixture.audit("c", &auditor).isEmpty)
    }

    @Test func newQueriesAreWorthAnAuditAfterAWhile() throws {
        var random = SeededGenerator()
        let fixture = try EngineFixture.clustered(.cosine, &random)
        var settings = RecallAuditor.Settings.small()
        settings.newQueries = 4
        var patient = RecallAuditor(settings, environment: Environment(), logger: noLog.logger)
        settings.interval = .zero
        var eager = RecallAuditor(settings, environment: Environment(), logger: noLog.logger)
        #expect(try !fixture.audit("c", &patient).isEmpty)
        #expect(try fixture.audit("c", &eager).isEmpty, "no new queries")
        for _ in 0..<64 {
            let request = QueryRequest(nearest: .vector(.dense(random.vector(Self.dimensions))))
            _ = try fixture.engine.query("c", request)
        }
        #expect(try fixture.audit("c", &patient).isEmpty, "not yet")
        #expect(try !fixture.audit("c", &eager).isEmpty)
        #expect(try fixture.audit("c", &eager).isEmpty, "they are no longer new")
    }

    @Test func anAuditEndsWithItsCollection() throws {
        var random = SeededGenerator()
        let fixture = try EngineFixture.clustered(.cosine, &random)
        try fixture.waitUntilSettled("c")
        var auditor = RecallAuditor(.small(), environment: Environment(), logger: noLog.logger)
        do {
            let collection = try fixture.engine.collection("c")
            for _ in 0..<10 { #expect(auditor.step { [collection] } == .worked(isFirst: true)) }
            #expect(!auditor.queries.isEmpty)
            #expect(try fixture.engine.deleteCollection("c"))
            #expect(auditor.step { [collection] } == .gaveUp)
            #expect(auditor.queries.isEmpty, "it lets go of the collection")
            #expect(auditor.step { [collection] } == .idle, "a dropped collection isn't begun")
        }
        #expect(throws: EngineError.self) { try fixture.engine.recall("c") }
    }

    @Test func anAuditIsGivenUpWhenTheIndexGrows() throws {
        var random = SeededGenerator()
        let fixture = try EngineFixture.clustered(.cosine, &random)
        try fixture.waitUntilSettled("c")
        let collection = try fixture.engine.collection("c")
        var auditor = RecallAuditor(.small(), environment: Environment(), logger: noLog.logger)
        for _ in 0..<10 { #expect(auditor.step { [collection] } == .worked(isFirst: true)) }
        try fixture.fill("c", 3_000..<4_000) { _ in random.vector(Self.dimensions) }
        #expect(auditor.step { [collection] } == .gaveUp)
        #expect(try fixture.field("c").recall.audit == nil)
        #expect(try !fixture.audit("c", &auditor).isEmpty)
        #expect(try fixture.field("c").recall.audit?.figures.points == 4_000)
    }

    /// The other index is a new generation's, or one with other settings over the same rows.
    @Test(arguments: [true, false]) func anotherIndexKeepsWhatIsKnown(compacts: Bool) throws {
        var random = SeededGenerator()
        let fixture = try EngineFixture.clustered(.cosine, &random)
        for _ in 0..<64 {
            let request = QueryRequest(nearest: .vector(.dense(random.vector(Self.dimensions))))
            _ = try fixture.engine.query("c", request)
        }
        var auditor = RecallAuditor(.small(), environment: Environment(), logger: noLog.logger)
        #expect(try !fixture.audit("c", &auditor).isEmpty)
        let before = try fixture.engine.recall("c").vectors[0].background
        let collection = try fixture.engine.collection("c")
        let generation = collection.lock.read { collection.generation.number }
        // A second audit, which the other index interrupts.
        try fixture.fill("c", 3_000..<3_500) { _ in random.vector(Self.dimensions) }
        try fixture.waitUntilSettled("c")
        #expect(auditor.step { [collection] } == .worked(isFirst: false))
        if compacts {
            let ids = (0..<1_000).map { PointID.number($0) }
            _ = try fixture.engine.updateBlocking("c", [.delete(.ids(ids))])
        } else {
            var update = CollectionUpdate()
            update.vectors[""] = .init(hnsw: HNSWConfiguration(m: 6))
            try fixture.engine.updateCollection("c", update)
        }
        try fixture.waitUntilSettled("c")
        #expect(collection.lock.read { collection.generation.number } == generation + (compacts ? 1 : 0))
        #expect(auditor.step { [collection] } == .gaveUp)
        #expect(try fixture.engine.recall("c").vectors[0].background == before)
        #expect(try fixture.field("c").recall.recent.noted == 4)
        #expect(try !fixture.audit("c", &auditor).isEmpty)
        let after = try #require(try fixture.engine.recall("c").vectors[0].background)
        #expect((after.points, after.recentQueries) == (compacts ? 2_500 : 3_500, 4))
    }

    @Test func whatIsScannedIsNotAudited() throws {
        var random = SeededGenerator()
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("small", .unnamed(8))
        try fixture.fill("small", 0..<500) { _ in random.vector(8) }
        var flat = CollectionConfiguration.unnamed(32)
        flat.hnsw.m = 0
        try fixture.engine.createCollection("flat", flat)
        try fixture.fill("flat", 0..<2_000) { _ in random.vector(32) }
        for name in ["small", "flat"] {
            var auditor = RecallAuditor(.small(), environment: Environment(), logger: noLog.logger)
            #expect(try fixture.audit(name, &auditor).isEmpty)
            #expect(try fixture.engine.recall(name).vectors[0].isScanned)
        }
    }

    /// The thread that does all that by itself.
    @Test func theEngineAuditsInTheBackground() throws {
        var random = SeededGenerator()
        let fixture = try EngineFixture()
        try fixture.close()
        var configuration = EngineConfiguration(
            storagePath: fixture.folder + "/other", snapshotsPath: fixture.folder + "/snapshots")
        configuration.recallAudits.sample = 16
        let engine = try Engine(configuration: configuration, logger: noLog.logger)
        defer { try? engine.close() }
        try engine.createCollection("c", .unnamed(Self.dimensions))
        let points = (0..<1_500).map { PointStruct(UInt64($0), random.vector(Self.dimensions)) }
        _ = try engine.updateBlocking("c", [.upsert(points)])
        let deadline = ContinuousClock.now + .seconds(600)
        while try engine.recall("c").vectors[0].background == nil {
            try #require(ContinuousClock.now < deadline)
            Thread.sleep(forTimeInterval: 0.02)
        }
        #expect(try engine.recall("c").vectors[0].background?.queries == 16)
    }
}
