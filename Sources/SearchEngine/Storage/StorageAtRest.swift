import GRDB
import JSON

/// A storage whose engine is closed, for checks of rows that belong with points. Nothing of it is changed.
public struct StorageAtRest {
    /// Inside one read transaction: what is read fits together.
    public let database: GRDB.Database

    /// Calls `body` with each committed point of a collection. Complexity: O(points).
    ///
    /// - Parameters:
    ///   - id: of the collection in the database's table `collections`.
    ///   - vector: the name of the vector that `hasVector` tells of; empty for the unnamed one.
    /// - Returns: `false` when there is no such collection.
    /// - Throws: `EngineError.storage` for what no engine writes, and what `body` throws.
    public func forEachPoint(
        inCollection id: Int64, vector: String,
        _ body: (_ id: PointID, _ payload: Payload, _ hasVector: Bool) throws -> Void
    ) throws -> Bool {
        for row in try StoredCollection.all(database) where (row["id"] as Int64) == id {
            let collection = try StoredCollection(row)
            let entry = collection.configuration.vectorRegistry.entries[ByteString(vector)]
            let bit = entry.map { UInt64(1) << UInt64($0.bit) } ?? 0
            try collection.table.forEachRecord(database) { point, _, payload in
                try body(point.id, payload, point.vectors & bit != 0)
            }
            return true
        }
        return false
    }
}
