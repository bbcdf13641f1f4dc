import Foundation
import JSON
import SearchEngine
import Synchronization
import TestSupport
import Testing
import TrendStore

/// What a client of Qdrant's API does to the store's collections is followed in the rows, or refused.
@Suite struct KeptCollectionTests {
    private let storage: Storage
    private var store: TrendStore { storage.store }
    private var engine: Engine { storage.engine }

    init() throws { storage = try Storage() }

    private func status(_ id: UUID) throws -> EmbeddingStatus? { try store.trend(id)?.embeddingStatus }

    private func upsert(_ id: UUID, _ vectors: NamedVectors, _ payload: JSONObject = [:]) throws {
        let point = PointStruct(id: id.pointID, vectors: vectors, payload: Payload(.object(payload)))
        _ = try engine.updateBlocking("trends", [.upsert([point])])
    }

    @Test func aPointThatAPipelineWritesEmbedsItsTrend() throws {
        let trend = try store.createTrend(Trend(title: "T", source: .vk, tags: ["a"], engagementScore: 3))
        #expect(trend.embeddingStatus == .missing)
        #expect(try store.payload(trend.id, in: "trends") == nil)
        #expect(try store.searchTrends(.embedding(axis(4))).isEmpty)
        // Its own keys stay, and the row's fields are the row's.
        try upsert(trend.id, ["": .dense(axis(4))], ["title": "other", "model": "m"])
        #expect(try status(trend.id) == .current)
        let payload = try #require(try store.payload(trend.id, in: "trends"))
        #expect(payload["title"] == "T" && payload["model"] == "m" && payload["engagement_score"] == 3.0)
        #expect(try store.searchTrends(.embedding(axis(4))).map(\.row.id) == [trend.id])
        try storage.reopen()
        #expect(try status(trend.id) == .current)
        #expect(try store.check().isConsistent)
        // A change of the row keeps them, too.
        try store.updateTrend(trend.id) { $0.category = "c" }
        #expect(try store.payload(trend.id, in: "trends")?["model"] == "m")
        #expect(try store.payload(trend.id, in: "trends")?["category"] == "c")
    }

    @Test func deletedPointsAndVectorsLeaveTheRowInNeed() throws {
        let trends = try (0..<4).map { try store.createTrend(Trend(title: "\($0)", source: .vk), embedding: axis($0)) }
        _ = try engine.updateBlocking("trends", [.delete(.ids([trends[0].id.pointID]))])
        let title = Filter(must: [.field(try PayloadPath("title"), .match(.keyword("1")))])
        _ = try engine.updateBlocking("trends", [.delete(.filter(title))])
        _ = try engine.updateBlocking("trends", [.deleteVectors(.ids([trends[2].id.pointID]), names: [""])])
        #expect(try trends.map { try status($0.id) } == [.missing, .missing, .missing, .current])
        #expect(try store.check().isConsistent)
        // Deleted and made again by one request.
        _ = try engine.updateBlocking(
            "trends",
            [
                .delete(.ids([trends[3].id.pointID])),
                .upsert([PointStruct(id: trends[3].id.pointID, vectors: ["": .dense(axis(9))])]),
            ])
        #expect(try status(trends[3].id) == .current)
        #expect(try store.payload(trends[3].id, in: "trends")?["title"] == "3")
        #expect(try store.check().isConsistent)
        #expect(try store.embedTrends(trends.map { ($0.id, axis(5)) } + [(UUID(), axis(6))]) == trends.map(\.id))
        #expect(try trends.allSatisfy { try status($0.id) == .current })
        #expect(try store.check().isConsistent)
    }

    @Test func payloadsMirrorTheirRows() throws {
        let trend = try store.createTrend(Trend(title: "T", source: .vk, category: "c"), embedding: axis(0))
        let ids = PointSelection.ids([trend.id.pointID])
        for operation in [
            UpdateOperation.setPayload(ids, payload: ["title": "x", "mine": [1]], key: nil),
            .overwritePayload(ids, payload: ["other": 1], key: nil),
            .deletePayload(ids, keys: [try PayloadPath("category")]), .clearPayload(ids),
        ] {
            _ = try engine.updateBlocking("trends", [operation])
            #expect(try store.payload(trend.id, in: "trends")?["title"] == "T")
            #expect(try store.payload(trend.id, in: "trends")?["category"] == "c")
            #expect(try store.check().isConsistent)
        }
        #expect(try status(trend.id) == .current)
    }

    @Test func pointsWithoutARowAreNobodysBusiness() throws {
        try store.createTrend(Trend(title: "T", source: .vk))
        let id = UUID()
        try upsert(id, ["": .dense(axis(1))], ["title": "free"])
        #expect(try store.payload(id, in: "trends") == ["title": "free"])
        // A row that comes later takes it.
        let trend = try store.createTrend(Trend(id: id, title: "mine", source: .vk))
        #expect(trend.embeddingStatus == .current)
        #expect(try store.payload(id, in: "trends")?["title"] == "mine")
        #expect(try store.check().isConsistent)
    }

