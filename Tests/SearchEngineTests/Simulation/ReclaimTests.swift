import GRDB
import JSON
import SearchEngine
import Simulation
import TestSupport
import Testing

/// What dropped collections and old generations have left in the database goes little by little.
@Suite struct ReclaimTests {
    private let machine = SimulatedMachine(seed: SeededGenerator().seed)

    private var databaseBytes: Int { machine.files.contents["/storage/trendex.sqlite3"]?.count ?? 0 }

    private func fill(_ engine: Engine, _ name: String, _ count: Int) throws {
        let text = JSONValue.string(String(repeating: "text ", count: 100))
        for start in stride(from: 0, to: count, by: 1_000) {
            let points = (start..<start + 1_000).map { (id: Int) -> PointStruct in
                let vector: [Float] = [Float(id % 7 + 1), Float(id / 7 % 11), Float(id / 77 % 13), 1]
                return PointStruct(UInt64(id), vector, ["text": text])
            }
            _ = try engine.updateBlocking(name, [.upsert(points)])
        }
    }

    private func tables(_ engine: Engine) throws -> [String] {
        try engine.read { db in
            try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE name GLOB 'points_*' AND type = 'table'")
        }
    }

    @Test func aDropHoldsUpNoWriteAndTheFileShrinks() throws {
        let engine = try machine.open()
        for name in ["large", "other"] { try engine.createCollection(name, .unnamed(4)) }
        try fill(engine, "large", 20_000)
        machine.executor.held = "trendex-reclaim"
        #expect(try engine.deleteCollection("large"))
        // The name is free, and writes go on.
        try engine.createCollection("large", .unnamed(4))
        try fill(engine, "large", 1_000)
        #expect(try tables(engine).count == 3)
        machine.executor.held = nil
        var commits = 0
        while try tables(engine).count == 3 {
            machine.executor.run(steps: 1)
            commits += 1
        }
        #expect(commits >= 10, "the table goes in parts")
        machine.executor.run(for: .seconds(10))
        try engine.close()
        #expect(databaseBytes < 6 << 20)
        let reopened = try machine.open()
        #expect(try reopened.count("large", filter: nil, exact: true) == 1_000)
        try reopened.close()
    }

    @Test func aStartGoesOn() throws {
        let engine = try machine.open()
        try engine.createCollection("c", .unnamed(4))
        try fill(engine, "c", 10_000)
        machine.executor.held = "trendex-reclaim"
        #expect(try engine.deleteCollection("c"))
        machine.executor.held = nil
        try engine.close()
        let reopened = try machine.open()
        #expect(reopened.collectionNames().isEmpty)
        machine.executor.run(for: .seconds(10))
        #expect(try tables(reopened).isEmpty)
        try reopened.close()
        #expect(databaseBytes < 6 << 20)
    }

    /// A compaction that is begun anew makes a table of the name that the one before has left.
    @Test func aTableMadeAnewStays() throws {
        let count = 7_000
        var engine = try machine.open()
        try engine.createCollection("c", .unnamed(4))
        try fill(engine, "c", 10_000)
        machine.executor.run(for: .seconds(10))
        _ = try engine.updateBlocking("c", [.delete(.ids((0..<3_000).map { .number($0) }))])
        while try tables(engine).count == 1 { machine.executor.run(steps: 1) }
        #expect(try tables(engine).sorted() == ["points_1_0", "points_1_1"])
        try engine.close()
        engine = try machine.open()
        #expect(try tables(engine).count == 2, "as a kill would leave it")
        machine.executor.held = "trendex-reclaim"
        machine.executor.run(for: .seconds(100))
        machine.executor.held = nil
        machine.executor.run(for: .seconds(100))
        let left = try tables(engine)
        #expect(left == ["points_1_1"])
        #expect(try engine.count("c", filter: nil, exact: true) == count)
        try engine.close()
        engine = try machine.open()
        #expect(try engine.query("c", QueryRequest(Query(), payload: .all)).points.count == 10)
        #expect(try engine.count("c", filter: nil, exact: true) == count)
        try engine.close()
    }
}
