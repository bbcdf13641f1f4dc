import GRDB
import Logging

extension StorageLoader {
    private static let namedPoints = 20

    /// Deletes the points whose rows a power loss has taken: with durability `normal` the log may name rows that were
    /// never synced. Only those past `synced` can be among them, so that after an orderly stop there is nothing to do.
    func deleteLostPoints(_ db: GRDB.Database) throws {
        for row in try StoredCollection.all(db) {
            let collection = try StoredCollection(row)
            guard collection.synced < collection.slots else { continue }
            let rows = try StoredRows(collection, self)
            try rows.requireRows(collection.synced)
            var lost: [PointRow] = []
            try collection.table.forEachRow(from: collection.synced, db) { point, checksum in
                if try !rows.isSound(point, checksum: checksum) { lost.append(point) }
            }
            try rows.grow()
            guard !lost.isEmpty else { continue }
            for point in lost { try collection.table.delete(slot: point.slot, db) }
            logger.error(
                "Points were lost: their vectors had not reached the disk when the machine went down",
                metadata: [
                    "collection": "\(collection.name)", "points": "\(lost.count)",
                    "ids": .array(lost.prefix(Self.namedPoints).map { "\($0.id)" }),
                ])
        }
    }

    /// Records that the rows of all committed slots are on disk; the vector files were synced, and none has been written
    /// to since.
    static func markSynced(_ db: GRDB.Database) throws {
        try db.execute(sql: "UPDATE collections SET synced = slots WHERE synced < slots")
    }
}
