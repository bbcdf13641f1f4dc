import Foundation
import JSON
import SearchEngine
import TestSupport
import Testing

@Suite struct SnapshotTests {
    private func filled() throws -> EngineFixture {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(4))
        let points = (0..<300).map { (index: Int) -> PointStruct in
            let vector: [Float] = [Float(index % 7) + 1, 1, Float(index % 3), 0.5]
            return PointStruct(UInt64(index), vector, ["n": .integer(Int64(index))])
        }
        _ = try fixture.engine.updateBlocking("c", [.upsert(points), .delete(.ids([.number(5), .number(6)]))])
        _ = try fixture.engine.createPayloadIndex(
            "c", key: PayloadPath("n"), schema: PayloadFieldSchema(type: .integer))
        return fixture
    }

    private func contents(_ engine: Engine, _ name: String) throws -> [String] {
        var request = QueryRequest(Query(), payload: .all)
        request.query.limit = 1_000
        request.vectors = .all
        return try engine.query(name, request).points.map { record in
            "\(record.id) \(String(decoding: record.payload!.json, as: UTF8.self)) \(record.vectors![""]!.dense!)"
        }
    }

    @Test func restoresWhatWasThere() throws {
        let fixture = try filled()
        let before = try contents(fixture.engine, "c")
        let snapshot = try fixture.engine.createSnapshot("c")
        let path = try fixture.engine.snapshotPath("c", name: snapshot.name)
        _ = try fixture.engine.updateBlocking("c", [.delete(.filter(Filter()))])
        #expect(try contents(fixture.engine, "c").isEmpty)
        try fixture.engine.updateAliases([.create(alias: "alias", collection: "c")])
        try fixture.engine.recoverSnapshot("c", file: path, checksum: snapshot.checksum)
        #expect(try contents(fixture.engine, "c") == before)
        #expect(try contents(fixture.engine, "alias") == before)
        #expect(try fixture.engine.deleteCollection("c"))
        try fixture.engine.recoverSnapshot("other", file: path, checksum: nil)
        #expect(try contents(fixture.engine, "other") == before)
        #expect(try fixture.engine.collectionInfo("other").payloadSchema["n"]?.points == 298)
        try fixture.reopen()
        #expect(try contents(fixture.engine, "other") == before)
        #expect(fixture.engine.collectionNames() == ["other"])
    }

    @Test func refusesAWrongChecksum() throws {
        let fixture = try filled()
        let snapshot = try fixture.engine.createSnapshot("c")
        let path = try fixture.engine.snapshotPath("c", name: snapshot.name)
        #expect(throws: EngineError.self) {
            try fixture.engine.recoverSnapshot("c", file: path, checksum: String(repeating: "0", count: 64))
        }
    }

    /// A flipped bit is refused wherever it lies, but for the padding between the entries.
    @Test func noBitMayFlip() throws {
        let fixture = try filled()
        var random = SeededGenerator()
        let whole = try Data(
            contentsOf: URL(
                filePath: fixture.engine.storageSnapshotPath(name: fixture.engine.createStorageSnapshot().name)))
        let one = try Data(
            contentsOf: URL(
                filePath: fixture.engine.snapshotPath("c", name: fixture.engine.createSnapshot("c").name)))
        let path = fixture.folder + "/flipped.snapshot"
        for (archive, rounds) in [(one, 150), (whole, 60)] {
            let inside = TarEntries(archive)
            for round in 0..<rounds {
                var bytes = archive
                // The first rounds stay inside the small entries that describe the others.
                let range = inside.ranges[
                    round < rounds / 2
                        ? [0, inside.ranges.count - 1].randomElement(using: &random)!
                        : Int.random(in: inside.ranges.indices, using: &random)]
                bytes[Int.random(in: range, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                try bytes.write(to: URL(filePath: path))
                #expect(throws: EngineError.self, "seed \(random.seed), round \(round)") {
                    if archive == one {
                        try fixture.engine.recoverSnapshot("c", file: path, checksum: nil)
                    } else {
                        try Engine.restoreStorage(snapshot: path, into: fixture.folder + "/flipped")
                    }
                }
            }
        }
        try one.write(to: URL(filePath: path))
        try fixture.engine.recoverSnapshot("c", file: path, checksum: nil)
        try whole.write(to: URL(filePath: path))
        #expect(throws: EngineError.self) {
            try Engine.restoreStorage(
                snapshot: path, checksum: String(repeating: "0", count: 64), into: fixture.folder + "/flipped")
        }
        let checksum = try fixture.engine.storageSnapshots()[0].checksum
        try Engine.restoreStorage(snapshot: path, checksum: checksum, into: fixture.folder + "/flipped")
    }

    /// Where the bytes of an archive's entries lie.
    private struct TarEntries {
        var ranges: [Range<Int>] = []

        init(_ archive: Data) {
            var offset = 0
            while archive[offset] != 0 {
                let digits = String(decoding: archive[offset + 124..<offset + 135], as: UTF8.self)
                let size = Int(digits, radix: 8)!
                offset += 512
                if size > 0 { ranges.append(offset..<offset + size) }
                offset += (size + 511) / 512 * 512
            }
        }
    }

    /// Any single damaged byte is either harmless padding or refused, and a refusal changes nothing.
    @Test func refusesDamage() throws {
        let fixture = try filled()
        var random = SeededGenerator()
        let snapshot = try fixture.engine.createSnapshot("c")
        let whole = try Data(contentsOf: URL(fileURLWithPath: fixture.engine.snapshotPath("c", name: snapshot.name)))
        let before = try contents(fixture.engine, "c")
        let damagedPath = fixture.folder + "/damaged.snapshot"
        var refused = 0
        for round in 0..<60 {
            var bytes = whole
            if round % 4 == 0 {
                bytes = bytes.prefix(Int.random(in: 0..<whole.count, using: &random))
            } else {
                bytes[Int.random(in: 0..<whole.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            }
            try bytes.write(to: URL(fileURLWithPath: damagedPath))
            do {
                try fixture.engine.recoverSnapshot("c", file: damagedPath, checksum: nil)
            } catch {
                refused += 1
            }
            #expect(try contents(fixture.engine, "c") == before, "seed \(random.seed), round \(round)")
        }
        #expect(refused > 30, "seed \(random.seed)")
        #expect(fixture.engine.collectionNames() == ["c"])
    }

    @Test func snapshotsAreTakenWhileWritesGoOn() async throws {
        let fixture = try filled()
        let engine = fixture.engine
        let writer = Task {
            for index in 1_000..<1_400 {
                _ = try await engine.update("c", [.upsert([PointStruct(UInt64(index), [1, 2, 3, 4], ["n": 1])])])
            }
        }
        var snapshots: [SnapshotDescription] = []
        for _ in 0..<5 { snapshots.append(try engine.createSnapshot("c")) }
        try await writer.value
        for snapshot in snapshots {
            try engine.recoverSnapshot(
                "copy", file: engine.snapshotPath("c", name: snapshot.name), checksum: snapshot.checksum)
            let count = try engine.count("copy", filter: nil, exact: true)
            #expect(count >= 298 && count <= 698)
        }
    }

    @Test func wholeStorageRoundTrip() throws {
        let fixture = try filled()
        try fixture.engine.createCollection("empty", .unnamed(8, .euclid))
        try fixture.engine.updateAliases([.create(alias: "alias", collection: "c")])
        let before = try contents(fixture.engine, "c")
        let snapshot = try fixture.engine.createStorageSnapshot()
        #expect(try fixture.engine.storageSnapshots().map(\.name) == [snapshot.name])
        let path = try fixture.engine.storageSnapshotPath(name: snapshot.name)
        let target = fixture.folder + "/restored"
        try Engine.restoreStorage(snapshot: path, into: target)
        #expect(throws: EngineError.self) { try Engine.restoreStorage(snapshot: path, into: target) }
        let engine = try Engine(
            configuration: EngineConfiguration(storagePath: target, snapshotsPath: target + "-snapshots"),
            logger: .init(label: "test"))
        #expect(engine.collectionNames() == ["c", "empty"])
        #expect(try contents(engine, "alias") == before)
        try engine.close()
    }

    /// A kill may leave a checksum whose archive never came, or half of either.
    @Test func aStartRemovesRemains() throws {
        let fixture = try filled()
        let kept = [try fixture.engine.createSnapshot("c").name, try fixture.engine.createStorageSnapshot().name]
        let folder = fixture.storagePath + "/../snapshots"
        for place in [folder, folder + "/c"] {
            for name in [
                "lost.snapshot.checksum", "half.snapshot.partial", "half.snapshot.checksum.partial", "notes.txt",
            ] {
                try Data("x".utf8).write(to: URL(filePath: "\(place)/\(name)"))
            }
        }
        try fixture.reopen()
        for (place, name) in [(folder + "/c", kept[0]), (folder, kept[1])] {
            let names = try FileManager.default.contentsOfDirectory(atPath: place).filter { $0 != "c" }
            #expect(names.sorted() == [name, name + ".checksum", "notes.txt"].sorted())
        }
    }

    @Test func namesThatAreNotListedAreNotFound() throws {
        let fixture = try filled()
        for name in ["../../storage/trendex.sqlite3", "", ".", "/etc/passwd", "x.snapshot"] {
            #expect(throws: EngineError.self) { _ = try fixture.engine.snapshotPath("c", name: name) }
            #expect(throws: EngineError.self) { try fixture.engine.deleteSnapshot("c", name: name) }
            #expect(throws: EngineError.self) { _ = try fixture.engine.storageSnapshotPath(name: name) }
        }
    }
}
