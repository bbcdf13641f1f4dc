import Foundation
import GRDB
import HookedFiles
import JSON
import Logging
import SearchEngine
import Synchronization
import Testing

@Suite struct DurabilityTests {
    /// A commit of a `full` storage is synced, of a `normal` one left to checkpoints.
    @Test(arguments: [(EngineConfiguration.Durability.full, 2), (.normal, 1)])
    func theWriterSyncsAsAsked(_ durability: EngineConfiguration.Durability, _ level: Int) throws {
        let fixture = try EngineFixture()
        let path = fixture.folder + "/durability.sqlite3"
        let database = try EngineDatabase(path: path, durability: durability, environment: Environment())
        let actual = try database.pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
        #expect(actual == level)
        let mode = try database.pool.writeWithoutTransaction { try String.fetchOne($0, sql: "PRAGMA journal_mode") }
        #expect(mode == "wal")
        try database.close(withoutLog: true)
    }

    /// Storages of older formats: the first looks at every point once, payloads have no checksums yet, and vectors no ids.
    @Test(arguments: [1, 2, 3])
    func olderFormatsAreUpgraded(_ version: Int) throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(2))
        _ = try fixture.engine.updateBlocking("c", [.upsert([PointStruct(1, [1, 0])])])
        try fixture.close()
        let queue = try DatabaseQueue(path: fixture.storagePath + "/trendex.sqlite3")
        try queue.write { db in
            if version == 1 { try db.execute(sql: "ALTER TABLE collections DROP COLUMN synced") }
            if version < 3 { try db.execute(sql: "ALTER TABLE points_1_0 DROP COLUMN payload_checksum") }
            let configuration =
                "json_remove(configuration, '$.nextVector', '$.vectors[0].id', '$.vectors[0].bit')"
            try db.execute(
                sql: "UPDATE collections SET configuration = \(configuration); PRAGMA user_version = \(version)")
        }
        try queue.close()
        #expect(try Engine.verify(storagePath: fixture.storagePath) { _ in })
        try fixture.reopen()
        #expect(try fixture.engine.count("c", filter: nil, exact: true) == 1)
        #expect(try slots(fixture.storagePath) == [[1, 1]])
        _ = try fixture.engine.updateBlocking("c", [.upsert([PointStruct(2, [1, 0], ["a": 1])])])
        try fixture.close()
        #expect(try Engine.verify(storagePath: fixture.storagePath) { _ in })
    }

    /// With durability `full` every commit, with `normal` a checkpoint or the close, tells which rows are on disk.
    @Test func theWatermarkFollowsTheSyncs() throws {
        for durability in [EngineConfiguration.Durability.full, .normal] {
            let fixture = try EngineFixture(durability: durability)
            try fixture.engine.createCollection("c", .unnamed(2))
            for id in 0..<10 {
                _ = try fixture.engine.updateBlocking("c", [.upsert([PointStruct(UInt64(id), [1, 0])])])
            }
            #expect(try slots(fixture.storagePath) == [[10, durability == .full ? 10 : 0]])
            for id in 10..<110 {
                _ = try fixture.engine.updateBlocking("c", [.upsert([PointStruct(UInt64(id), [1, 0])])])
            }
            let row = try slots(fixture.storagePath)[0]
            #expect(row[0] == 110)
            #expect(durability == .full ? row[1] == 110 : (1..<110).contains(row[1]))
            try fixture.close()
            #expect(try slots(fixture.storagePath) == [[110, 110]])
        }
    }

    /// A power loss keeps the log and takes rows that were never synced: zeros, or the file's end. Their points are
    /// gone after the next start, the others are there, and so are the ones written then.
    @Test(arguments: [false, true])
    func lostRowsTakeTheirPointsAlong(_ isCut: Bool) throws {
        let fixture = try EngineFixture(durability: .normal)
        try fixture.engine.createCollection("c", .unnamed(1_024))
        func point(_ id: Int) -> PointStruct {
            PointStruct(UInt64(id), (0..<1_024).map { Float(($0 + id) % 7) + 1 }, ["n": .integer(Int64(id))])
        }
        _ = try fixture.engine.updateBlocking("c", [.upsert((0..<20).map(point))])
        try fixture.reopen()
        _ = try fixture.engine.updateBlocking("c", [.upsert((20..<40).map(point))])
        // Rewritten: of the old row nothing is left.
        _ = try fixture.engine.updateBlocking("c", [.upsert([point(5)])])
        let crashed = try fixture.copyOfStorage()
        #expect(try slots(crashed) == [[41, 20]])
        let file = try FileHandle(forUpdating: URL(filePath: crashed + "/vectors/1/0/0.f32"))
        if isCut {
            try file.truncate(atOffset: 30 * 4_096)
        } else {
            try file.seek(toOffset: 30 * 4_096)
            try file.write(contentsOf: Data(count: 11 * 4_096))
        }
        try file.close()
        let engine = try EngineFixture.engine(storage: crashed, durability: .normal)
        let kept = (0..<30).filter { $0 != 5 }
        var scroll = QueryRequest(Query(), payload: .all)
        scroll.query.limit = 100
        #expect(try engine.query("c", scroll).points.map(\.id) == kept.map { .number(UInt64($0)) })
        let filter = Filter(must: [.field(try PayloadPath("n"), .range(RangeBounds(gte: 25)))])
        #expect(try engine.count("c", filter: filter, exact: true) == 5)
        #expect(
            try engine.query("c", QueryRequest(nearest: .id(.number(3)), limit: 100)).points.count
                == 28)
        _ = try engine.updateBlocking("c", [.upsert([point(5), point(35)])])
        #expect(try engine.count("c", filter: nil, exact: true) == 31)
        try engine.close()
        #expect(try slots(crashed) == [[43, 43]])
        #expect(try Engine.verify(storagePath: crashed) { _ in })
    }

    /// Rows that were synced are not lost but damaged when they are missing: the start says so.
    @Test func syncedRowsMustBeThere() throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(1_024))
        _ = try fixture.engine.updateBlocking(
            "c", [.upsert((0..<20).map { PointStruct(UInt64($0), [Float](repeating: 1, count: 1_024)) })])
        try fixture.close()
        let file = try FileHandle(forUpdating: URL(filePath: fixture.storagePath + "/vectors/1/0/0.f32"))
        try file.truncate(atOffset: 10 * 4_096)
        try file.close()
        #expect(throws: EngineError.self) { _ = try EngineFixture.engine(storage: fixture.storagePath) }
    }

    /// A payload that isn't the one that was written is damage, whichever way it was written.
    @Test func payloadsHaveChecksums() throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(2))
        _ = try fixture.engine.updateBlocking(
            "c",
            [
                .upsert((1...3).map { PointStruct($0, [1, 0], ["t": "price 7"]) }),
                .setPayload(.ids([.number(2)]), payload: ["u": "more"], key: nil),
            ])
        try fixture.close()
        #expect(try Engine.verify(storagePath: fixture.storagePath) { _ in })
        let queue = try DatabaseQueue(path: fixture.storagePath + "/trendex.sqlite3")
        try queue.write { db in
            try db.execute(sql: "UPDATE points_1_0 SET payload = replace(payload, '7', '6') WHERE id < 3")
        }
        try queue.close()
        var lines: [String] = []
        #expect(try !Engine.verify(storagePath: fixture.storagePath) { lines.append($0) })
        #expect(lines == ["c: 3 points, 2 damaged"])
    }

    /// Files are removed only when the commit that dropped them can't be lost: the log is synced before, also with
    /// durability `normal`.
    @Test func filesOutliveTheCommitThatNamesThem() throws {
        let files = HookedFileSystem()
        let fixture = try EngineFixture(durability: .normal, fileSystem: files)
        try fixture.engine.createCollection("c", .unnamed(2))
        _ = try fixture.engine.updateBlocking("c", [.upsert([PointStruct(1, [1, 0])])])
        let snapshot = try fixture.engine.createSnapshot("c")
        let archive = try fixture.engine.snapshotPath("c", name: snapshot.name)
        let isSynced = Mutex(false)
        let removed = Mutex<[String: Bool]>([:])
        files.onSync = { path in if path.hasSuffix("sqlite3-wal") { isSynced.withLock { $0 = true } } }
        files.onRemove = { path in removed.withLock { $0[path] = isSynced.withLock { $0 } } }
        try fixture.engine.recoverSnapshot("c", file: archive, checksum: nil)
        #expect(removed.withLock { $0["\(fixture.storagePath)/vectors/1"] } == true)
        isSynced.withLock { $0 = false }
        #expect(try fixture.engine.deleteCollection("c"))
        #expect(removed.withLock { $0["\(fixture.storagePath)/vectors/2"] } == true)
    }

    private func slots(_ storage: String) throws -> [[Int]] {
        var configuration = Configuration()
        configuration.readonly = true
        let queue = try DatabaseQueue(path: storage + "/trendex.sqlite3", configuration: configuration)
        return try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT slots, synced FROM collections ORDER BY id").map {
                [$0["slots"], $0["synced"]]
            }
        }
    }
}
