import Foundation
import JSON
import SearchEngine
import Testing

/// Archives of a collection that are whole, but hold what no request could have stored.
@Suite struct HostileSnapshotTests {
    private static let size = 4

    /// What an archive of an early format is made of; those of format 1 may have no checksums of their entries.
    private struct Archive {
        var format = 1
        var configuration: JSONValue
        var schemas: [JSONValue] = []
        var version: UInt64 = 10
        var rows: [[Float]] = [[1, 0, 0, 0], [0, 1, 0, 0]]
        var rowVersion: UInt64 = 5

        init(_ distance: String = "Cosine") {
            configuration = [
                "vectors": [["name": "", "size": JSONValue(size), "distance": .string(distance)]], "hnsw": ["m": 8],
                "shardNumber": 1, "replicationFactor": 1, "writeConsistencyFactor": 1, "onDiskPayload": true,
                "optimizers": [:], "wal": [:],
            ]
        }

        var bytes: Data {
            var records: [UInt8] = []
            func append(_ value: some FixedWidthInteger) {
                withUnsafeBytes(of: value.littleEndian) { records.append(contentsOf: $0) }
            }
            let stored = rows.map { row in row.withUnsafeBytes { Array($0) } }
            for (id, row) in stored.enumerated() {
                var sum = Checksum()
                row.withUnsafeBytes { sum.add($0) }
                append(UInt8(0))
                append(UInt64(0))
                append(UInt64(id))
                append(rowVersion)
                append(UInt64(1))
                append(sum.value)
                append(UInt32(2))
                records += Array("{}".utf8)
            }
            // Record by record, as the archive is read.
            var sum = Checksum()
            let length = records.count / rows.count
            for start in stride(from: 0, to: records.count, by: length) {
                records[start..<start + length].withUnsafeBytes { sum.add($0) }
            }
            let manifest: JSONValue = [
                "format": JSONValue(format), "name": "c", "configuration": configuration, "version": JSONValue(version),
                "points": JSONValue(rows.count), "pointsChecksum": JSONValue(sum.value),
                "payloadIndexes": .array(schemas),
            ]
            var archive = SnapshotArchive()
            archive.entries = [
                ("collection.json", manifest.serialized()), ("points.bin", records),
                ("vectors/0", stored.flatMap { $0 }),
            ]
            return Data(archive.bytes(withChecksums: format > 1))
        }
    }

    private func restore(_ archive: Archive, in fixture: EngineFixture) throws {
        let path = fixture.folder + "/made.snapshot"
        try archive.bytes.write(to: URL(filePath: path))
        try fixture.engine.recoverSnapshot("c", file: path, checksum: nil)
    }

    @Test func whatARequestCouldStoreIsRestored() throws {
        let fixture = try EngineFixture()
        for distance in ["Cosine", "Dot", "Euclid", "Manhattan"] {
            var archive = Archive(distance)
            archive.schemas = [["key": "n", "schema": ["type": "text", "minTokenLength": 2, "maxTokenLength": 5]]]
            archive.configuration["strictMode"] = ["enabled": false, "max_query_limit": 10, "of_tomorrow": "x"]
            archive.configuration["optimizers"] = ["deleted_threshold": 0.3, "max_optimization_threads": nil]
            for format in 1...2 {
                archive.format = format
                try restore(archive, in: fixture)
                let records = try fixture.engine.retrieve(
                    "c", ids: [.number(0), .number(1)], payload: .all, vectors: .all)
                #expect(records.map { $0.vectors?[""] } == [[1, 0, 0, 0], [0, 1, 0, 0]])
            }
        }
    }

