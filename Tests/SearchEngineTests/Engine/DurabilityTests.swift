import GRDB
import SearchEngine
import Testing

@Suite struct DurabilityTests {
    /// A commit of a `full` storage is synced, of a `normal` one left to checkpoints.
    @Test(arguments: [(EngineConfiguration.Durability.full, 2), (.normal, 1)])
    func theWriterSyncsAsAsked(_ durability: EngineConfiguration.Durability, _ level: Int) throws {
        let fixture = try EngineFixture()
        let path = fixture.folder + "/durability.sqlite3"
        let database = try EngineDatabase(path: path, durability: durability)
        let actual = try database.pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
        #expect(actual == level)
        let mode = try database.pool.writeWithoutTransaction { try String.fetchOne($0, sql: "PRAGMA journal_mode") }
        #expect(mode == "wal")
        try database.close()
    }
}