    @Test func aRefusedChangeLeavesTheRow() throws {
        let trend = try store.createTrend(Trend(title: "T", source: .vk))
        #expect(throws: EngineError.self) {
            _ = try engine.updateBlocking(
                "trends",
                [
                    .upsert([PointStruct(id: trend.id.pointID, vectors: ["": .dense(axis(1))])]),
                    .setPayload(.ids([UUID().pointID]), payload: ["a": 1], key: nil),
                ])
        }
        #expect(try status(trend.id) == .missing)
        #expect(try store.check().isConsistent)
    }

    @Test func theCollectionsAreTheStores() throws {
        try store.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
        // Of points alone.
        try engine.recoverSnapshot(
            "points", file: engine.snapshotPath("trends", name: engine.createSnapshot("trends").name), checksum: nil)
        let snapshot = try engine.createSnapshot("points")
        try engine.updateAliases([.create(alias: "live", collection: "trends")])
        for name in ["trends", "ideas"] {
            #expect(throws: EngineError.self) { try engine.deleteCollection(name) }
            #expect(throws: EngineError.self) {
                try engine.createVector(name, "v", VectorParameters(size: 1, distance: .dot))
            }
            #expect(throws: EngineError.self) { try engine.deleteVector(name, "") }
        }
        for name in ["trends", "live"] {
            let path = try engine.snapshotPath("points", name: snapshot.name)
            do {
                try engine.recoverSnapshot(name, file: path, checksum: nil)
                Issue.record("a snapshot was restored over \(name)")
            } catch let error as EngineError {
                #expect("\(error)".contains("trendex trends reset"), "\(error)")
            }
        }
        // Settings may change, and a copy under another name is anybody's.
        var update = CollectionUpdate()
        update.hnsw = HNSWConfiguration(efConstruct: 120)
        try engine.updateCollection("trends", update)
        try engine.recoverSnapshot(
            "copy", file: engine.snapshotPath("points", name: snapshot.name), checksum: snapshot.checksum)
        #expect(try engine.deleteCollection("copy"))
        #expect(try store.check().isConsistent)
    }

    @Test func aCollectionOfSomebodyElseIsLeftAlone() throws {
        let vector = VectorParameters(size: 768, distance: .cosine)
        try engine.createCollection("trends", CollectionConfiguration(vectors: ["": vector]))
        _ = try engine.updateBlocking(
            "trends", [.upsert([PointStruct(id: .number(1), vectors: ["": .dense(axis(0))])])])
        #expect(throws: TrendStoreError.self) { try store.createTrend(Trend(title: "T", source: .vk)) }
        #expect(try store.allTrends().isEmpty)
        // It isn't kept.
        #expect(try engine.deleteCollection("trends"))
        // An empty one that fits is taken over, one that doesn't isn't.
        try engine.createCollection(
            "trends", CollectionConfiguration(vectors: ["": VectorParameters(size: 3, distance: .cosine)]))
        #expect(throws: TrendStoreError.self) { try store.createTrend(Trend(title: "T", source: .vk)) }
        #expect(try engine.deleteCollection("trends"))
        try engine.createCollection("trends", CollectionConfiguration(vectors: ["": vector]))
        try store.createTrend(Trend(title: "T", source: .vk), embedding: axis(2))
        #expect(throws: EngineError.self) { try engine.deleteCollection("trends") }
    }

    /// Neither a check nor a repair nor a search looks at what isn't the store's, whatever its name leads to.
    @Test func repairsLeaveOthersAlone() throws {
        let vector = VectorParameters(size: 768, distance: .cosine)
        for name in ["trends", "other"] {
            try engine.createCollection(name, CollectionConfiguration(vectors: ["": vector]))
            _ = try engine.updateBlocking(
                name, [.upsert([PointStruct(id: .number(1), vectors: ["": .dense(axis(0))])])])
        }
        try engine.updateAliases([.create(alias: "ideas", collection: "other")])
        #expect(try store.repair() == RepairReport())
        #expect(try store.check() == CheckReport())
        for name in ["trends", "other"] { #expect(try engine.count(name, filter: nil, exact: true) == 1) }
        #expect(try store.searchTrends(.embedding(axis(0))).isEmpty && store.searchIdeas(.embedding(axis(0))).isEmpty)
        // An alias isn't written through.
        #expect(try engine.deleteCollection("trends"))
        #expect(throws: TrendStoreError.self) {
            try store.createTrend(Trend(title: "T", source: .vk), embedding: axis(1))
        }
        #expect(try engine.count("other", filter: nil, exact: true) == 1)
    }

    /// Points that a client put there for itself stay, unless somebody asks for their deletion.
    @Test func repairsDeletePointsOnDemandAlone() throws {
        try store.createTrend(Trend(title: "T", source: .vk))
        try upsert(UUID(), ["": .dense(axis(1))])
        #expect(try store.repair(deletingPoints: false).trends.removedPoints.isEmpty)
        #expect(try store.check().trends.pointsWithoutRow.count == 1)
        #expect(try store.repair(deletingPoints: true).trends.removedPoints.count == 1)
        #expect(try store.check().isConsistent)
    }

    /// The first change beside deletions of the collections that it makes: none ends half-way.
    @Test func theFirstChangeBesideDeletions() throws {
        for round in 0..<20 {
            let other = try Storage()
            let wrong = Mutex<[String]>([])
            onThreads(4) { thread in
                do {
                    if thread == 0 {
                        _ = try other.engine.deleteCollection("trends")
                    } else {
                        _ = try other.store.createTrend(
                            Trend(title: "T\(thread)", source: .vk), embedding: axis(thread))
                    }
                } catch let error as EngineError {
                    if thread > 0 { wrong.withLock { $0.append("\(error)") } }
                } catch {
                    wrong.withLock { $0.append("\(error)") }
                }
            }
            #expect(wrong.withLock { $0 } == [], "round \(round)")
            #expect(try other.store.check().isConsistent && other.store.allTrends().count == 3)
            #expect(throws: EngineError.self) { try other.engine.deleteCollection("trends") }
        }
    }
}