    @Test func numbersThatCannotBe() throws {
        let fixture = try EngineFixture()
        let object: [(String, JSONValue)] = [
            ("hnsw", ["maxIndexingThreads": -1]), ("hnsw", ["m": -1]), ("hnsw", ["efConstruct": 3]),
            ("hnsw", ["fullScanThreshold": -5]), ("hnsw", ["payloadM": -1]), ("hnsw", ["recall": 1.5]),
            ("hnsw", ["recall": 0]), ("quantization", ["quantile": 0.2]), ("quantization", ["quantile": -1]),
            ("shardNumber", 0), ("shardNumber", -3), ("replicationFactor", 0), ("writeConsistencyFactor", -1),
            ("optimizers", ["deleted_threshold": 2]), ("optimizers", ["vacuum_min_vector_number": 1]),
            ("optimizers", ["indexing_threshold": -1]), ("optimizers", ["max_segment_size": "x"]),
            ("optimizers", ["prevent_unoptimized": true]), ("optimizers", 7), ("wal", ["wal_capacity_mb": 0]),
            ("wal", [1]), ("strictMode", ["enabled": true]), ("strictMode", ["max_query_limit": 0]),
            ("strictMode", ["search_max_oversampling": -1]), ("strictMode", "on"), ("metadata", 3),
            ("vectors", [["name": "", "size": 0, "distance": "Cosine"]]),
            ("vectors", [["name": "", "size": -4, "distance": "Cosine"]]),
            ("vectors", [["name": "", "size": 4, "distance": "Cosine", "datatype": "float8"]]),
            ("vectors", [["name": "", "size": 4, "distance": "Cosine", "hnsw": ["maxIndexingThreads": -1]]]),
            ("vectors", [["name": "", "size": 4, "distance": "Cosine", "quantization": ["quantile": 7]]]),
        ]
        for (key, value) in object {
            var archive = Archive()
            archive.configuration[key] = value
            #expect(throws: EngineError.self, "\(key): \(value)") { try restore(archive, in: fixture) }
        }
        for schema: JSONValue in [
            ["type": "text", "minTokenLength": -1], ["type": "text", "minTokenLength": 5, "maxTokenLength": 4],
            ["type": "integer", "lookup": false, "range": false],
        ] {
            var archive = Archive()
            archive.schemas = [["key": "n", "schema": schema]]
            #expect(throws: EngineError.self, "\(schema)") { try restore(archive, in: fixture) }
        }
        var newer = Archive()
        newer.rowVersion = 11
        #expect(throws: EngineError.self) { try restore(newer, in: fixture) }
        #expect(fixture.engine.collectionNames().isEmpty)
    }

    @Test func vectorsThatCannotBe() throws {
        let fixture = try EngineFixture()
        for (distance, row) in [
            ("Cosine", [Float.nan, 0, 0, 0]), ("Dot", [.infinity, 0, 0, 0]), ("Euclid", [0, 0, -.infinity, 0]),
            ("Manhattan", [0, 0, 0, .signalingNaN]), ("Cosine", [2, 0, 0, 0]), ("Cosine", [0.1, 0.1, 0, 0]),
            ("Cosine", [3e38, 3e38, 3e38, 3e38]),
        ] {
            var archive = Archive(distance)
            archive.rows.append(row)
            #expect(throws: EngineError.self, "\(distance) \(row)") { try restore(archive, in: fixture) }
        }
        #expect(fixture.engine.collectionNames().isEmpty)
        // What long vectors without a limit to their length may be.
        var archive = Archive("Dot")
        archive.rows = [[3e38, 1, 2, 3], [0, 0, 0, 0]]
        try restore(archive, in: fixture)
    }

    /// Names reach the disk, and no two meet there.
    @Test func namesOfAnyKind() throws {
        let fixture = try EngineFixture()
        let long = String(repeating: "n", count: 255)
        let names = [
            String(repeating: "%", count: 100), String(repeating: "%", count: 255), "%25", "%", "%2E", ".hidden", "..",
            "%sha256-x", long, String(long.dropLast()), String(repeating: "ü", count: 120), "a b", "%2Ehidden",
        ]
        for (number, name) in names.enumerated() {
            try fixture.engine.createCollection(name, .unnamed(1, .dot))
            let points = (0...UInt64(number)).map { PointStruct($0, [1]) }
            _ = try fixture.engine.updateBlocking(name, [.upsert(points)])
        }
        for name in names { _ = try fixture.engine.createSnapshot(name) }
        for (number, name) in names.enumerated() {
            let snapshots = try fixture.engine.snapshots(of: name)
            #expect(snapshots.count == 1, "\(name)")
            let path = try fixture.engine.snapshotPath(name, name: snapshots[0].name)
            try fixture.engine.recoverSnapshot("copy", file: path, checksum: nil)
            #expect(try fixture.engine.count("copy", filter: nil, exact: true) == number + 1)
        }
        let folders = try FileManager.default.contentsOfDirectory(atPath: fixture.folder + "/snapshots")
        #expect(folders.count == names.count && folders.allSatisfy { $0.utf8.count <= 160 })
    }

