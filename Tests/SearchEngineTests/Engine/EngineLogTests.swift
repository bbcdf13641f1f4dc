import Foundation
import JSON
import Logging
import SearchEngine
import TestSupport
import Testing

/// What the log tells at INFO about changes and long work.
@Suite struct EngineLogTests {
    private let log = LogRecorder()

    private func withEngine(_ body: (Engine, String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "trendex-test-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var configuration = EngineConfiguration(storagePath: folder + "/storage", snapshotsPath: folder + "/snapshots")
        configuration.indexingThreads = 1
        configuration.recallAudits = .off
        let engine = try Engine(configuration: configuration, logger: log.logger)
        let result = Result { try body(engine, folder) }
        try engine.close()
        try result.get()
    }

    private func only(_ message: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> LogRecorder.Entry
    {
        let found = log.entries(message)
        try #require(found.count == 1, "\(message): \(log.entries)", sourceLocation: sourceLocation)
        #expect(found[0].level == .info, sourceLocation: sourceLocation)
        return found[0]
    }

    /// A metadata value that a handler can write as a number.
    private func number<Value>(_ entry: LogRecorder.Entry, _ key: String) throws -> Value {
        guard case .stringConvertible(let value) = entry.values[key] else {
            Issue.record("\(key) of \(entry) is no number")
            throw CancellationError()
        }
        return try #require(value as? Value)
    }

    @Test func collectionsAreTold() throws {
        try withEngine { engine, _ in
            try engine.createCollection("c", .unnamed(2))
            _ = try engine.updateBlocking("c", [.upsert([PointStruct(1, [1, 0]), PointStruct(2, [0, 1])])])
            #expect(throws: EngineError.self) { try engine.createCollection("c", .unnamed(2)) }
            #expect(try engine.deleteCollection("c"))
            #expect(try !engine.deleteCollection("c"))
            let created = try only("Collection created")
            #expect(created.metadata["collection"] == "c")
            #expect(try number(created, "vectors") as Int == 1)
            let deleted = try only("Collection deleted")
            #expect(deleted.metadata["collection"] == "c")
            #expect(try number(deleted, "points") as Int == 2)
        }
    }

    @Test func vectorsAliasesAndIndexesAreTold() throws {
        try withEngine { engine, _ in
            try engine.createCollection("c", .unnamed(2))
            _ = try engine.createVector("c", "v", VectorParameters(size: 5, distance: .dot))
            // There already: nothing is made.
            _ = try engine.createVector("c", "v", VectorParameters(size: 5, distance: .dot))
            _ = try engine.deleteVector("c", "v")
            _ = try engine.deleteVector("c", "v")
            let vector = try only("Vector created")
            #expect(vector.metadata["vector"] == "v" && vector.metadata["collection"] == "c")
            #expect(try number(vector, "size") as Int == 5)
            #expect(try only("Vector deleted").metadata["vector"] == "v")
            try engine.updateAliases([.create(alias: "a", collection: "c"), .rename(from: "a", to: "b")])
            try engine.updateAliases([.delete(alias: "b")])
            #expect(throws: EngineError.self) { try engine.updateAliases([.delete(alias: "b")]) }
            #expect(try only("Alias created").metadata == ["alias": "a", "collection": "c"])
            #expect(try only("Alias renamed").metadata == ["alias": "b", "before": "a"])
            #expect(try only("Alias deleted").metadata == ["alias": "b"])
            let key = try PayloadPath("n")
            _ = try engine.createPayloadIndex("c", key: key, schema: PayloadFieldSchema(type: .keyword))
            _ = try engine.deletePayloadIndex("c", key: key)
            _ = try engine.deletePayloadIndex("c", key: key)
            #expect(
                try only("Payload index created").metadata == ["collection": "c", "key": "n", "type": "keyword"])
            #expect(try only("Payload index deleted").metadata == ["collection": "c", "key": "n"])
        }
    }

    @Test func anIndexOnFirstUseIsTold() throws {
        try withEngine { engine, _ in
            try engine.createCollection("c", .unnamed(2))
            let points = (0..<10).map { PointStruct($0, [1, Float($0)], ["n": .integer(Int64($0))]) }
            _ = try engine.updateBlocking("c", [.upsert(points)])
            #expect(log.entries("Payload index built").isEmpty)
            let filter = Filter(must: [.field(try PayloadPath("n"), .match(.integer(3)))])
            for _ in 0..<2 { #expect(try engine.count("c", filter: filter, exact: true) == 1) }
            let built = try only("Payload index built")
            #expect(built.metadata["collection"] == "c" && built.metadata["key"] == "n")
            #expect(built.metadata["kind"] == "integer")
            #expect(try number(built, "points") as Int == 10)
            #expect(try number(built, "on_first_use") as Bool)
            #expect(try number(built, "milliseconds") as Double >= 0)
        }
    }

    @Test func snapshotsAndRestoresAreTold() throws {
        try withEngine { engine, folder in
            try engine.createCollection("c", .unnamed(2))
            _ = try engine.updateBlocking("c", [.upsert([PointStruct(1, [1, 0])])])
            let snapshot = try engine.createSnapshot("c")
            let created = try only("Snapshot created")
            #expect(created.metadata["collection"] == "c" && created.metadata["snapshot"] == snapshot.name)
            #expect(try number(created, "bytes") as Int == snapshot.size)
            #expect(try number(created, "milliseconds") as Double >= 0)
            let path = try engine.snapshotPath("c", name: snapshot.name)
            for name in ["c", "d"] { try engine.recoverSnapshot(name, file: path, checksum: nil) }
            let restored = log.entries("Snapshot restored")
            try #require(restored.count == 2)
            #expect(restored.map { $0.metadata["collection"] } == ["c", "d"])
            #expect(try restored.map { try number($0, "replaced") as Bool } == [true, false])
            #expect(try restored.map { try number($0, "points") as Int } == [1, 1])
            try engine.deleteSnapshot("c", name: snapshot.name)
            #expect(throws: EngineError.self) { try engine.deleteSnapshot("c", name: snapshot.name) }
            #expect(try only("Snapshot deleted").metadata == ["collection": "c", "snapshot": snapshot.name])
            let whole = try engine.createStorageSnapshot()
            let told = try #require(log.entries("Snapshot created").last)
            #expect(told.metadata["snapshot"] == whole.name && told.metadata["collection"] == nil)
            try engine.deleteStorageSnapshot(name: whole.name)
            #expect(log.entries("Snapshot deleted").last?.metadata == ["snapshot": whole.name])
        }
    }

    @Test func compactionsAreTold() throws {
        try withEngine { engine, _ in
            try engine.createCollection("c", .unnamed(2))
            let points = (0..<3_000).map { PointStruct($0, [1, Float($0)]) }
            _ = try engine.updateBlocking("c", [.upsert(points)])
            _ = try engine.updateBlocking("c", [.delete(.ids((0..<2_000).map { .number($0) }))])
            let limit = Date().addingTimeInterval(300)
            while log.entries("Compacted").isEmpty {
                try #require(Date() < limit, "no compaction: \(log.entries)")
                Thread.sleep(forTimeInterval: 0.01)
            }
            let begun = try only("Compacting")
            #expect(try number(begun, "live") as Int == 1_000)
            #expect(try number(begun, "slots") as Int == 3_000)
            let ended = try only("Compacted")
            #expect(ended.metadata["collection"] == "c")
            #expect(try number(ended, "live") as Int == 1_000)
            #expect(try number(ended, "removed") as Int == 2_000)
            #expect(try number(ended, "milliseconds") as Double >= 0)
        }
    }
}
