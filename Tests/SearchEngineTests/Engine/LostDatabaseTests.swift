import Foundation
import GRDB
import SearchEngine
import Testing

/// A database that is missing or older than the vectors never costs them.
@Suite struct LostDatabaseTests {
    private func filled() throws -> EngineFixture {
        let fixture = try EngineFixture()
        for name in ["a", "b"] {
            try fixture.engine.createCollection(name, .unnamed(2, .dot))
            _ = try fixture.engine.updateBlocking(name, [.upsert([PointStruct(1, [1, 2]), PointStruct(2, [3, 4])])])
        }
        return fixture
    }

    private func vectorFiles(_ storage: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: storage).filter { $0.hasSuffix(".f32") }.sorted()
    }

    @Test func anOrderlyStopNeedsNoLog() throws {
        let fixture = try filled()
        try fixture.close()
        for suffix in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: fixture.storagePath + "/trendex.sqlite3" + suffix)
        }
        #expect(try Engine.verify(storagePath: fixture.storagePath) { _ in })
        let engine = try EngineFixture.engine(storage: fixture.storagePath)
        #expect(try engine.count("b", filter: nil, exact: true) == 2)
        try engine.close()
    }

    /// Killed, then copied without the log, or without the database at all.
    @Test(arguments: [["-wal"], ["", "-wal"]])
    func noStartWithoutTheDatabase(_ missing: [String]) throws {
        let fixture = try filled()
        let storage = try fixture.copyOfStorage()
        let whole = try fixture.copyOfStorage()
        for suffix in missing {
            try FileManager.default.removeItem(atPath: "\(storage)/trendex.sqlite3\(suffix)")
        }
        let files = try vectorFiles(storage)
        for _ in 0..<2 {
            #expect {
                _ = try EngineFixture.engine(storage: storage)
            } throws: {
                "\($0)".contains("is missing or empty")
            }
        }
        #expect(try vectorFiles(storage) == files)
        if missing == ["-wal"] { #expect(try !Engine.verify(storagePath: storage) { _ in }) }
        // With the database back everything is there.
        for suffix in missing {
            try? FileManager.default.removeItem(atPath: "\(storage)/trendex.sqlite3\(suffix)")
            try FileManager.default.copyItem(
                atPath: "\(whole)/trendex.sqlite3\(suffix)", toPath: "\(storage)/trendex.sqlite3\(suffix)")
        }
        let engine = try EngineFixture.engine(storage: storage)
        #expect(try engine.count("a", filter: nil, exact: true) == 2)
        try engine.close()
    }

    /// Under an older database a newer collection's vectors are set aside, and a dropped one's are gone.
    @Test func whatAnOlderDatabaseCannotKnowIsSetAside() throws {
        let fixture = try filled()
        try fixture.close()
        let old = fixture.folder + "/old.sqlite3"
        try FileManager.default.copyItem(atPath: fixture.storagePath + "/trendex.sqlite3", toPath: old)
        try fixture.reopen()
        try fixture.engine.createCollection("c", .unnamed(2, .dot))
        _ = try fixture.engine.updateBlocking("c", [.upsert([PointStruct(1, [5, 6])])])
        try fixture.close()
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: fixture.storagePath + "/trendex.sqlite3" + suffix)
        }
        try FileManager.default.copyItem(atPath: old, toPath: fixture.storagePath + "/trendex.sqlite3")
        // What a creation that was cut short leaves: grown ahead, never written to.
        try FileManager.default.createDirectory(
            atPath: fixture.storagePath + "/vectors/4/0", withIntermediateDirectories: true)
        try Data(count: 65_536).write(to: URL(filePath: fixture.storagePath + "/vectors/4/0/0.f32"))
        var lines: [String] = []
        #expect(try !Engine.verify(storagePath: fixture.storagePath) { lines.append($0) })
        #expect(lines.contains { $0.contains("vectors/3") } && !lines.contains { $0.contains("vectors/4") })
        let engine = try EngineFixture.engine(storage: fixture.storagePath)
        #expect(engine.collectionNames() == ["a", "b"])
        #expect(
            try vectorFiles(fixture.storagePath) == [
                "set-aside/vectors-3-1/0/0.f32", "vectors/1/0/0.f32", "vectors/2/0/0.f32",
            ])
        #expect(try engine.deleteCollection("b"))
        try engine.close()
        // A kill before the files were removed.
        try FileManager.default.copyItem(
            atPath: fixture.storagePath + "/vectors/1", toPath: fixture.storagePath + "/vectors/2")
        try EngineFixture.engine(storage: fixture.storagePath).close()
        #expect(try vectorFiles(fixture.storagePath) == ["set-aside/vectors-3-1/0/0.f32", "vectors/1/0/0.f32"])
    }

    @Test func vectorsOfANewerGenerationAreKept() throws {
        let fixture = try filled()
        try fixture.close()
        let folder = fixture.storagePath + "/vectors/1"
        // What a compaction that was cut short leaves.
        try FileManager.default.copyItem(atPath: folder + "/0", toPath: folder + "/1")
        try fixture.reopen()
        try fixture.close()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["0"])
        try FileManager.default.moveItem(atPath: folder + "/0", toPath: folder + "/1")
        #expect {
            _ = try EngineFixture.engine(storage: fixture.storagePath)
        } throws: {
            "\($0)".contains("no generation 0, only 1")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["1"])
    }
}
