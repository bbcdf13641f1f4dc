import GRDB
import JSON
import VectorIndex

/// A collection's row in the database, with every number checked: a storage may have been restored from anywhere.
struct StoredCollection {
    let id: Int64
    let name: String
    let configuration: CollectionConfiguration
    let generation: Int
    let version: UInt64
    /// Slots committed.
    let slots: Int
    /// Slots whose rows are surely on disk.
    let synced: Int

    var table: PointsTable { PointsTable(collection: id, generation: generation) }
    var isHidden: Bool { name.utf8.starts(with: CollectionRestore.hiddenPrefix.utf8) }

    static func all(_ db: GRDB.Database) throws -> [Row] {
        // Without the upgrade, which a reader doesn't make, the first format has no `synced`.
        let synced = try EngineDatabase.knownVersion(db) == 1 ? "0 AS synced" : "synced"
        return try Row.fetchAll(
            db,
            sql: "SELECT id, name, configuration, generation, version, slots, \(synced) FROM collections ORDER BY name")
    }

    /// Throws `.storage` for a row that no engine writes.
    init(_ row: Row) throws {
        id = row["id"]
        name = row["name"]
        generation = row["generation"]
        version = UInt64(bitPattern: row["version"] as Int64)
        slots = row["slots"]
        synced = row["synced"]
        do {
            configuration = try CollectionConfiguration(
                stored: JSONValue(parsing: Array((row["configuration"] as String).utf8)))
            try configuration.validate()
        } catch {
            throw EngineError.storage("Collection `\(name)`: its stored configuration can't be: \(error)")
        }
        guard id > 0, generation >= 0, 0...VectorIndex.maximumSlots ~= slots, 0...slots ~= synced else {
            throw EngineError.storage("Collection `\(name)`: its row in the database is damaged")
        }
    }
}