    /// The places of all values in a document that are neither objects nor arrays.
    private func places(_ value: JSONValue, _ place: [String] = []) -> [[String]] {
        switch value {
        case .object(let members): members.flatMap { places($0.value, place + [$0.key.string]) }
        case .array(let items): items.indices.flatMap { places(items[$0], place + ["\($0)"]) }
        default: [place]
        }
    }

    private func replacing(_ document: JSONValue, _ place: ArraySlice<String>, _ value: JSONValue) -> JSONValue {
        guard let key = place.first else { return value }
        switch document {
        case .object(var members):
            members[ByteString(key)] = replacing(members[ByteString(key)] ?? .null, place.dropFirst(), value)
            return .object(members)
        case .array(var items):
            let index = Int(key)!
            items[index] = replacing(items[index], place.dropFirst(), value)
            return .array(items)
        default: return value
        }
    }

    /// Whatever stands at any place of the manifest, with checksums that fit: it is refused, or the collection can be used.
    @Test func noValueOfTheManifestBringsTheEngineDown() throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        var configuration = CollectionConfiguration(vectors: [
            "a": VectorParameters(size: 2, distance: .dot), "b": VectorParameters(size: 3, distance: .euclid),
        ])
        configuration.hnsw = HNSWConfiguration(m: 8, efConstruct: 40)
        try engine.createCollection("c", configuration)
        _ = try engine.createVector("c", "gone", VectorParameters(size: 1, distance: .dot))
        _ = try engine.deleteVector("c", "gone")
        _ = try engine.createPayloadIndex("c", key: PayloadPath("n"), schema: PayloadFieldSchema(type: .integer))
        let points = (0..<5).map { id in
            PointStruct(id: .number(id), vectors: ["a": [1, Float(id)], "b": [1, 2, 3]], payload: .empty)
        }
        _ = try engine.updateBlocking("c", [.upsert(points)])
        let archive = try SnapshotArchive(
            engine.snapshotPath("c", name: engine.createSnapshot("c").name), fixture.fileSystem)
        let manifest = archive.manifest
        let values: [JSONValue] = [
            -1, 0, 1, 63, 64, .integer(1 << 31), .integer(.max), .integer(.max - 1), .integer(.min), .unsigned(.max),
            1.5,
            .double(1e300), .null, "x", [], [:],
        ]
        var taken = 0
        let path = fixture.folder + "/made.snapshot"
        for place in places(manifest) {
            for value in values {
                var forged = archive
                forged.manifest = replacing(manifest, place[...], value)
                try Data(forged.bytes()).write(to: URL(filePath: path))
                do { try engine.recoverSnapshot("d", file: path, checksum: nil) } catch is EngineError { continue }
                taken += 1
                for name in ["new", "newer"] {
                    _ = try? engine.createVector("d", name, VectorParameters(size: 1, distance: .dot))
                }
                _ = try? engine.updateBlocking("d", [.upsert(points)])
                _ = try? engine.updateBlocking("d", [.deleteVectors(.ids([.number(1)]), names: ["b"])])
                _ = try? engine.deleteVector("d", "b")
                _ = try? engine.query("d", QueryRequest(nearest: .vector([1, 2]), using: "a"))
                _ = try? engine.createSnapshot("d")
                #expect(try engine.deleteCollection("d"), "\(place): \(value)")
            }
        }
        #expect(taken > 0)
    }
}
